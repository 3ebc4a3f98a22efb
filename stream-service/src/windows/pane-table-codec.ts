// Pane tables as JSON, for snapshots: keys in row order, cells as base64 of little-endian doubles (exact, infinities too),
// refs by their aggregates.
import type { JsonValue } from '../aggregates/aggregator.ts'
import type { RowLayout } from '../aggregates/row-layout.ts'
import type { MapKey } from './group-key.ts'
import { PaneTable } from './pane-table.ts'

type EncodedTable = { readonly keys: MapKey[]; readonly cells: string; readonly refs?: JsonValue[][] }

export function encodeTable(layout: RowLayout, table: PaneTable): JsonValue {
  const keys = [...table.rows.keys()]
  const cells = encodeCells(table.cells.subarray(0, keys.length * layout.cellStride))
  if (layout.refStride === 0) return { keys, cells }
  return { keys, cells, refs: keys.map((_, row) => layout.encodeRefs(table, row)) } satisfies EncodedTable
}

export function decodeTable(layout: RowLayout, encoded: JsonValue): PaneTable {
  const { keys, cells, refs } = encoded as EncodedTable
  const table = new PaneTable(layout, Math.max(keys.length, 1))
  for (const key of keys) table.rowOf(key)
  table.cells.set(decodeCells(cells))
  refs?.forEach((row, index) => {
    layout.decodeRefs(table, index, row)
  })
  return table
}

export function encodeCells(cells: Float64Array): string {
  return Buffer.from(cells.buffer, cells.byteOffset, cells.byteLength).toString('base64')
}

export function decodeCells(text: string): Float64Array {
  const bytes = Buffer.from(text, 'base64')
  // A copy, because a Buffer from the pool need not begin at a multiple of eight.
  return new Float64Array(new Uint8Array(bytes).buffer)
}
