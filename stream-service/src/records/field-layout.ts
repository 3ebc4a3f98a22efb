// How the objects of a stream are written. A *lead* is what stands between two values of an object, with its blanks:
//
//   {"type":"click","page":"/p/7","value":9.5}
//   ^^^^^^^^^     ^^^^^^^^^      ^^^^^^^^^             the leads: {"type":"   ,"page":"   ,"value":
//
// Records of a stream nearly always have the same leads in the same order, so a lead remembers which ones came behind it, and a
// scanner compares bytes instead of looking for names. The quote that opens a string belongs to the lead: it tells the kind
// of the value. A lead never spans a line.

/** A field that somebody wants, or that leads to one. */
export class WantedField {
  readonly name: Buffer
  /** The slot of its value; -1 when only fields below it are wanted. */
  slot = -1
  /** The slots of fields below it, with their paths from here. */
  readonly below: { readonly slot: number; readonly path: readonly string[] }[] = []
  /** The object that is expected as its value, when fields below it are wanted. */
  layout: ObjectLayout | undefined
  /** The number of the record in which it was met last, for fields with a layout. */
  metIn = 0
  /** By kind, what stands for its leads that are not learned. */
  readonly unlearned: (Lead | undefined)[] = []

  constructor(name: Buffer) {
    this.name = name
  }
}

/** What to do with the value behind a lead. */
export const skipAText = 0
export const skipAnyValue = 1
export const takeAText = 2
export const takeAnyValue = 3
export const enterObject = 4

/** Records end before this: positions and lengths add up to 32-bit integers. */
export const maxPosition = 1 << 29

/** A lead has at least the four bytes of `,"":`. Longer ones than this are read anew each time. */
const maxLeadBytes = 64
/** How many leads an object remembers, and how many a lead remembers behind it. */
const maxLeads = 256
const maxFollowers = 8

export class Lead {
  // Numbers begin as such: V8 keeps a field that began as undefined in a form that is slower to read.
  length = 0
  kind = skipAnyValue
  /** The first and last eight bytes as doubles, which may overlap; of a lead with fewer than eight, four each as integers. */
  first8 = 0.5
  last8 = 0.5
  first4 = 0
  last4 = 0
  /** The bytes from the ninth to the last eight, eight at a time; the last eight of them may overlap with what follows. */
  readonly middle: Float64Array
  readonly field: WantedField | undefined
  /** The lead that came behind this one last time. */
  next: Lead
  readonly followers: Lead[] = []

  /** `nothing` is what may follow until something did. */
  constructor(
    view: DataView,
    start: number,
    end: number,
    kind: number,
    field: WantedField | undefined,
    nothing?: Lead,
  ) {
    this.length = end - start
    this.kind = kind
    if (this.length >= 8) {
      this.first8 = view.getFloat64(start, true)
      this.last8 = view.getFloat64(end - 8, true)
    }
    this.first4 = view.getInt32(start, true)
    this.last4 = view.getInt32(end - 4, true)
    const middle: number[] = []
    for (let at = start + 8; at < end - 8; at += 8) middle.push(view.getFloat64(at, true))
    this.middle = Float64Array.from(middle)
    this.field = field
    this.next = nothing ?? this
  }
}

/**
 * Whether `lead` stands at `start` and ends before `end`. Doubles compare eight bytes at once: two that are equal have
 * the same bytes but for zeros, and no lead holds a zero byte; that a NaN equals nothing makes a strange lead slow, not wrong.
 */
export function standsAt(lead: Lead, view: DataView, start: number, end: number): boolean {
  const leadEnd = (start + lead.length) | 0
  if (leadEnd >= end) return false
  if (lead.length < 8)
    return view.getInt32(start, true) === lead.first4 && view.getInt32(leadEnd - 4, true) === lead.last4
  return (
    view.getFloat64(start, true) === lead.first8 &&
    view.getFloat64(leadEnd - 8, true) === lead.last8 &&
    (lead.length <= 16 || hasMiddle(lead, view, start))
  )
}

function hasMiddle({ middle }: Lead, view: DataView, start: number): boolean {
  for (let i = 0; i < middle.length; i++) if (view.getFloat64(start + 8 * i + 8, true) !== middle[i]) return false
  return true
}

const noText = new DataView(new ArrayBuffer(4))

/** A lead that stands nowhere, because it is longer than any record. */
function leadOfNowhere(kind: number, field: WantedField | undefined, next?: Lead): Lead {
  const lead = new Lead(noText, 0, 4, kind, field, next)
  lead.length = maxPosition
  return lead
}

/** Comes behind a lead behind which nothing came yet. */
const nothing = leadOfNowhere(skipAnyValue, undefined)

export class ObjectLayout {
  readonly wanted: WantedField[] = []
  /** Stands for the beginning of the object: the first leads follow it. */
  readonly beginning = leadOfNowhere(skipAnyValue, undefined, nothing)
  /** By kind, what stands for leads of unwanted fields that are not learned. */
  readonly #unlearned: (Lead | undefined)[] = []
  readonly #leads = new Map<string, Lead>()

  /** The wanted field with the name in `view[start, end)`. */
  fieldNamed(view: DataView, start: number, end: number): WantedField | undefined {
    return this.wanted.find(({ name }) => {
      if (name.length !== end - start) return false
      for (let i = 0; i < name.length; i++) if (name[i] !== view.getUint8(start + i)) return false
      return true
    })
  }

  /** The lead in `bytes[start, end)` behind `last`, learned if there is room for it. */
  learn(
    bytes: Buffer,
    view: DataView,
    start: number,
    end: number,
    last: Lead,
    kind: number,
    field: WantedField | undefined,
  ): Lead {
    if (end - start > maxLeadBytes || last.followers.length === maxFollowers || this.#leads.size === maxLeads) {
      const unlearned = field === undefined ? this.#unlearned : field.unlearned
      unlearned[kind] ??= leadOfNowhere(kind, field, nothing)
      return unlearned[kind]
    }
    const text = bytes.toString('latin1', start, end)
    let lead = this.#leads.get(text)
    if (lead === undefined) {
      lead = new Lead(view, start, end, kind, field, nothing)
      this.#leads.set(text, lead)
    }
    last.followers.push(lead)
    last.next = lead
    return lead
  }
}

/** The layout of records of which `paths` are wanted, by slot. */
export function layoutOf(paths: readonly (readonly string[])[]): ObjectLayout {
  const root = new ObjectLayout()
  for (const [slot, path] of paths.entries()) {
    // A name that is no well-formed text has no bytes of its own: it can only be written with escapes.
    if (!path.every((name) => name.isWellFormed())) continue
    let layout = root
    for (const [depth, name] of path.entries()) {
      const bytes = Buffer.from(name)
      let field = layout.wanted.find((wanted) => wanted.name.equals(bytes))
      if (field === undefined) {
        field = new WantedField(bytes)
        layout.wanted.push(field)
      }
      if (depth === path.length - 1) field.slot = slot
      else {
        field.below.push({ slot, path: path.slice(depth + 1) })
        field.layout ??= new ObjectLayout()
        layout = field.layout
      }
    }
  }
  return root
}
