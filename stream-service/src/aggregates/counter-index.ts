// Finds the counter of a value by a hash of it: open addressing with linear probing, where what is taken out leaves no gap
// (D. Knuth 1998, "The Art of Computer Programming", vol. 3, 6.4, algorithm R). A text that stands in a record is found by its
// bytes, so that it need not become a string.
//
//   table   pairs: hash of a value, its slot + 1        (at most half full)
import { hashText, readerMarginBytes } from '../records/text-hash.ts'
import type { Scalar } from './space-saving.ts'

export class CounterIndex {
  /** By slot; belongs to the owner of the counters. */
  readonly #values: readonly Scalar[]
  #hashes: Int32Array
  #table: Int32Array

  constructor(values: readonly Scalar[]) {
    this.#values = values
    this.#hashes = new Int32Array(2 * values.length)
    this.#table = new Int32Array(4 * powerOfTwo(values.length))
    for (let slot = 0; slot < values.length; slot++) this.add(slot, hashOf(values[slot]!))
  }

  /** The slot of a value with its hash, or -1. */
  find(value: Scalar, hash: number): number {
    const table = this.#table
    const mask = table.length - 1
    for (let at = homeOf(hash, mask); ; at = (at + 2) & mask) {
      const slot = table[at + 1]! - 1
      if (slot < 0) return -1
      if (table[at] === hash && this.#values[slot] === value) return slot
    }
  }

  /** The slot of the text in `view[start, start + length)` with the hash of `text-hash.ts`; -1 also if it is not ASCII. */
  findText(view: DataView, start: number, length: number, hash: number): number {
    const table = this.#table
    const mask = table.length - 1
    for (let at = homeOf(hash, mask); ; at = (at + 2) & mask) {
      const slot = table[at + 1]! - 1
      if (slot < 0) return -1
      if (table[at] === hash && isAsciiText(this.#values[slot]!, view, start, length)) return slot
    }
  }

  /** Takes in the value of a slot, which is not there yet. */
  add(slot: number, hash: number): void {
    if (4 * (slot + 1) > this.#table.length) this.#grow(slot)
    if (slot >= this.#hashes.length) this.#hashes = longer(this.#hashes, 2 * slot)
    this.#hashes[slot] = hash
    this.#link(slot, hash)
  }

  #link(slot: number, hash: number): void {
    const table = this.#table
    const mask = table.length - 1
    let at = homeOf(hash, mask)
    while (table[at + 1] !== 0) at = (at + 2) & mask
    table[at] = hash
    table[at + 1] = slot + 1
  }

  #grow(slots: number): void {
    this.#table = new Int32Array(2 * this.#table.length)
    for (let slot = 0; slot < slots; slot++) this.#link(slot, this.#hashes[slot]!)
  }

  /** Takes the value of a slot out. */
  remove(slot: number): void {
    const table = this.#table
    const mask = table.length - 1
    let gap = homeOf(this.#hashes[slot]!, mask)
    while (table[gap + 1] !== slot + 1) gap = (gap + 2) & mask
    for (let at = (gap + 2) & mask; table[at + 1] !== 0; at = (at + 2) & mask) {
      const home = homeOf(table[at]!, mask)
      // It stays where its way from home does not lead through the gap.
      if (((at - home) & mask) < ((at - gap) & mask)) continue
      table[gap] = table[at]!
      table[gap + 1] = table[at + 1]!
      gap = at
    }
    table[gap + 1] = 0
  }
}

function homeOf(hash: number, mask: number): number {
  return (hash << 1) & mask
}

const scratch = new DataView(new ArrayBuffer(8))
let textBytes = Buffer.alloc(256)
let textView = viewOf(textBytes)

/** The hash of a value; of a text that of `text-hash.ts`. */
export function hashOf(value: Scalar): number {
  if (typeof value === 'boolean') return value ? 1 : 2
  if (typeof value === 'string') {
    if (3 * value.length + readerMarginBytes > textBytes.length) {
      textBytes = Buffer.alloc(6 * value.length + readerMarginBytes)
      textView = viewOf(textBytes)
    }
    return hashText(textView, 0, textBytes.write(value))
  }
  scratch.setFloat64(0, value)
  const mixed = Math.imul(scratch.getInt32(0) ^ Math.imul(scratch.getInt32(4), 0x9e3779b1), 0x85ebca6b)
  return mixed ^ (mixed >>> 15)
}

/** Whether a value is this text; never for one that is more than ASCII, whose bytes are not its code units. */
function isAsciiText(value: Scalar, view: DataView, start: number, length: number): boolean {
  if (typeof value !== 'string' || value.length !== length) return false
  for (let i = 0; i < length; i++) {
    const unit = value.charCodeAt(i)
    if (unit !== view.getUint8(start + i) || unit > 0x7f) return false
  }
  return true
}

function powerOfTwo(count: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(count, 1)))
}

function longer(array: Int32Array, length: number): Int32Array {
  const grown = new Int32Array(length)
  grown.set(array)
  return grown
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
