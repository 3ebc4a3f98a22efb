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
 * One record's values by slot. A decoder overwrites them with each record; who reads them keeps no reference.
 * Numbers and texts, which nearly all values are, make no object.
 */
export class Fields {
  kinds: Uint8Array
  numbers: Float64Array
  readonly others: unknown[]
  /** Texts are UTF-8 at `bytes[starts[slot], starts[slot] + lengths[slot])`, with the hash of `text-hash.ts`. */
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

  constructor(slots: number) {
    this.kinds = new Uint8Array(slots)
    this.numbers = new Float64Array(slots)
    this.others = new Array(slots).fill(undefined)
    this.starts = new Int32Array(slots)
    this.lengths = new Int32Array(slots)
    this.hashes = new Int32Array(slots)
    this.pools = new Array(slots).fill(undefined)
  }

  /** Has all values and texts in one memory, the values at these places, and takes what is there for the values. */
  liveIn(memory: ArrayBuffer, places: FieldPlaces): void {
    const { slots } = this
    this.bytes = Buffer.from(memory)
    this.view = new DataView(memory)
    this.kinds = new Uint8Array(memory, places.kinds, slots)
    this.numbers = new Float64Array(memory, places.numbers, slots)
    this.starts = new Int32Array(memory, places.starts, slots)
    this.lengths = new Int32Array(memory, places.lengths, slots)
    this.hashes = new Int32Array(memory, places.hashes, slots)
  }

  get slots(): number {
    return this.others.length
  }

  /** The value as JSON.parse gives it; undefined where the record lacks the field. */
  value(slot: number): unknown {
    switch (this.kinds[slot]) {
      case isNumber:
        return this.numbers[slot]
      case isText:
        return this.#text(slot)
      case isOther:
        return this.others[slot]
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
    if (this.kinds[slot] !== isNumber) return Number.NaN
    const value = this.numbers[slot]!
    // Infinity less itself is NaN.
    return value - value === 0 ? value : Number.NaN
  }

  #text(slot: number): string {
    return this.pools[slot]!.read(this.bytes, this.view, this.starts[slot]!, this.lengths[slot]!, this.hashes[slot]!)
  }

  /** Puts a parsed value into a slot. */
  set(slot: number, value: unknown): void {
    if (typeof value === 'number') {
      this.kinds[slot] = isNumber
      this.numbers[slot] = value
    } else {
      this.kinds[slot] = value === undefined ? isAbsent : isOther
      this.others[slot] = value
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
