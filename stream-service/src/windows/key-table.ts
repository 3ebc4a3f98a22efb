// The keys of one query, numbered: everything behind it knows a key by its number, a small integer that stays the same for
// as long as something is open under it. A key that comes again makes no object. What a key is made of is kept as bytes:
//
//   one field     the UTF-8 of a string, or the text of a number or boolean; the tag tells which, so that 5 is not "5"
//   several       each as tag, length in four bytes, and bytes
//   none          no bytes
import type { Fields } from '../records/fields.ts'
import { hashText, readerMarginBytes } from '../records/text-hash.ts'
import { TextTable } from '../records/text-table.ts'

export type KeyValue = string | number | boolean
/** A key in a snapshot: its one value, or the values of several fields. */
export type SavedKey = KeyValue | readonly KeyValue[]

const textTag = 0
const numberTag = 1
const booleanTag = 2
const compositeTag = 3

/** Before each part of a composite key: its tag and its length. */
const partHeadBytes = 5

/**
 * Below so many keys, a few MB, nobody looks for those that are not in use: most come again, and to forget them costs more
 * than to keep them.
 */
const leastSweep = 1 << 17

export class KeyTable {
  readonly #texts = new TextTable()
  /** Where keys are put together that are not in the record as they are. */
  #scratch: Buffer = Buffer.alloc(256)
  #view = viewOf(this.#scratch)
  #length = 0
  #sweepAt = leastSweep

  /** All numbers are below. */
  get size(): number {
    return this.#texts.size
  }

  /** The key of a string that lies in memory, with its hash as in `text-hash.ts`. */
  ofText(view: DataView, start: number, length: number, hash: number): number {
    const known = this.#texts.find(view, start, length, hash, textTag)
    return known >= 0
      ? known
      : this.#texts.add(view, start, length, hash, textTag, isPlain(view, start, length) ? 1 : 0)
  }

  /**
   * Puts the keys of strings in one slot of `rows[0, count)` into `into`, by row: -1 for new ones and for all other values.
   * Answers whether there are none of those.
   */
  findRows(fields: Fields, slot: number, rows: Int32Array, count: number, into: Int32Array): boolean {
    return this.#texts.findRows(fields, slot, rows, count, textTag, into)
  }

  ofValue(value: KeyValue): number {
    this.#length = 0
    this.#put(value)
    return this.#ofScratch(tagOf(value))
  }

  /** The key of several values, or of none. */
  ofValues(values: readonly KeyValue[]): number {
    this.begin()
    for (const value of values) this.part(value)
    return this.end()
  }

  /** A composite key is begun, gets its parts, and is ended, which gives its number. */
  begin(): void {
    this.#length = 0
  }

  part(value: KeyValue): void {
    const head = this.#beginPart()
    this.#put(value)
    this.#endPart(head, tagOf(value))
  }

  /** A part that is a string lying in memory, with a margin as in `text-hash.ts`. */
  textPart(view: DataView, start: number, length: number): void {
    const head = this.#beginPart()
    this.#reserve(length)
    const at = this.#length
    // Beyond the text's end there may be more bytes than its own; what comes next overwrites them.
    for (let i = 0; i < length; i += 4) this.#view.setInt32(at + i, view.getInt32(start + i, true), true)
    this.#length = at + length
    this.#endPart(head, textTag)
  }

  end(): number {
    return this.#ofScratch(compositeTag)
  }

  #beginPart(): number {
    this.#reserve(partHeadBytes)
    const head = this.#length
    this.#length += partHeadBytes
    return head
  }

  #endPart(head: number, tag: number): void {
    this.#view.setUint8(head, tag)
    this.#view.setUint32(head + 1, this.#length - head - partHeadBytes, true)
  }

  #put(value: KeyValue): void {
    if (typeof value === 'number' && value >= 0 && value < 0x4000_0000 && Number.isInteger(value)) {
      this.#putDigits(value)
      return
    }
    // UTF-8 has no lone surrogates: U+FFFD stands for them, so that keys that differ only in those are one.
    const text = String(value)
    this.#reserve(3 * text.length)
    this.#length += this.#scratch.write(text, this.#length)
  }

  #putDigits(value: number): void {
    this.#reserve(10)
    let rest = value | 0
    let end = this.#length + 1
    for (let above = 10; above <= rest && end < this.#length + 10; above *= 10) end++
    for (let at = end - 1; at >= this.#length; at--) {
      const next = (rest / 10) | 0
      this.#scratch[at] = 0x30 + rest - 10 * next
      rest = next
    }
    this.#length = end
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes + readerMarginBytes
    if (needed <= this.#scratch.length) return
    const grown = Buffer.alloc(2 * needed)
    grown.set(this.#scratch)
    this.#scratch = grown
    this.#view = viewOf(grown)
  }

  #ofScratch(tag: number): number {
    return this.#of(this.#view, 0, this.#length, tag)
  }

  #of(view: DataView, start: number, length: number, tag: number): number {
    const hash = hashText(view, start, length)
    const known = this.#texts.find(view, start, length, hash, tag)
    if (known >= 0) return known
    const mark = tag === textTag && isPlain(view, start, length) ? 1 : 0
    return this.#texts.add(view, start, length, hash, tag, mark)
  }

  /** The memory all keys lie in, and where in it one does. Read anew after a new key. */
  get bytes(): Uint8Array {
    return this.#texts.bytes
  }

  /** The same memory in words: a key begins with a word, and has zeros behind it to the end of its last. */
  get words(): Int32Array {
    return this.#texts.words
  }

  /** The key is one string, of letters, digits and signs that nobody has to escape. */
  isPlain(key: number): boolean {
    return this.#texts.markOf(key) === 1
  }

  startOf(key: number): number {
    return this.#texts.startOf(key)
  }

  lengthOf(key: number): number {
    return this.#texts.lengthOf(key)
  }

  tagOf(key: number): number {
    return this.#texts.tagOf(key)
  }

  /** Whether a composite key is made of the texts in these slots. */
  isOfTexts(key: number, fields: Fields, slots: readonly number[]): boolean {
    const { base, view } = fields
    const keys = this.#texts.view
    let at = this.startOf(key)
    const end = at + this.lengthOf(key)
    for (let i = 0; i < slots.length; i++) {
      const field = base + slots[i]!
      const length = fields.lengths[field]!
      if (keys.getUint8(at) !== textTag || keys.getInt32(at + 1, true) !== length) return false
      at += partHeadBytes
      if (!isSameText(keys, at, view, fields.starts[field]!, length)) return false
      at += length
    }
    return at === end
  }

  /** Keys as bytes that mean the same to any other table, one behind the other: the tag, the length in four bytes, the text. */
  pack(keys: ArrayLike<number>): Uint8Array {
    let length = 0
    for (let i = 0; i < keys.length; i++) length += partHeadBytes + this.lengthOf(keys[i]!)
    const packed = new Uint8Array(length)
    const { bytes } = this
    let at = 0
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!
      const start = this.startOf(key)
      const keyLength = this.lengthOf(key)
      packed[at] = this.tagOf(key)
      for (let shift = 0; shift < 32; shift += 8) packed[++at] = keyLength >>> shift
      at++
      // Byte by byte: most keys are short, and making a view of each costs more.
      for (let n = 0; n < keyLength; n++) packed[at + n] = bytes[start + n]!
      at += keyLength
    }
    return packed
  }

  /** The numbers that packed keys have in this table, in order. */
  unpack(packed: Uint8Array, onKey: (key: number) => void): void {
    // With a margin behind the last text.
    const bytes = Buffer.alloc(packed.length + readerMarginBytes)
    bytes.set(packed)
    const view = viewOf(bytes)
    for (let at = 0; at < packed.length; ) {
      const tag = bytes[at]!
      const length = view.getUint32(at + 1, true)
      const start = at + partHeadBytes
      onKey(this.#of(view, start, length, tag))
      at = start + length
    }
  }

  /** A key for a snapshot; `restore` makes a key of it again, most likely with another number. */
  save(key: number): SavedKey {
    const start = this.startOf(key)
    const end = start + this.lengthOf(key)
    const tag = this.tagOf(key)
    if (tag !== compositeTag) return keyValueOf(this.bytes, tag, start, end)
    const values: KeyValue[] = []
    const view = new DataView(this.bytes.buffer)
    for (let at = start; at < end; ) {
      const partStart = at + partHeadBytes
      const partEnd = partStart + view.getUint32(at + 1, true)
      values.push(keyValueOf(this.bytes, view.getUint8(at), partStart, partEnd))
      at = partEnd
    }
    return values
  }

  restore(saved: SavedKey): number {
    return typeof saved === 'object' ? this.ofValues(saved) : this.ofValue(saved)
  }

  /** There are so many keys that it is worth while to look which are still in use. */
  get isSweepDue(): boolean {
    return this.#texts.texts >= this.#sweepAt
  }

  /** How often keys were forgotten: a number means one key for one era. */
  era = 0

  /** Forgets the keys that `mark` does not name; their numbers will be given to other keys. */
  sweep(mark: (keys: KeyMarks) => void): void {
    const marks = new Uint8Array(this.size)
    mark({
      mark: (key) => {
        marks[key] = 1
      },
    })
    this.#texts.sweep(marks)
    this.era++
    this.#sweepAt = Math.max(leastSweep, 2 * this.#texts.texts)
  }
}

/** Takes the keys that are in use. */
export interface KeyMarks {
  mark(key: number): void
}

/** Whether there are only letters, digits and signs that neither percent-encoding nor JSON has to change. */
function isPlain(view: DataView, start: number, length: number): boolean {
  for (let at = start; at < start + length; at++) {
    const byte = view.getUint8(at)
    const isLetter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a
    const isDigit = byte >= 0x30 && byte <= 0x39
    if (!isLetter && !isDigit && byte !== 0x2d && byte !== 0x2e && byte !== 0x5f) return false
  }
  return true
}

/** Whether two texts are the same that have the same length, with a margin as in `text-hash.ts`. */
function isSameText(a: DataView, aStart: number, b: DataView, bStart: number, length: number): boolean {
  let i = 0
  for (; i + 4 <= length; i += 4) if (a.getInt32(aStart + i, true) !== b.getInt32(bStart + i, true)) return false
  for (; i < length; i++) if (a.getUint8(aStart + i) !== b.getUint8(bStart + i)) return false
  return true
}

function tagOf(value: KeyValue): number {
  return typeof value === 'string' ? textTag : typeof value === 'number' ? numberTag : booleanTag
}

function keyValueOf(bytes: Uint8Array, tag: number, start: number, end: number): KeyValue {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8')
  return tag === textTag ? text : tag === numberTag ? Number(text) : text === 'true'
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
