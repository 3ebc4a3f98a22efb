// A lane's open windows on a grid, in slices with a table of panes each. A window fires, as a whole, when the lane's
// watermark reaches its last millisecond; with allowed lateness it then takes updates until
// end - 1 + allowedLateness <= watermark.
import type { RowLayout } from '../aggregates/row-layout.ts'
import type { SnapshotValue } from '../aggregates/snapshot-value.ts'
import type { Fields } from '../records/fields.ts'
import { Deadlines } from '../time/deadlines.ts'
import type { KeyMarks, KeyTable } from './key-table.ts'
import { between, type LanePanes, late, type Placement, type RowBatch } from './lane-panes.ts'
import { mergeRow, mergeTable, PaneTable } from './pane-table.ts'
import { decodeTable, type EncodedTable, encodeTable, markTable } from './pane-table-codec.ts'
import type { Slicing } from './slices.ts'
import type { TablePool } from './table-pool.ts'

/** Takes a lane's share of each window when it fires, and its revisions after that. */
export interface AlignedPartials {
  /** The lane's whole share of a window. The lane gives the table away; without allowed lateness for good. */
  put(shardId: string, end: number, table: PaneTable): void
  /** One row of the lane's share has a new value, or is new. */
  revise(shardId: string, end: number, table: PaneTable, key: number, row: number): void
}

interface Slice {
  readonly start: number
  readonly end: number
  /** The ends of the first and last window that it belongs to. */
  readonly firstEnd: number
  readonly lastEnd: number
  readonly table: PaneTable
  /** Keys with new records since the last early panes; kept only where a query asks for those. */
  readonly changed: Set<number> | undefined
}

/** What a lane holds of a window that has not fired. */
export interface UnfiredShare {
  readonly shardId: string
  readonly end: number
  readonly table: PaneTable
  readonly changed: ReadonlySet<number>
}

export interface AlignedPanesOptions {
  readonly shardId: string
  readonly slicing: Slicing
  readonly layout: RowLayout
  readonly keys: KeyTable
  readonly tables: TablePool
  readonly allowedLatenessMs: number
  readonly partials: AlignedPartials
  /** The query asks for early panes. */
  readonly tracksChanges: boolean
  /** Per aggregate: how many values it had no use for. */
  readonly skipped: number[]
}

export class AlignedPanes implements LanePanes {
  readonly #options: AlignedPanesOptions
  // In the snapshot.
  readonly #slices = new Map<number, Slice>()
  /** The ends of windows that have records and have not fired. */
  readonly #unfired = new Set<number>()
  // Rebuilt on start.
  readonly #firing = new Deadlines<number>()
  readonly #forgetting = new Deadlines<Slice>()
  /** The slices that took records last: most records go to one of them. */
  #latest: Slice | undefined
  #latestButOne: Slice | undefined

  constructor(options: AlignedPanesOptions, encoded?: SnapshotValue) {
    this.#options = options
    if (encoded === undefined) return
    const { slices, unfired } = encoded as unknown as EncodedPanes
    for (const end of unfired) this.#awaitFiring(end)
    for (const { end, table } of slices)
      this.#keep(this.#newSlice(end, decodeTable(options.layout, options.keys, table)))
    // Which keys changed since the last early panes is not saved; after a start all may have.
    for (const { table, changed } of this.#slices.values()) {
      if (changed !== undefined) for (let row = 0; row < table.size; row++) changed.add(table.keys[row]!)
    }
  }

  get nextDueAt(): number {
    return Math.min(this.#firing.nextAt, this.#forgetting.nextAt)
  }

  add(key: number, fields: Fields, eventTime: number, watermark: number): Placement {
    const { slicing, layout, allowedLatenessMs, skipped } = this.#options
    if (slicing.sliceMs === undefined) return this.#addToEach(key, fields, eventTime, watermark)
    let slice = this.#latest
    if (slice === undefined || eventTime < slice.start || eventTime >= slice.end) {
      slice = this.#latestButOne
      if (slice === undefined || eventTime < slice.start || eventTime >= slice.end) {
        const { windows } = slicing
        const lastEnd = windows.lastEnd(eventTime)
        if (windows.firstEnd(eventTime) > lastEnd) return between
        if (lastEnd - 1 + allowedLatenessMs <= watermark) return late
        slice = this.#sliceEnding(slicing.sliceEnd(eventTime), watermark)
      }
      this.#latestButOne = this.#latest
      this.#latest = slice
    }
    const { table, changed } = slice
    layout.add(table, table.rowOf(key), fields, eventTime, skipped)
    if (changed !== undefined) changed.add(key)
    return slice.firstEnd - 1 <= watermark ? this.#revise(slice, key, watermark) : 0
  }

  isOnTime(eventTime: number, watermark: number): boolean {
    return this.#options.slicing.windows.firstEnd(eventTime) - 1 > watermark
  }

  addRows(batch: RowBatch, from: number, to: number, watermark: number): number {
    const { slicing } = this.#options
    const { sliceMs } = slicing
    if (sliceMs === undefined) return this.#addRowsToEach(batch, from, to, watermark)
    if (chosen.length < to - from) makeRoom(to - from)
    const { times } = batch
    let without = 0
    let left = batch.rows
    let at = from
    let end = to
    // Slice by slice: few rows go to another one than the first.
    while (at < end) {
      const first = times[left[at]!]!
      const slice = this.#sliceAt(first, watermark)
      const sliceEnd = slice === undefined ? slicing.sliceEnd(first) : slice.end
      const sliceStart = sliceEnd - sliceMs
      let count = 0
      let others = 0
      for (; at < end; at++) {
        const row = left[at]!
        const time = times[row]!
        if (time >= sliceStart && time < sliceEnd) chosen[count++] = row
        else rest[others++] = row
      }
      if (slice === undefined) without += count
      else this.#addChosen(slice, batch, count)
      left = rest
      at = 0
      end = others
    }
    return without
  }

  #addChosen({ table, changed }: Slice, { fields, keys, times }: RowBatch, count: number): void {
    const { layout, skipped } = this.#options
    table.rowsOf(keys, chosen, count, tableRows)
    layout.addRows(table, tableRows, fields, chosen, times, count, skipped)
    if (changed !== undefined) for (let i = 0; i < count; i++) changed.add(keys[chosen[i]!]!)
  }

  #addRowsToEach({ fields, keys, times, rows }: RowBatch, from: number, to: number, watermark: number): number {
    let without = 0
    for (let i = from; i < to; i++) {
      const row = rows[i]!
      fields.moveTo(row)
      if (this.#addToEach(keys[row]!, fields, times[row]!, watermark) === between) without++
    }
    return without
  }

  /** The slice that takes records of that time, which are on time; undefined in gaps between windows. */
  #sliceAt(eventTime: number, watermark: number): Slice | undefined {
    const latest = this.#latest
    if (latest !== undefined && eventTime >= latest.start && eventTime < latest.end) return latest
    let slice = this.#latestButOne
    if (slice === undefined || eventTime < slice.start || eventTime >= slice.end) {
      const { windows, sliceEnd } = this.#options.slicing
      if (windows.firstEnd(eventTime) > windows.lastEnd(eventTime)) return undefined
      slice = this.#sliceEnding(sliceEnd(eventTime), watermark)
    }
    this.#latestButOne = latest
    this.#latest = slice
    return slice
  }

  /** A late record is in a slice: windows that have fired get a revision. Answers how many were missed. */
  #revise({ table, firstEnd, lastEnd }: Slice, key: number, watermark: number): number {
    const { slicing, allowedLatenessMs, layout, partials, shardId } = this.#options
    const { windows, sliceMs } = slicing
    let missed = 0
    for (let end = firstEnd; end <= lastEnd && end - 1 <= watermark; end += windows.stepMs) {
      if (end - 1 + allowedLatenessMs <= watermark) {
        missed++
        continue
      }
      const slices = this.#slicesOf(end)
      if (sliceMs === undefined || slices.length === 1) {
        partials.revise(shardId, end, table, key, table.find(key))
        continue
      }
      const share = new PaneTable(layout)
      for (const slice of slices) mergeRow(share, slice.table, key, layout)
      partials.revise(shardId, end, share, key, 0)
    }
    return missed
  }

  /** For windows that share no slices: each takes the record itself. */
  #addToEach(key: number, fields: Fields, eventTime: number, watermark: number): Placement {
    const { slicing, layout, allowedLatenessMs, skipped } = this.#options
    const { windows } = slicing
    const lastEnd = windows.lastEnd(eventTime)
    const firstEnd = windows.firstEnd(eventTime)
    if (firstEnd > lastEnd) return between
    let missed = 0
    let taken = 0
    for (let end = firstEnd; end <= lastEnd; end += windows.stepMs) {
      if (end - 1 + allowedLatenessMs <= watermark) {
        missed++
        continue
      }
      taken++
      const slice = this.#sliceEnding(end, watermark)
      layout.add(slice.table, slice.table.rowOf(key), fields, eventTime, skipped)
      slice.changed?.add(key)
      if (end - 1 <= watermark) this.#revise(slice, key, watermark)
    }
    return taken === 0 ? late : missed
  }

  #sliceEnding(end: number, watermark: number): Slice {
    const known = this.#slices.get(end)
    if (known !== undefined) return known
    const slice = this.#newSlice(end, this.#options.tables.take())
    this.#keep(slice)
    // A window whose end has passed before its first record does not fire: its rows are late updates.
    const step = this.#options.slicing.windows.stepMs
    for (let windowEnd = slice.firstEnd; windowEnd <= slice.lastEnd; windowEnd += step) {
      if (windowEnd - 1 > watermark) this.#awaitFiring(windowEnd)
    }
    return slice
  }

  #newSlice(end: number, table: PaneTable): Slice {
    const { slicing, tracksChanges } = this.#options
    const { windows, sliceMs } = slicing
    const isOwnWindow = sliceMs === undefined
    return {
      start: isOwnWindow ? windows.startOf(end) : end - sliceMs,
      end,
      firstEnd: isOwnWindow ? end : windows.firstEnd(end - 1),
      lastEnd: isOwnWindow ? end : windows.lastEnd(end - 1),
      table,
      changed: tracksChanges ? new Set<number>() : undefined,
    }
  }

  #keep(slice: Slice): void {
    this.#slices.set(slice.end, slice)
    this.#forgetting.add(slice.lastEnd - 1 + this.#options.allowedLatenessMs, slice)
  }

  #awaitFiring(end: number): void {
    if (this.#unfired.has(end)) return
    this.#unfired.add(end)
    this.#firing.add(end - 1, end)
  }

  /** The slices of a window that have records, in order of time. */
  #slicesOf(end: number): Slice[] {
    const { windows, sliceMs } = this.#options.slicing
    if (sliceMs === undefined) return [this.#slices.get(end)!]
    const slices: Slice[] = []
    for (let sliceEnd = windows.startOf(end) + sliceMs; sliceEnd <= end; sliceEnd += sliceMs) {
      const slice = this.#slices.get(sliceEnd)
      if (slice !== undefined) slices.push(slice)
    }
    return slices
  }

  advance(watermark: number): void {
    for (let end = this.#firing.take(watermark); end !== undefined; end = this.#firing.take(watermark)) {
      this.#unfired.delete(end)
      this.#options.partials.put(this.#options.shardId, end, this.#shareOf(end))
    }
    for (let slice = this.#forgetting.take(watermark); slice !== undefined; slice = this.#forgetting.take(watermark)) {
      this.#slices.delete(slice.end)
      if (this.#latest === slice) this.#latest = undefined
      if (this.#latestButOne === slice) this.#latestButOne = undefined
      if (!this.#isGivenAway(slice)) this.#options.tables.give(slice.table)
    }
  }

  /** The lane's share of a window: its slice itself where no other window needs that, else a table of its own. */
  #shareOf(end: number): PaneTable {
    const slices = this.#slicesOf(end)
    const [first] = slices
    if (slices.length === 1 && this.#isGivenAway(first!)) return first!.table
    const { tables, layout } = this.#options
    const share = tables.take()
    for (const { table } of slices) mergeTable(share, table, layout)
    return share
  }

  #isGivenAway({ firstEnd, lastEnd, start }: Slice): boolean {
    return firstEnd === lastEnd && this.#options.slicing.windows.startOf(firstEnd) === start
  }

  flush(): void {
    this.advance(Number.POSITIVE_INFINITY)
  }

  /** The lane's share of every window that has not fired, as it is; the tables stay the lane's. */
  unfiredShares(): { readonly end: number; readonly table: PaneTable }[] {
    return [...this.#unfired].map((end) => ({ end, table: this.#shareOf(end) }))
  }

  /** All windows that have not fired, with what changed in them; the changes are taken as told. */
  takeUnfired(): UnfiredShare[] {
    const { shardId } = this.#options
    const unfired = [...this.#unfired].map((end) => {
      const changed = new Set<number>()
      for (const slice of this.#slicesOf(end)) for (const key of slice.changed!) changed.add(key)
      return { shardId, end, table: this.#shareOf(end), changed }
    })
    for (const { changed } of this.#slices.values()) changed!.clear()
    return unfired
  }

  markKeys(marks: KeyMarks): void {
    for (const { table } of this.#slices.values()) markTable(table, marks)
  }

  encode(): SnapshotValue {
    const { layout, keys } = this.#options
    return {
      slices: [...this.#slices.values()].map(({ end, table }) => ({ end, table: encodeTable(layout, keys, table) })),
      unfired: [...this.#unfired],
    } satisfies EncodedPanes
  }
}

// Rows of a batch that go into one slice, their rows in its table, and those that are left. Nothing in them outlives a call.
let chosen = new Int32Array(128)
let tableRows = new Int32Array(128)
let rest = new Int32Array(128)

function makeRoom(rows: number): void {
  chosen = new Int32Array(rows)
  tableRows = new Int32Array(rows)
  rest = new Int32Array(rows)
}

type EncodedPanes = {
  readonly slices: readonly { readonly end: number; readonly table: EncodedTable }[]
  readonly unfired: readonly number[]
}
