// A lane's open windows on a grid, each with its table of panes. A window fires, as a whole, when the lane's watermark
// reaches its last millisecond; with allowed lateness it then stays open for updates until
// end - 1 + allowedLateness <= watermark.
import type { JsonValue } from '../aggregates/aggregator.ts'
import type { RowLayout } from '../aggregates/row-layout.ts'
import { Deadlines } from '../time/deadlines.ts'
import type { AlignedWindows } from './aligned.ts'
import { type MapKey, wellFormedKey } from './group-key.ts'
import { between, type LanePanes, late, type Placement } from './lane-panes.ts'
import { PaneTable } from './pane-table.ts'
import { decodeTable, encodeTable } from './pane-table-codec.ts'

/** Takes a lane's share of each window when it fires, and its revisions after that. */
export interface AlignedPartials {
  /** The lane's whole share of a window. The lane gives the table away unless `takesUpdates`. */
  put(shardId: string, end: number, table: PaneTable): void
  /** One row of the lane's share has a new value, or is new. */
  revise(shardId: string, end: number, table: PaneTable, key: MapKey, row: number): void
}

interface OpenWindow {
  readonly end: number
  readonly table: PaneTable
  fired: boolean
  /** Keys with new records since the last early panes; kept only where a query asks for those. */
  readonly changed: Set<MapKey> | undefined
}

/** What a lane holds of a window that has not fired. */
export interface UnfiredShare {
  readonly shardId: string
  readonly end: number
  readonly table: PaneTable
  readonly changed: ReadonlySet<MapKey>
}

export interface AlignedPanesOptions {
  readonly shardId: string
  readonly windows: AlignedWindows
  readonly layout: RowLayout
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
  readonly #open = new Map<number, OpenWindow>()
  // Rebuilt on start.
  readonly #due = new Deadlines<OpenWindow>()
  #latest: OpenWindow | undefined

  constructor(options: AlignedPanesOptions, encoded?: JsonValue) {
    this.#options = options
    for (const window of (encoded as EncodedWindow[] | undefined) ?? []) {
      const table = decodeTable(options.layout, window.table)
      // Which keys changed since the last early panes is not saved; after a start all may have.
      const changed = options.tracksChanges ? new Set(table.rows.keys()) : undefined
      this.#schedule({ end: window.end, table, fired: window.fired, changed })
    }
  }

  get nextDueAt(): number {
    return this.#due.nextAt
  }

  add(key: MapKey, values: readonly unknown[], record: unknown, eventTime: number, watermark: number): Placement {
    const { windows, layout, allowedLatenessMs, partials, shardId, skipped } = this.#options
    const lastEnd = windows.lastEnd(eventTime)
    let end = windows.firstEnd(eventTime)
    if (end > lastEnd) return between
    let missed = 0
    let taken = 0
    for (; end <= lastEnd; end += windows.stepMs) {
      if (end - 1 + allowedLatenessMs <= watermark) {
        missed++
        continue
      }
      taken++
      const window = this.#windowEnding(end, watermark)
      const row = window.table.rowOf(key)
      layout.add(window.table, row, values, record, eventTime, skipped)
      if (window.changed !== undefined) window.changed.add(wellFormedKey(key))
      if (window.fired) partials.revise(shardId, end, window.table, wellFormedKey(key), row)
    }
    return taken === 0 ? late : missed
  }

  #windowEnding(end: number, watermark: number): OpenWindow {
    const latest = this.#latest
    if (latest !== undefined && latest.end === end) return latest
    const known = this.#open.get(end)
    if (known !== undefined) {
      this.#latest = known
      return known
    }
    // A window whose end has passed before its first record is born fired: its rows are late updates.
    const { layout, tracksChanges } = this.#options
    const changed = tracksChanges ? new Set<MapKey>() : undefined
    const window = { end, table: new PaneTable(layout), fired: end - 1 <= watermark, changed }
    this.#schedule(window)
    this.#latest = window
    return window
  }

  #schedule(window: OpenWindow): void {
    this.#open.set(window.end, window)
    this.#due.add(window.fired ? window.end - 1 + this.#options.allowedLatenessMs : window.end - 1, window)
  }

  advance(watermark: number): void {
    const { allowedLatenessMs, partials, shardId } = this.#options
    for (let window = this.#due.take(watermark); window !== undefined; window = this.#due.take(watermark)) {
      if (!window.fired) {
        window.fired = true
        partials.put(shardId, window.end, window.table)
        if (window.end - 1 + allowedLatenessMs > watermark) {
          this.#due.add(window.end - 1 + allowedLatenessMs, window)
          continue
        }
      }
      this.#open.delete(window.end)
      if (this.#latest === window) this.#latest = undefined
    }
  }

  flush(): void {
    this.advance(Number.POSITIVE_INFINITY)
  }

  /** All windows that have not fired, with what changed in them; the changes are taken as told. */
  takeUnfired(): UnfiredShare[] {
    const { shardId } = this.#options
    const unfired: UnfiredShare[] = []
    for (const { end, fired, table, changed } of this.#open.values()) {
      if (fired) continue
      unfired.push({ shardId, end, table, changed: new Set(changed) })
      changed?.clear()
    }
    return unfired
  }

  encode(): JsonValue {
    const { layout } = this.#options
    return [...this.#open.values()].map(
      ({ end, fired, table }): EncodedWindow => ({ end, fired, table: encodeTable(layout, table) }),
    )
  }
}

type EncodedWindow = { readonly end: number; readonly fired: boolean; readonly table: JsonValue }
