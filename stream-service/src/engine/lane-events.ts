// What a lane gives its query's merge, as data: for lanes that are read on another thread. Applied in order, each when the
// lane's watermark is where it was, events do in the merge what the lane itself would have done.
import type { JsonValue, Rows } from '../aggregates/aggregator.ts'
import type { RowLayout } from '../aggregates/row-layout.ts'
import type { AlignedPartials } from '../windows/aligned-panes.ts'
import type { CountPanesOptions, CountWindow } from '../windows/count-panes.ts'
import type { KeyTable } from '../windows/key-table.ts'
import type { PaneTable } from '../windows/pane-table.ts'
import type { TablePool } from '../windows/table-pool.ts'
import type { RefusedEmission } from './emission.ts'
import type { LaneLedger } from './ledger.ts'

/** Rows of panes without the key table that their numbers belong to. */
export interface PortableRows {
  /** The keys' bytes as `KeyTable.pack` has them. */
  readonly keys: Uint8Array
  readonly cells: Float64Array
  /** The refs of all rows as JSON: one text costs less to hand over than many small objects. */
  readonly refs: string | undefined
}

export type LaneEvent = { /** The lane's watermark after the record before. */ readonly settledAt: number } & (
  | { readonly kind: 'put'; readonly end: number; readonly rows: PortableRows }
  | { readonly kind: 'revise'; readonly end: number; readonly rows: PortableRows }
  | {
      readonly kind: 'count'
      readonly window: CountWindow
      readonly index: number
      readonly isFinal: boolean
      readonly rows: PortableRows
    }
  | { readonly kind: 'refused'; readonly emission: RefusedEmission }
  /** Nothing but that the watermark went on. */
  | { readonly kind: 'reached' }
)

/** What became of a lane over some records. */
export interface LaneReport {
  readonly events: readonly LaneEvent[]
  readonly watermark: number
  readonly isFollowing: boolean
  readonly watermarkSetBy: { position: string; eventTime: number } | undefined
  readonly ledger: LaneLedger
  /** Per aggregate: how many values it had no use for, over these records. */
  readonly skipped: readonly number[]
}

/** Takes what a lane gives and keeps it as events. */
export class LaneRecorder implements AlignedPartials {
  settledAt = Number.NEGATIVE_INFINITY
  readonly #layout: RowLayout
  readonly #keys: KeyTable
  readonly #tables: TablePool
  readonly #givesTablesAway: boolean
  #events: LaneEvent[] = []

  constructor(layout: RowLayout, keys: KeyTable, tables: TablePool, allowedLatenessMs: number) {
    this.#layout = layout
    this.#keys = keys
    this.#tables = tables
    this.#givesTablesAway = allowedLatenessMs === 0
  }

  put(_shardId: string, end: number, table: PaneTable): void {
    const { settledAt } = this
    const keys = table.keys.subarray(0, table.size)
    this.#events.push({ kind: 'put', settledAt, end, rows: this.#portable(keys, table, 0) })
    // With allowed lateness the lane goes on with the table.
    if (this.#givesTablesAway) this.#tables.give(table)
  }

  revise(_shardId: string, end: number, table: PaneTable, key: number, row: number): void {
    const { settledAt } = this
    this.#events.push({ kind: 'revise', settledAt, end, rows: this.#portable([key], table, row) })
  }

  readonly count: CountPanesOptions['publish'] = (key, { n, start, end }, index, isFinal, rows, row) => {
    const { settledAt } = this
    const portable = this.#portable([key], rows, row)
    this.#events.push({ kind: 'count', settledAt, window: { n, start, end }, index, isFinal, rows: portable })
  }

  refuse(emission: RefusedEmission): void {
    const { settledAt } = this
    // A copy: the record's bytes are a part of a whole batch.
    this.#events.push({ kind: 'refused', settledAt, emission: { ...emission, data: emission.data.slice() } })
  }

  #portable(keys: ArrayLike<number>, rows: Rows, firstRow: number): PortableRows {
    const { cellStride, refStride } = this.#layout
    const cells = rows.cells.slice(firstRow * cellStride, (firstRow + keys.length) * cellStride)
    const refs =
      refStride === 0
        ? undefined
        : JSON.stringify(Array.from({ length: keys.length }, (_, i) => this.#layout.encodeRefs(rows, firstRow + i)))
    return { keys: this.#keys.pack(keys), cells, refs }
  }

  /** The lane's watermark is at `settledAt`, where the merge may have something to do that came from other lanes. */
  reach(): void {
    this.#events.push({ kind: 'reached', settledAt: this.settledAt })
  }

  /** All events since the last call. */
  take(): readonly LaneEvent[] {
    const events = this.#events
    this.#events = []
    return events
  }
}

/** Puts portable rows into a table that is empty. */
export function unpackRows(rows: PortableRows, table: PaneTable, keys: KeyTable, layout: RowLayout): void {
  keys.unpack(rows.keys, (key) => table.rowOf(key))
  table.cells.set(rows.cells)
  if (rows.refs === undefined) return
  for (const [i, row] of (JSON.parse(rows.refs) as JsonValue[][]).entries()) layout.decodeRefs(table, i, row)
}
