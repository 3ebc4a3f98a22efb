// The refs of many rows for a snapshot. Most sketches hold a handful of numbers (the values of a quantile, the hashes of a
// distinct): those lie behind one another in one array. Whatever else a state is goes into one text of JSON.
//
//   [1.5, 2], undefined, { values: … }   ->   lengths 2, none, other | numbers 1.5, 2 | others [{"values":…}]
import type { JsonValue, Rows } from './aggregator.ts'
import type { RowLayout } from './row-layout.ts'

export type PackedRefs = {
  /** Per ref of each row: how many numbers it is, or one of the two below. */
  readonly lengths: Int32Array
  readonly numbers: Float64Array
  /** As UTF-8. */
  readonly others: Uint8Array
}

const none = -1
const other = -2

/** The refs of these rows, in their order; a number stands for so many rows from the first. All is read during the call. */
export function packRefs(layout: RowLayout, rows: Rows, at: ArrayLike<number> | number): PackedRefs {
  const count = typeof at === 'number' ? at : at.length
  return packStates(count * layout.refStride, (take) => {
    for (let i = 0; i < count; i++) layout.forEachRef(rows, typeof at === 'number' ? i : at[i]!, take)
  })
}

/** So many states as aggregates encode them, in the order in which `forEach` gives them. */
export function packStates(count: number, forEach: (take: (state: JsonValue) => void) => void): PackedRefs {
  const lengths = new Int32Array(count)
  const others: JsonValue[] = []
  let numbers: Float64Array = new Float64Array(4 * count)
  let size = 0
  let at = 0
  forEach((state) => {
    if (state === null) lengths[at++] = none
    else if (!isNumbers(state)) {
      lengths[at++] = other
      others.push(state)
    } else {
      const { length } = state
      lengths[at++] = length
      if (size + length > numbers.length) numbers = grown(numbers, 2 * (size + length))
      for (let i = 0; i < length; i++) numbers[size++] = state[i]!
    }
  })
  return { lengths, numbers: numbers.slice(0, size), others: new TextEncoder().encode(JSON.stringify(others)) }
}

/** Gives the refs back to rows, one row after the other in the order in which they were packed. */
export class RefReader {
  readonly #layout: RowLayout
  readonly #packed: PackedRefs
  readonly #others: readonly JsonValue[]
  #ref = 0
  #number = 0
  #other = 0

  constructor(layout: RowLayout, packed: PackedRefs) {
    this.#layout = layout
    this.#packed = packed
    this.#others = JSON.parse(new TextDecoder().decode(packed.others)) as JsonValue[]
  }

  readInto(rows: Rows, row: number): void {
    const { refStride } = this.#layout
    this.#layout.decodeRefs(
      rows,
      row,
      Array.from({ length: refStride }, () => this.#next()),
    )
  }

  #next(): JsonValue {
    const length = this.#packed.lengths[this.#ref++]!
    if (length === none) return null
    if (length === other) return this.#others[this.#other++]!
    const { numbers } = this.#packed
    const state = new Array<number>(length)
    for (let i = 0; i < length; i++) state[i] = numbers[this.#number++]!
    return state
  }
}

/** An empty array may be one of numbers. Numbers that JSON has not, it would have made null of. */
function isNumbers(state: JsonValue): state is readonly number[] {
  if (!Array.isArray(state)) return false
  for (let i = 0; i < state.length; i++) if (!Number.isFinite(state[i])) return false
  return true
}

function grown(numbers: Float64Array, length: number): Float64Array {
  const larger = new Float64Array(length)
  larger.set(numbers)
  return larger
}
