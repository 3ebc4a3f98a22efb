// Sessions for snapshots, in columns. What a session has several of lies behind one another, with counts: its starts as pairs
// of start and watermark, and the panes it was published in as start, end and index. Few panes supersede others; those that
// do are listed.
import type { Rows } from '../aggregates/aggregator.ts'
import type { RowLayout } from '../aggregates/row-layout.ts'
import type { KeyTable } from './key-table.ts'
import { NumberColumn } from './number-column.ts'
import { type EncodedRows, RowReader } from './pane-table-codec.ts'
import type { KnownStart, PublishedSession, SessionSpan } from './session.ts'
import { sessionHeadCells } from './session-table.ts'

export type SessionColumns = {
  readonly keys: Uint8Array
  readonly start: Float64Array
  readonly end: Float64Array
  readonly startCounts: Uint32Array
  readonly starts: Float64Array
  readonly paneCounts: Uint32Array
  readonly panes: Float64Array
  readonly supersedes: readonly (readonly [pane: number, ids: readonly string[]])[]
  readonly rows: EncodedRows
}

export interface SavedSession extends SessionSpan {
  readonly key: number
  readonly panes: readonly PublishedSession[]
}

export class SessionColumnWriter {
  readonly #keys: NumberColumn
  readonly #rows: NumberColumn
  readonly #start: NumberColumn
  readonly #end: NumberColumn
  readonly #startCounts: NumberColumn
  readonly #starts: NumberColumn
  readonly #paneCounts: NumberColumn
  readonly #panes = new NumberColumn(0)
  readonly #supersedes: [number, readonly string[]][] = []

  /** `capacity`: how many sessions are expected. */
  constructor(capacity: number) {
    this.#keys = new NumberColumn(capacity)
    this.#rows = new NumberColumn(capacity)
    this.#start = new NumberColumn(capacity)
    this.#end = new NumberColumn(capacity)
    this.#startCounts = new NumberColumn(capacity)
    this.#starts = new NumberColumn(2 * capacity)
    this.#paneCounts = new NumberColumn(capacity)
  }

  /** The rows of all that were added. */
  get rows(): Float64Array {
    return this.#rows.all
  }

  /** Adds a session; each of its starts has to be added next. */
  add(key: number, row: number, start: number, end: number, panes: readonly PublishedSession[]): void {
    this.#keys.push(key)
    this.#rows.push(row)
    this.#start.push(start)
    this.#end.push(end)
    this.#startCounts.push(0)
    this.#paneCounts.push(panes.length)
    for (let i = 0; i < panes.length; i++) this.#addPane(panes[i]!)
  }

  addStart(start: number, knownAt: number): void {
    this.#startCounts.addToLast(1)
    this.#starts.push(start)
    this.#starts.push(knownAt)
  }

  #addPane({ start, end, index, supersedes }: PublishedSession): void {
    if (supersedes.length > 0) this.#supersedes.push([this.#panes.length / 3, supersedes])
    this.#panes.push(start)
    this.#panes.push(end)
    this.#panes.push(index)
  }

  /** All that were added, whose rows are these. */
  write(keys: KeyTable, rows: EncodedRows): SessionColumns {
    return {
      keys: keys.pack(this.#keys.all),
      start: this.#start.toFloats(),
      end: this.#end.toFloats(),
      startCounts: this.#startCounts.toCounts(),
      starts: this.#starts.toFloats(),
      paneCounts: this.#paneCounts.toCounts(),
      panes: this.#panes.toFloats(),
      supersedes: this.#supersedes,
      rows,
    }
  }
}

/** Tells of every saved session, in order; `readInto` has to be called for each, and fills the row it is given. */
export function readSessionColumns(
  columns: SessionColumns,
  layout: RowLayout,
  keys: KeyTable,
  onSession: (session: Omit<SavedSession, 'row'>, readInto: (rows: Rows, row: number) => void, index: number) => void,
): void {
  const { start, end, startCounts, starts, paneCounts, panes } = columns
  const supersedes = new Map(columns.supersedes)
  const reader = new RowReader(layout, columns.rows, sessionHeadCells)
  const readInto = (rows: Rows, row: number) => reader.readInto(rows, row)
  let index = 0
  let nextStart = 0
  let nextPane = 0
  keys.unpack(columns.keys, (key) => {
    const known: KnownStart[] = []
    for (let n = 0; n < startCounts[index]!; n++, nextStart += 2) {
      known.push({ start: starts[nextStart]!, knownAt: starts[nextStart + 1]! })
    }
    const published: PublishedSession[] = []
    for (let n = 0; n < paneCounts[index]!; n++, nextPane++) {
      published.push({
        start: panes[3 * nextPane]!,
        end: panes[3 * nextPane + 1]!,
        index: panes[3 * nextPane + 2]!,
        supersedes: supersedes.get(nextPane) ?? [],
      })
    }
    onSession({ key, start: start[index]!, end: end[index]!, starts: known, panes: published }, readInto, index)
    index++
  })
}
