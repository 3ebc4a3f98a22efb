// Which fields of a record anyone wants, and what a decoder found in them. Queries ask a FieldPlan for slots while they are
// compiled; a decoder fills one Fields in slot order per record, and everything after it reads slots, never names. Several
// queries over one stream share one plan and so one decode.
import type { StringPool } from './string-pool.ts'
import { readerMarginBytes } from './text-hash.ts'

export class FieldPlan {
  readonly #slots = new Map<string, number>()
  readonly #paths: string[][] = []
  /** Set when somebody needs the whole parsed record, such as a `where` function; it costs a full parse. */
  #wholeRecord = false

  /** The slot of a field path such as `page` or `data.page`; the same path has one slot. */
  slotOf(path: string): number {
    const known = this.#slots.get(path)
    if (known !== undefined) return known
    const slot = this.#paths.length
    this.#slots.set(path, slot)
    this.#paths.push(path.split('.'))
    return slot
  }

  requireWholeRecord(): void {
    this.#wholeRecord = true
  }

  get needsWholeRecord(): boolean {
    return this.#wholeRecord
  }

  /** Paths by slot, each split into its segments. */
  get paths(): readonly (readonly string[])[] {
    return this.#paths
  }
}

/** What a slot holds. */
const isAbsent = 0
/** A number, in `numbers`. */
const isNumber = 1
/** A string without escapes, which lies in `bytes` and is made a JavaScript string only for those who ask. */
export const isText = 2
/** Anything else, in `others`: objects, arrays, strings that were written with escapes, and null and booleans. */
const isOther = 3
/** Null and booleans, as a scanner says them. */
const isNull = 4
const isFalse = 5
const isTrue = 6

/**
 * The values of one record, or of several, a row each; what is asked for by slot is of the record that `moveTo` chose. A
 * decoder overwrites them; who reads them keeps no reference. Numbers and texts, which nearly all values are, make no object.
 *
 *   kinds   | row 0: slot 0 | slot 1 | row 1: slot 0 | slot 1 | …        and so on for the other arrays
 */
export class Fields {
  readonly slots: number
  readonly rows: number
  /** Where the chosen row begins in the arrays. */
  base = 0
  kinds: Uint8Array
  numbers: Float64Array
  readonly others: unknown[]
  /** Texts are UTF-8 at `bytes[start, start + length)`, with the hash of `text-hash.ts`. */
  starts: Int32Array
  lengths: Int32Array
  hashes: Int32Array
  /** The same memory twice; some bytes follow each text. */
  bytes: Buffer = noBytes
  view: DataView = noView
  /** Where texts of a slot become strings. */
  readonly pools: (StringPool | undefined)[]
  /** The whole record, only where the plan requires it. */
  record: unknown = undefined

  constructor(slots: number, rows = 1) {
    const size = slots * rows
    this.slots = slots
    this.rows = rows
    this.kinds = new Uint8Array(size)
    this.numbers = new Float64Array(size)
    this.others = new Array(size).fill(undefined)
    this.starts = new Int32Array(size)
    this.lengths = new Int32Array(size)
    this.hashes = new Int32Array(size)
    this.pools = new Array(slots).fill(undefined)
  }

  /** Has all values and texts in one memory, the values at these places, and takes what is there for the values. */
  liveIn(memory: ArrayBuffer, places: FieldPlaces): void {
    const size = this.slots * this.rows
    this.bytes = Buffer.from(memory)
    this.view = new DataView(memory)
    this.kinds = new Uint8Array(memory, places.kinds, size)
    this.numbers = new Float64Array(memory, places.numbers, size)
    this.starts = new Int32Array(memory, places.starts, size)
    this.lengths = new Int32Array(memory, places.lengths, size)
    this.hashes = new Int32Array(memory, places.hashes, size)
  }

  /** What is asked for from now on is of this row. */
  moveTo(row: number): void {
    this.base = row * this.slots
  }

  /** The value as JSON.parse gives it; undefined where the record lacks the field. */
  value(slot: number): unknown {
    const at = this.base + slot
    switch (this.kinds[at]) {
      case isNumber:
        return this.numbers[at]
      case isText:
        return this.#text(slot, at)
      case isOther:
        return this.others[at]
      case isNull:
        return null
      case isFalse:
        return false
      case isTrue:
        return true
      default:
        return undefined
    }
  }

  /** The slot's number; NaN for anything else, and for a number that is not finite: `1e999` parses as Infinity. */
  finite(slot: number): number {
    const at = this.base + slot
    if (this.kinds[at] !== isNumber) return Number.NaN
    const value = this.numbers[at]!
    // Infinity less itself is NaN.
    return value - value === 0 ? value : Number.NaN
  }

  #text(slot: number, at: number): string {
    return this.pools[slot]!.read(this.bytes, this.view, this.starts[at]!, this.lengths[at]!, this.hashes[at]!)
  }

  /** Puts a parsed value into a slot. */
  set(slot: number, value: unknown): void {
    const at = this.base + slot
    if (typeof value === 'number') {
      this.kinds[at] = isNumber
      this.numbers[at] = value
    } else {
      this.kinds[at] = value === undefined ? isAbsent : isOther
      this.others[at] = value
    }
  }
}

/** Where arrays of values lie in a memory. */
export interface FieldPlaces {
  readonly kinds: number
  readonly numbers: number
  readonly starts: number
  readonly lengths: number
  readonly hashes: number
}

const noBytes = Buffer.alloc(readerMarginBytes)
const noView = new DataView(noBytes.buffer, noBytes.byteOffset, noBytes.length)
