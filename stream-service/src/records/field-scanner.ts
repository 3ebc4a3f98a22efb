import { isUtf8 } from 'node:buffer'
import { firstFind, nonAsciiIn, stopsIn } from './byte-words.ts'
import type { FieldPlan, Fields } from './fields.ts'
import { type DecodeFault, JsonDecoder, valueAt } from './json-decoder.ts'
import { NumberScan, skipNumber } from './number-scan.ts'
import { StringPool } from './string-pool.ts'

const quote = 0x22
const comma = 0x2c
const colon = 0x3a
const backslash = 0x5c
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d
const minus = 0x2d
const trueWord = 0x65757274
const falsWord = 0x736c6166
const nullWord = 0x6c6c756e

/** In place of a position: this record is for the reference. */
const handOver = -1
const marginBytes = 8
const maxDepth = 64
const maxLeadBytes = 64
const maxLeads = 256
const maxFollowers = 8

class WantedField {
  readonly name: Buffer
  slot = -1
  pool: StringPool | undefined
  shape: Shape | undefined
  seenIn = 0
  readonly below: { slot: number; path: string[] }[] = []
  constructor(name: string) {
    this.name = Buffer.from(name)
  }
}

class Shape {
  readonly wanted: WantedField[] = []
  readonly start: Lead = new Lead(0, new Int32Array(0), undefined)
  readonly leads = new Map<string, Lead>()
}

class Lead {
  readonly length: number
  readonly words: Int32Array
  readonly field: WantedField | undefined
  readonly followers: Lead[] = []
  constructor(length: number, words: Int32Array, field: WantedField | undefined) {
    this.length = length
    this.words = words
    this.field = field
  }
}

export class FieldScanner {
  readonly fields: Fields
  readonly #reference: JsonDecoder
  readonly #root: Shape | undefined
  readonly #numbers = new NumberScan()
  #bytes: Buffer
  #view: DataView
  #scratch = Buffer.alloc(4096)
  #scratchView = new DataView(this.#scratch.buffer, this.#scratch.byteOffset, this.#scratch.length)
  #block: Buffer = this.#scratch
  #blockView: DataView = this.#scratchView
  #end = 0
  #record = 0
  #at = 0

  constructor(plan: FieldPlan) {
    this.#reference = new JsonDecoder(plan)
    this.fields = this.#reference.fields
    this.#bytes = this.#scratch
    this.#view = this.#scratchView
    this.#root = plan.needsWholeRecord ? undefined : shapeOf(plan.paths)
  }

  decode(bytes: Buffer, start: number, end: number, isKnownUtf8: boolean): DecodeFault | undefined {
    if (this.#root !== undefined && this.#scan(this.#root, bytes, start, end, isKnownUtf8)) return undefined
    return this.#reference.decode(bytes, start, end, isKnownUtf8)
  }

  #scan(root: Shape, bytes: Buffer, from: number, to: number, isKnownUtf8: boolean): boolean {
    let start = from
    let end = to
    if (end + marginBytes > bytes.length) {
      if (end <= start) return false
      this.#copy(bytes, start, end)
      end -= start
      start = 0
    } else if (bytes !== this.#bytes) {
      if (bytes !== this.#block) {
        this.#block = bytes
        this.#blockView = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      }
      this.#bytes = bytes
      this.#view = this.#blockView
    }
    const view = this.#view
    if (start >= end || view.getUint8(start) !== openBrace) return false
    if (!isKnownUtf8 && !isAscii(view, start, end) && !isUtf8(this.#bytes.subarray(start, end))) return false
    this.#end = end
    this.#record = (this.#record + 1) & 0x3fffffff
    const values = this.fields.values
    for (let i = 0; i < values.length; i++) values[i] = undefined
    let at = this.#object(start, root)
    if (at < 0) return false
    while (at < end && isBlank(view.getUint8(at))) at++
    return at === end
  }

  #copy(bytes: Buffer, start: number, end: number): void {
    const length = end - start
    if (length + marginBytes > this.#scratch.length) {
      this.#scratch = Buffer.alloc(2 * (length + marginBytes))
      this.#scratchView = new DataView(this.#scratch.buffer, this.#scratch.byteOffset, this.#scratch.length)
    }
    bytes.copy(this.#scratch, 0, start, end)
    this.#bytes = this.#scratch
    this.#view = this.#scratchView
  }

  #object(start: number, shape: Shape): number {
    const view = this.#view
    const end = this.#end
    const values = this.fields.values
    let at = start
    let last = shape.start
    for (;;) {
      const followers = last.followers
      let lead: Lead | undefined = followers.length > 0 ? followers[0]! : undefined
      if (lead !== undefined && at + lead.length < end && begins(lead, view, at)) {
        at += lead.length
      } else {
        if (at >= end) return handOver
        if (view.getUint8(at) === closeBrace) return last === shape.start ? handOver : at + 1
        lead = this.#find(at, last, shape)
        at = this.#at
        if (lead === undefined) return at
        if (at >= end) return handOver
      }
      last = lead
      const field = lead.field
      const byte = view.getUint8(at)
      if (field === undefined) {
        if (byte === quote) at = skipString(view, at + 1, end)
        else at = this.#skip(at, 0)
      } else if (field.shape !== undefined || field.pool === undefined) {
        at = this.#nested(at, field)
      } else if (byte === quote) {
        const value = field.pool.read(this.#bytes, view, at + 1, end)
        if (value === undefined) at = this.#escaped(at, field)
        else {
          values[field.slot] = value
          at = field.pool.at
        }
      } else if (byte <= 0x39) {
        at = this.#numbers.read(this.#bytes, view, at, end)
        values[field.slot] = this.#numbers.value
      } else {
        at = this.#rare(at, field)
      }
      if (at < 0) return handOver
    }
  }

  #escaped(at: number, field: WantedField): number {
    const stop = skipString(this.#view, at + 1, this.#end)
    return stop < 0 ? handOver : this.#parse(at, stop, field)
  }

  #rare(at: number, field: WantedField): number {
    const stop = this.#skip(at, 0)
    if (stop < 0) return handOver
    const byte = this.#view.getUint8(at)
    const values = this.fields.values
    if (byte === 0x74) values[field.slot] = true
    else if (byte === 0x66) values[field.slot] = false
    else if (byte === 0x6e) values[field.slot] = null
    else return this.#parse(at, stop, field)
    return stop
  }

  #nested(at: number, field: WantedField): number {
    if (field.seenIn === this.#record) return handOver
    field.seenIn = this.#record
    if (field.slot < 0) {
      return this.#view.getUint8(at) === openBrace ? this.#object(at, field.shape!) : this.#skip(at, 0)
    }
    const stop = this.#skip(at, 0)
    return stop < 0 ? handOver : this.#parse(at, stop, field)
  }

  #parse(start: number, stop: number, field: WantedField): number {
    const value: unknown = JSON.parse(this.#bytes.toString('utf8', start, stop))
    this.fields.values[field.slot] = value
    for (const { slot, path } of field.below) this.fields.values[slot] = valueAt(value, path)
    return stop
  }

  #find(start: number, last: Lead, shape: Shape): Lead | undefined {
    const view = this.#view
    const end = this.#end
    const { followers } = last
    for (let i = 1; i < followers.length; i++) {
      const lead = followers[i]!
      if (start + lead.length < end && begins(lead, view, start)) {
        followers[i] = followers[i - 1]!
        followers[i - 1] = lead
        this.#at = start + lead.length
        return lead
      }
    }
    this.#at = handOver
    let at = start
    if (last === shape.start) {
      at = this.#blanks(at + 1)
      if (at < end && view.getUint8(at) === closeBrace) {
        this.#at = at + 1
        return undefined
      }
    } else {
      at = this.#blanks(at)
      if (at >= end) return undefined
      const byte = view.getUint8(at)
      if (byte === closeBrace) {
        this.#at = at + 1
        return undefined
      }
      if (byte !== comma) return undefined
      at = this.#blanks(at + 1)
    }
    if (at >= end || view.getUint8(at) !== quote) return undefined
    const nameAt = ++at
    at = skipName(view, at, end)
    if (at < 0) return undefined
    const nameEnd = at
    at = this.#blanks(at + 1)
    if (at >= end || view.getUint8(at) !== colon) return undefined
    at = this.#blanks(at + 1)
    this.#at = at
    if (at >= end) return undefined
    const field = shape.wanted.find(({ name }) => isName(name, view, nameAt, nameEnd))
    const length = at - start
    if (followers.length === maxFollowers || length > maxLeadBytes) return new Lead(0, noWords, field)
    const key = this.#bytes.toString('latin1', start, at)
    let lead = shape.leads.get(key)
    if (lead === undefined) {
      if (shape.leads.size === maxLeads) return new Lead(0, noWords, field)
      const words = new Int32Array((length + 3) >> 2)
      for (let i = 0; i < words.length; i++) words[i] = view.getInt32(Math.min(start + 4 * i, at - 4), true)
      lead = new Lead(length, words, field)
      shape.leads.set(key, lead)
    }
    followers.push(lead)
    return lead
  }

  #blanks(start: number): number {
    let at = start
    while (at < this.#end && isBlank(this.#view.getUint8(at))) at++
    return at
  }

  #skip(start: number, depth: number): number {
    const view = this.#view
    const end = this.#end
    if (start >= end) return handOver
    const byte = view.getUint8(start)
    if (byte === quote) return skipString(view, start + 1, end)
    if (byte === minus || ((byte - 0x30) >>> 0) < 10) return skipNumber(view, start, end)
    if (byte === openBrace || byte === openBracket) {
      if (depth === maxDepth) return handOver
      const close = byte === openBrace ? closeBrace : closeBracket
      let at = this.#blanks(start + 1)
      if (at >= end) return handOver
      if (view.getUint8(at) === close) return at + 1
      for (;;) {
        if (byte === openBrace) {
          if (view.getUint8(at) !== quote) return handOver
          at = skipString(view, at + 1, end)
          if (at < 0) return handOver
          at = this.#blanks(at)
          if (at >= end || view.getUint8(at) !== colon) return handOver
          at = this.#blanks(at + 1)
        }
        at = this.#skip(at, depth + 1)
        if (at < 0) return handOver
        at = this.#blanks(at)
        if (at >= end) return handOver
        const next = view.getUint8(at)
        if (next === close) return at + 1
        if (next !== comma) return handOver
        at = this.#blanks(at + 1)
        if (at >= end) return handOver
      }
    }
    const word = view.getInt32(start, true)
    if (word === trueWord || word === nullWord) return start + 4
    if (word === falsWord && view.getUint8(start + 4) === 0x65) return start + 5
    return handOver
  }
}

const noWords = new Int32Array(0)

function begins(lead: Lead, view: DataView, at: number): boolean {
  const words = lead.words
  const last = words.length - 1
  let to = at | 0
  const end = (at + lead.length - 4) | 0
  for (let i = 0; i < last; i = (i + 1) | 0) {
    if (view.getInt32(to, true) !== words[i]) return false
    to = (to + 4) | 0
  }
  return view.getInt32(end, true) === words[last]
}

function isName(name: Buffer, view: DataView, start: number, end: number): boolean {
  if (name.length !== end - start) return false
  for (let i = 0; i < name.length; i++) if (name[i] !== view.getUint8(start + i)) return false
  return true
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function isAscii(view: DataView, start: number, end: number): boolean {
  let seen = 0
  for (let at = start; at < end; at += 4) seen |= view.getInt32(at, true)
  return nonAsciiIn(seen) === 0
}

function skipName(view: DataView, start: number, end: number): number {
  let at = start
  while (at < end) {
    const stops = stopsIn(view.getInt32(at, true))
    if (stops !== 0) {
      at += firstFind(stops)
      return at < end && view.getUint8(at) === quote ? at : -1
    }
    at += 4
  }
  return -1
}

function skipString(view: DataView, start: number, end: number): number {
  let at = start | 0
  const last = end | 0
  for (;;) {
    let stops = 0
    do {
      if (at >= last) return handOver
      const word = view.getInt32(at, true)
      stops = (((word ^ 0x02020202) - 0x21212121) | ((word ^ 0x5c5c5c5c) - 0x01010101)) & ~word & 0x80808080
      at = (at + 4) | 0
    } while (stops === 0)
    at = (at - 4 + ((31 - Math.clz32(stops & -stops)) >>> 3)) | 0
    const byte = view.getUint8(at)
    if (byte === quote) return at + 1
    if (byte !== backslash) return handOver
    at = skipEscape(view, at) | 0
    if (at < 0) return handOver
  }
}

function skipEscape(view: DataView, at: number): number {
  switch (view.getUint8(at + 1)) {
    case 0x22: case 0x5c: case 0x2f: case 0x62: case 0x66: case 0x6e: case 0x72: case 0x74:
      return at + 2
    case 0x75:
      for (let i = 2; i < 6; i++) {
        const byte = view.getUint8(at + i)
        if (((byte - 0x30) >>> 0) >= 10 && (((byte | 0x20) - 0x61) >>> 0) >= 6) return handOver
      }
      return at + 6
    default:
      return handOver
  }
}

function shapeOf(paths: readonly (readonly string[])[]): Shape {
  const root = new Shape()
  paths.forEach((path, slot) => {
    let shape = root
    path.forEach((name, depth) => {
      if (!name.isWellFormed()) return
      let field = shape.wanted.find((w) => w.name.equals(Buffer.from(name)))
      if (field === undefined) shape.wanted.push((field = new WantedField(name)))
      if (depth === path.length - 1) field.slot = slot
      else {
        field.below.push({ slot, path: path.slice(depth + 1) as string[] })
        field.shape ??= new Shape()
        shape = field.shape
      }
    })
  })
  const pools = (shape: Shape): void => {
    for (const f of shape.wanted) {
      if (f.slot >= 0 && f.shape === undefined) f.pool = new StringPool()
      if (f.shape) pools(f.shape)
    }
  }
  pools(root)
  return root
}
