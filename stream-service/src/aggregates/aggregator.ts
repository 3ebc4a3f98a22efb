// What every aggregate is: a mergeable monoid whose state lives in a row of a pane table. Numbers sit in `cells` (one
// Float64Array for all rows of a table), anything else in `refs`, so that a pane of counts and sums is a few doubles and
// no object at all. An aggregator itself has no state; it is told where its cells and refs of a row begin.
//
//   cells: | row 0: count | sum comp n | min | row 1: count | sum comp n | min | …

import type { Fields } from '../records/fields.ts'

/** The arrays a pane table keeps its rows in. Both grow, so they are read from here on every call. */
export interface Rows {
  cells: Float64Array
  refs: unknown[]
}

/** Any value that JSON can hold. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [name: string]: JsonValue }

export interface Aggregator {
  /** How many cells and refs one row needs. */
  readonly cells: number
  readonly refs: number
  /** Makes the state of "no values", the neutral element of `merge`. Cells are 0 and refs undefined before the call. */
  init(rows: Rows, cell: number, ref: number): void
  /**
   * Takes one value in. Answers false, with the state unchanged, when the value is missing or of a type this aggregate
   * has no use for; such skips are counted.
   */
  add(rows: Rows, cell: number, ref: number, value: unknown, eventTime: number): boolean
  /** What `add` does with the value of a slot, for aggregates that need not make a JavaScript value of it. */
  addSlot?(rows: Rows, cell: number, ref: number, fields: Fields, slot: number): boolean
  /** Adds another row's state to this one; the other row is left as it is. Commutative up to rounding, associative likewise. */
  merge(into: Rows, cell: number, ref: number, from: Rows, fromCell: number, fromRef: number): void
  /** The value to publish; null over no values unless the aggregate says otherwise. */
  result(rows: Rows, cell: number, ref: number): JsonValue
  /** A ref's state as JSON for snapshots, and back. Needed only where `refs` is above 0. */
  encodeRef?(state: unknown): JsonValue
  decodeRef?(encoded: JsonValue): unknown
  /** A copy that shares nothing mutable with `state`; without it refs are immutable values that may be shared. */
  copyRef?(state: unknown): unknown
}

/** The value as a finite number, or NaN: `1e999` parses as Infinity and would poison every sum. */
export function finiteNumber(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : Number.NaN
}
