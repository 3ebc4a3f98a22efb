// Count windows: every `size` records of a key in one lane, in position order. They know no lateness and need no merge; a
// pane's window is [least event time, greatest + 1). What is left over fires when the lane has ended.
import type { Rows } from '../aggregates/aggregator.ts'
import type { RowLayout } from '../aggregates/row-layout.ts'
import type { SnapshotValue } from '../aggregates/snapshot-value.ts'
import type { Fields } from '../records/fields.ts'
import type { KeyMarks, KeyTable } from './key-table.ts'
import type { LanePanes, Placement } from './lane-panes.ts'
import { NumberColumn } from './number-column.ts'
import { type EncodedRows, encodeRows, RowReader } from './pane-table-codec.ts'
import { RowArena } from './row-arena.ts'

interface OpenCount {
  /** Which window of its key this is, from 0. */
  n: number
  /** -1 while the window has no record. */
  row: number
  records: number
  start: number
  end: number
  /** How many early panes it has had, and whether it has taken a record since the last one. */
  revisions: number
  hasChanged: boolean
}

/** What a pane tells of its window. */
interface CountWindow {
  readonly n: number
  readonly start: number
  readonly end: number
}

export interface CountPanesOptions {
  readonly size: number
  readonly layout: RowLayout
  readonly keys: KeyTable
  readonly skipped: number[]
  readonly publish: (key: number, window: CountWindow, index: number, isFinal: boolean, rows: Rows, row: number) => void
}

export class CountPanes implements LanePanes {
  readonly nextDueAt = Number.POSITIVE_INFINITY
  readonly #options: CountPanesOptions
  readonly #open = new Map<number, OpenCount>()
  readonly #arena: RowArena

  constructor(options: CountPanesOptions, encoded?: SnapshotValue) {
    this.#options = options
    this.#arena = new RowArena(options.layout)
    if (encoded === undefined) return
    const { keys, records, n, start, end, revisions, rows } = encoded as unknown as EncodedCounts
    const reader = new RowReader(options.layout, rows)
    let i = 0
    options.keys.unpack(keys, (key) => {
      const row = records[i] === 0 ? -1 : this.#arena.take()
      if (row >= 0) reader.readInto(this.#arena, row)
      this.#open.set(key, {
        n: n[i]!,
        row,
        records: records[i]!,
        start: start[i]!,
        end: end[i]!,
        revisions: revisions[i]!,
        hasChanged: row >= 0,
      })
      i++
    })
  }

  add(key: number, fields: Fields, eventTime: number): Placement {
    const { size, layout, skipped } = this.#options
    let open = this.#open.get(key)
    if (open === undefined) {
      open = { n: 0, row: -1, records: 0, start: 0, end: 0, revisions: 0, hasChanged: false }
      this.#open.set(key, open)
    }
    if (open.row < 0) {
      open.row = this.#arena.take()
      open.start = eventTime
      open.end = eventTime + 1
    }
    layout.add(this.#arena, open.row, fields, eventTime, skipped)
    if (eventTime < open.start) open.start = eventTime
    if (eventTime >= open.end) open.end = eventTime + 1
    open.hasChanged = true
    if (++open.records === size) this.#fire(key, open)
    return 0
  }

  #fire(key: number, open: OpenCount): void {
    this.#options.publish(key, open, open.revisions, true, this.#arena, open.row)
    open.revisions = 0
    open.hasChanged = false
    this.#arena.release(open.row)
    open.row = -1
    open.records = 0
    open.n++
  }

  /** Publishes what has changed in windows that are not full. */
  publishEarly(): void {
    for (const [key, open] of this.#open) {
      if (!open.hasChanged) continue
      open.hasChanged = false
      this.#options.publish(key, open, open.revisions++, false, this.#arena, open.row)
    }
  }

  advance(): void {}

  flush(): void {
    for (const [key, open] of this.#open) if (open.records > 0) this.#fire(key, open)
  }

  /** A key's windows are numbered for ever, so a key that was met once is kept. */
  markKeys(marks: KeyMarks): void {
    for (const key of this.#open.keys()) marks.mark(key)
  }

  encode(): SnapshotValue {
    const { layout, keys } = this.#options
    const packed = new NumberColumn(this.#open.size)
    const rows = new NumberColumn(this.#open.size)
    const records = new NumberColumn(this.#open.size)
    const n = new NumberColumn(this.#open.size)
    const start = new NumberColumn(this.#open.size)
    const end = new NumberColumn(this.#open.size)
    const revisions = new NumberColumn(this.#open.size)
    for (const [key, open] of this.#open) {
      packed.push(key)
      if (open.row >= 0) rows.push(open.row)
      records.push(open.records)
      n.push(open.n)
      start.push(open.start)
      end.push(open.end)
      revisions.push(open.revisions)
    }
    return {
      keys: keys.pack(packed.all),
      records: records.toFloats(),
      n: n.toFloats(),
      start: start.toFloats(),
      end: end.toFloats(),
      revisions: revisions.toFloats(),
      rows: encodeRows(layout, this.#arena, rows.all),
    } satisfies EncodedCounts
  }
}

/** A column per property; `rows` are those of the windows that have records. */
type EncodedCounts = {
  readonly keys: Uint8Array
  readonly records: Float64Array
  readonly n: Float64Array
  readonly start: Float64Array
  readonly end: Float64Array
  readonly revisions: Float64Array
  readonly rows: EncodedRows
}
