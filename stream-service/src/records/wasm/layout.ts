// How the objects of a stream are written. A *lead* is what stands between two values of an object, with its blanks:
//
//   {"type":"click","page":"/p/7","value":9.5}
//   ^^^^^^^^^     ^^^^^^^^^      ^^^^^^^^^             the leads: {"type":"   ,"page":"   ,"value":
//
// Records of a stream nearly always have the same leads in the same order, so a lead remembers which ones came behind it, and a
// scanner compares bytes instead of looking for names. The quote that opens a string belongs to the lead: it tells the kind
// of the value. A lead never spans a line.
import { allocate } from './values'

/** What to do with the value behind a lead. */
export const skipAText = 0
export const skipAnyValue = 1
export const takeAText = 2
export const takeAnyValue = 3
export const enterObject = 4
/** Added to the kind of a lead of more than sixteen bytes, whose others have to be compared before. */
export const isLong = 8

/** Longer leads than this are read anew each time. */
const maxLeadBytes: usize = 64
/** How many leads an object remembers, and how many a lead remembers behind it. */
const maxLeads: i32 = 256
const maxFollowers = 8

/** A field that somebody wants, or that leads to one. */
@unmanaged
export class Field {
  /** How the other side calls it. */
  id: i32
  /** The slot of its value; -1 when only fields below it are wanted. */
  slot: i32
  nameAt: usize
  nameLength: usize
  /** The object that is expected as its value, when fields below it are wanted; or null. */
  layout: Layout | null
  /** The next field of the same object. */
  sibling: Field | null
  /** The number of the record in which it was met last, for fields with a layout. */
  metIn: i32
  /** What stands for its leads that are not learned. */
  unlearnedText: Lead
  unlearnedValue: Lead
}

@unmanaged
export class Lead {
  length: usize
  /** A bit for each of sixteen bytes that is none of its own; one too many for a lead that stands nowhere. */
  others: i32
  kind: i32
  /** The lead that came behind this one last time. */
  next: Lead
  field: Field | null
  followers: i32
}

const followersAt: usize = 32
const textAt: usize = 64
const leadBytes: usize = textAt + maxLeadBytes

@unmanaged
export class Layout {
  /** The first wanted field. */
  wanted: Field | null
  /** Stands for the beginning of the object: the first leads follow it. */
  beginning: Lead
  unlearnedText: Lead
  unlearnedValue: Lead
  /** The leads learned lie one behind the other. */
  leads: usize
  learned: i32
}

/** Comes behind a lead behind which nothing came yet. */
let nothing: Lead = changetype<Lead>(0)

function newLead(kind: i32, field: Field | null): Lead {
  return standNowhere(allocate(leadBytes), kind, field)
}

function standNowhere(at: usize, kind: i32, field: Field | null): Lead {
  const lead = changetype<Lead>(at)
  if (changetype<usize>(nothing) == 0) nothing = lead
  lead.others = 1 << 16
  lead.kind = kind
  lead.field = field
  lead.next = nothing
  return lead
}

export function newLayout(): Layout {
  const layout = changetype<Layout>(allocate(offsetof<Layout>()))
  layout.unlearnedText = newLead(skipAText, null)
  layout.unlearnedValue = newLead(skipAnyValue, null)
  layout.beginning = newLead(skipAnyValue, null)
  layout.leads = allocate(<usize>maxLeads * leadBytes)
  return layout
}

export function newField(id: i32, slot: i32, owner: Layout, nameAt: usize, nameLength: usize, layout: Layout | null): void {
  const field = changetype<Field>(allocate(offsetof<Field>()))
  field.id = id
  field.slot = slot
  field.nameAt = nameAt
  field.nameLength = nameLength
  field.layout = layout
  field.sibling = owner.wanted
  owner.wanted = field
  field.unlearnedText = newLead(layout !== null ? enterObject : takeAText, field)
  field.unlearnedValue = newLead(layout !== null ? enterObject : takeAnyValue, field)
}

/** Whether the first sixteen bytes of a lead stand at a position. */
@inline
export function beginsAt(lead: Lead, at: usize): bool {
  return (i8x16.bitmask(i8x16.eq(v128.load(at), v128.load(changetype<usize>(lead), textAt))) | lead.others) == 0xffff
}

/** Compares what is behind the first sixteen bytes; the last sixteen may overlap with what is before. */
export function endsAt(lead: Lead, at: usize): bool {
  const text = changetype<usize>(lead) + textAt
  const last = lead.length - 16
  for (let i: usize = 16; i < last; i += 16) if (!isSame(text + i, at + i)) return false
  return isSame(text + last, at + last)
}

@inline
function isSame(a: usize, b: usize): bool {
  return i8x16.bitmask(i8x16.eq(v128.load(a), v128.load(b))) == 0xffff
}

@inline
function followerOf(lead: Lead, i: i32): Lead {
  return changetype<Lead>(<usize>load<u32>(changetype<usize>(lead) + followersAt + (<usize>i << 2)))
}

/** The known follower of `last` that stands at a position, or null. */
export function followerAt(last: Lead, at: usize): Lead | null {
  for (let i = 0; i < last.followers; i++) {
    const follower = followerOf(last, i)
    if (!beginsAt(follower, at) || (follower.kind >= isLong && !endsAt(follower, at))) continue
    last.next = follower
    return follower
  }
  return null
}

/** The wanted field with the name in `[start, end)`, or null. */
export function fieldNamed(layout: Layout, start: usize, end: usize): Field | null {
  let field = layout.wanted
  while (field !== null) {
    if (field.nameLength == end - start && memory.compare(field.nameAt, start, field.nameLength) == 0) return field
    field = field.sibling
  }
  return null
}

/** The lead in `[start, end)` behind `last`, learned if there is room for it. */
export function learn(layout: Layout, last: Lead, start: usize, end: usize, isText: bool, field: Field | null): Lead {
  const unlearned = field !== null
    ? isText ? field.unlearnedText : field.unlearnedValue
    : isText ? layout.unlearnedText : layout.unlearnedValue
  const length = end - start
  if (length > maxLeadBytes || last.followers == maxFollowers || layout.learned == maxLeads) return unlearned
  const lead = leadOf(layout, start, length, unlearned.kind, field)
  store<u32>(changetype<usize>(last) + followersAt + ((<usize>last.followers) << 2), changetype<usize>(lead))
  last.followers++
  last.next = lead
  return lead
}

function leadOf(layout: Layout, start: usize, length: usize, kind: i32, field: Field | null): Lead {
  for (let i = 0; i < layout.learned; i++) {
    const known = changetype<Lead>(layout.leads + <usize>i * leadBytes)
    if (known.length == length && memory.compare(changetype<usize>(known) + textAt, start, length) == 0) return known
  }
  const lead = standNowhere(layout.leads + (<usize>layout.learned) * leadBytes, kind, field)
  layout.learned++
  memory.copy(changetype<usize>(lead) + textAt, start, length)
  lead.length = length
  if (length > 16) lead.kind |= isLong
  lead.others = length < 16 ? 0xffff & (-1 << <i32>length) : 0
  return lead
}
