// Pane tables as JSON, for snapshots: keys in row order, cells as base64 of little-endian doubles (exact, infinities too),
// refs by their aggregates.
import type { JsonValue } from '../aggregates/aggregator.ts'
import type { RowLayout } from '../aggregates/row-layout.ts'
import type { KeyMarks, KeyTable, SavedKey } from './key-table.ts'
import { PaneTable } from './pane-table.ts'

export type EncodedTable = {
  readonly keys: readonly SavedKey[]
  readonly cells: string
  readonly refs?: readonly (readonly JsonValue[])[]
}

export function encodeTable(layout: RowLayout, keys: KeyTable, table: PaneTable): EncodedTable {
  const saved = Array.from(table.keys.subarray(0, table.size), (key) => keys.save(key))
  const cells = encodeCells(table.cells.subarray(0, table.size * layout.cellStride))
  if (layout.refStride === 0) return { keys: saved, cells }
  return { keys: saved, cells, refs: saved.map((_, row) => layout.encodeRefs(table, row)) }
}

export function decodeTable(layout: RowLayout, keys: KeyTable, { keys: saved, cells, refs }: EncodedTable): PaneTable {
  const table = new PaneTable(layout, saved.length)
  for (const key of saved) table.rowOf(keys.restore(key))
  table.cells.set(decodeCells(cells))
  refs?.forEach((row, index) => {
    layout.decodeRefs(table, index, row)
  })
  return table
}

export function markTable(table: PaneTable, marks: KeyMarks): void {
  for (let row = 0; row < table.size; row++) marks.mark(table.keys[row]!)
}

export function encodeCells(cells: Float64Array): string {
  return Buffer.from(cells.buffer, cells.byteOffset, cells.byteLength).toString('base64')
}

export function decodeCells(text: string): Float64Array {
  const bytes = Buffer.from(text, 'base64')
  // A copy, because a Buffer from the pool need not begin at a multiple of eight.
  return new Float64Array(new Uint8Array(bytes).buffer)
}
