// Pane tables for snapshots, in columns: the keys in row order, as bytes that mean the same to any key table; all cells as
// they are; and what the refs of all rows hold. Nothing is made per row, so that a snapshot stops nobody for long.
import type { Rows } from '../aggregates/aggregator.ts'
import { type PackedRefs, packRefs, RefReader } from '../aggregates/packed-refs.ts'
import type { RowLayout } from '../aggregates/row-layout.ts'
import type { KeyMarks, KeyTable } from './key-table.ts'
import { PaneTable } from './pane-table.ts'

export type EncodedTable = { readonly keys: Uint8Array } & EncodedRows

/** Rows without their keys. */
export type EncodedRows = {
  readonly rows: number
  readonly cells: Float64Array
  readonly refs?: PackedRefs
}

export function encodeTable(layout: RowLayout, keys: KeyTable, table: PaneTable): EncodedTable {
  const { size } = table
  const cells = table.cells.slice(0, size * layout.cellStride)
  const encoded = { keys: keys.pack(table.keys.subarray(0, size)), rows: size, cells }
  if (layout.refStride === 0) return encoded
  return {
    ...encoded,
    refs: packRefs(
      layout,
      table,
      Uint32Array.from({ length: size }, (_, row) => row),
    ),
  }
}

export function decodeTable(layout: RowLayout, keys: KeyTable, encoded: EncodedTable): PaneTable {
  const table = new PaneTable(layout, encoded.rows)
  keys.unpack(encoded.keys, (key) => table.rowOf(key))
  table.cells.set(encoded.cells)
  if (encoded.refs !== undefined) {
    const refs = new RefReader(layout, encoded.refs)
    for (let row = 0; row < encoded.rows; row++) refs.readInto(table, row)
  }
  return table
}

export function markTable(table: PaneTable, marks: KeyMarks): void {
  for (let row = 0; row < table.size; row++) marks.mark(table.keys[row]!)
}

/** Some rows of others, without so many cells at their beginning. */
export function encodeRows(layout: RowLayout, rows: Rows, at: ArrayLike<number>, headCells = 0): EncodedRows {
  const { cellStride, refStride } = layout
  const width = cellStride - headCells
  const cells = new Float64Array(at.length * width)
  for (let i = 0; i < at.length; i++) {
    const from = at[i]! * cellStride + headCells
    for (let cell = 0; cell < width; cell++) cells[i * width + cell] = rows.cells[from + cell]!
  }
  return { rows: at.length, cells, ...(refStride === 0 ? {} : { refs: packRefs(layout, rows, at) }) }
}

/** Gives encoded rows back one by one, in order. */
export class RowReader {
  readonly #layout: RowLayout
  readonly #encoded: EncodedRows
  readonly #headCells: number
  readonly #refs: RefReader | undefined
  #row = 0

  constructor(layout: RowLayout, encoded: EncodedRows, headCells = 0) {
    this.#layout = layout
    this.#encoded = encoded
    this.#headCells = headCells
    this.#refs = encoded.refs && new RefReader(layout, encoded.refs)
  }

  readInto(rows: Rows, row: number): void {
    const { cellStride } = this.#layout
    const width = cellStride - this.#headCells
    const from = this.#row++ * width
    const to = row * cellStride + this.#headCells
    for (let cell = 0; cell < width; cell++) rows.cells[to + cell] = this.#encoded.cells[from + cell]!
    this.#refs?.readInto(rows, row)
  }
}
