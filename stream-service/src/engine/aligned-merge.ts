// The merge for windows on a grid. It keeps every lane's share of a window apart until the window is past its allowed
// lateness, so that a lane's revision replaces that lane's share and never adds to it.
import type { Rows } from '../aggregates/aggregator.ts'
import type { SnapshotValue } from '../aggregates/snapshot-value.ts'
import { Deadlines } from '../time/deadlines.ts'
import { loadInstant, type SavedInstant, saveInstant } from '../time/saved-instant.ts'
import type { AlignedWindows } from '../windows/aligned.ts'
import type { AlignedPartials, UnfiredShare } from '../windows/aligned-panes.ts'
import type { KeyMarks, KeyTable } from '../windows/key-table.ts'
import { mergeRow, mergeTable, PaneTable } from '../windows/pane-table.ts'
import { decodeTable, type EncodedTable, encodeTable, markTable } from '../windows/pane-table-codec.ts'
import type { TablePool } from '../windows/table-pool.ts'
import type { Timing } from './emission.ts'
import { type Advance, inShardOrder, type Merge, type MergeOptions } from './merge.ts'

interface MergingWindow {
  readonly end: number
  readonly shares: Map<string, PaneTable>
  fired: boolean
  /** How many revisions of a key's pane were published; kept only where there can be several. */
  readonly revisions: Map<number, number>
  /** Keys that lanes have given or revised since the last early panes, while the window has not fired. */
  readonly changed: Set<number>
}

export interface AlignedMergeOptions extends MergeOptions {
  readonly windows: AlignedWindows
  /** Where tables go that nobody needs any more. */
  readonly tables: TablePool
}

export class AlignedMerge implements Merge, AlignedPartials {
  readonly #options: AlignedMergeOptions
  // In the snapshot.
  readonly #merging = new Map<number, MergingWindow>()
  #at: Advance = { watermark: Number.NEGATIVE_INFINITY, closedByIdle: false, complete: true }
  // Rebuilt on start.
  readonly #due = new Deadlines<MergingWindow>()

  constructor(options: AlignedMergeOptions, encoded?: SnapshotValue) {
    this.#options = options
    if (encoded === undefined) return
    const snapshot = encoded as unknown as EncodedMerge
    this.#at = { ...this.#at, watermark: loadInstant(snapshot.watermark) }
    const { layout, keys, hasEarlyPanes } = options
    for (const { end, fired, shares, revisions } of snapshot.windows) {
      const tables = shares.map(([shardId, table]) => [shardId, decodeTable(layout, keys, table)] as const)
      this.#schedule({
        end,
        fired,
        shares: new Map(tables),
        revisions: decodeRevisions(keys, revisions),
        // Which keys changed since the last early panes is not saved; after a start all may have.
        changed: new Set(hasEarlyPanes ? tables.flatMap(([, { keys: own, size }]) => [...own.subarray(0, size)]) : []),
      })
    }
  }

  get nextDueAt(): number {
    return this.#due.nextAt
  }

  put(shardId: string, end: number, table: PaneTable): void {
    const window = this.#windowEnding(end)
    const share = window.shares.get(shardId)
    if (share === undefined) window.shares.set(shardId, table)
    else if (share !== table) {
      for (let row = 0; row < table.size; row++) this.#replaceRow(share, table.keys[row]!, table, row)
    }
    if (window.fired) this.#publish(window, [...table.keys.subarray(0, table.size)], 'late')
    else if (this.#options.hasEarlyPanes) {
      for (let row = 0; row < table.size; row++) window.changed.add(table.keys[row]!)
    }
  }

  revise(shardId: string, end: number, table: Rows, key: number, row: number): void {
    const window = this.#windowEnding(end)
    let share = window.shares.get(shardId)
    if (share === undefined) {
      share = new PaneTable(this.#options.layout)
      window.shares.set(shardId, share)
    }
    if (share !== table) this.#replaceRow(share, key, table, row)
    if (window.fired) this.#publish(window, [key], 'late')
    else if (this.#options.hasEarlyPanes) window.changed.add(key)
  }

  #replaceRow(share: PaneTable, key: number, table: Rows, row: number): void {
    this.#options.layout.copy(share, share.rowOf(key), table, row)
  }

  #windowEnding(end: number): MergingWindow {
    const known = this.#merging.get(end)
    if (known !== undefined) return known
    const window = {
      end,
      shares: new Map(),
      fired: end - 1 <= this.#at.watermark,
      revisions: new Map(),
      changed: new Set<number>(),
    }
    this.#schedule(window)
    return window
  }

  #schedule(window: MergingWindow): void {
    this.#merging.set(window.end, window)
    this.#due.add(window.fired ? window.end - 1 + this.#options.allowedLatenessMs : window.end - 1, window)
  }

  advance(to: Advance): void {
    this.#at = to
    for (let window = this.#due.take(to.watermark); window !== undefined; window = this.#due.take(to.watermark)) {
      const settlesAt = window.end - 1 + this.#options.allowedLatenessMs
      if (!window.fired) {
        window.fired = true
        this.#publish(window, undefined, 'on-time')
        if (settlesAt > to.watermark) {
          this.#due.add(settlesAt, window)
          continue
        }
      }
      this.#forget(window)
    }
  }

  #forget({ end, shares }: MergingWindow): void {
    this.#merging.delete(end)
    // With allowed lateness a table is also the lane's.
    if (this.#options.allowedLatenessMs === 0) for (const table of shares.values()) this.#options.tables.give(table)
  }

  /**
   * Publishes early panes for every key that changed since the last ones, in windows that have not fired: from what lanes
   * have given, and from what they hold themselves.
   */
  publishEarly(unfired: readonly UnfiredShare[]): void {
    for (const { end, changed } of unfired) {
      const window = this.#windowEnding(end)
      for (const key of changed) window.changed.add(key)
    }
    const windows = [...this.#merging.values()].filter(({ fired, changed }) => !fired && changed.size > 0)
    for (const window of windows.sort((a, b) => a.end - b.end)) {
      const keys = [...window.changed]
      window.changed.clear()
      this.#publish(
        window,
        keys,
        'early',
        unfired.filter(({ end }) => end === window.end),
      )
    }
  }

  /** Publishes the panes of some keys, or of all. */
  #publish(
    window: MergingWindow,
    keys: readonly number[] | undefined,
    timing: Timing,
    unfired: readonly UnfiredShare[] = [],
  ): void {
    const { allowedLatenessMs, hasEarlyPanes, output, windows } = this.#options
    const hasRevisions = allowedLatenessMs > 0 || hasEarlyPanes
    const { watermark, closedByIdle, complete } = this.#at
    const merged = this.#merged(window, keys, unfired)
    const header = {
      start: windows.startOf(window.end),
      end: window.end,
      timing,
      final: window.end - 1 + allowedLatenessMs <= watermark,
      closedByIdle: closedByIdle && timing === 'on-time',
    }
    output.window(header, !hasRevisions && complete && !closedByIdle)
    for (let row = 0; row < merged.size; row++) {
      const key = merged.keys[row]!
      let index = 0
      if (hasRevisions) {
        index = window.revisions.get(key) ?? 0
        window.revisions.set(key, index + 1)
      }
      output.pane(key, index, merged, row)
    }
    if (this.#isScratch(window, merged)) this.#options.tables.give(merged)
  }

  /** Whether a table was made by `#merged` and is of no further use. */
  #isScratch({ shares }: MergingWindow, table: PaneTable): boolean {
    for (const share of shares.values()) if (share === table) return false
    return true
  }

  /** The panes of a window over all lanes: some keys', or all. */
  #merged(window: MergingWindow, keys: readonly number[] | undefined, unfired: readonly UnfiredShare[]): PaneTable {
    const held = new Map(unfired.map(({ shardId, table }) => [shardId, table]))
    const shares = inShardOrder(held.size === 0 ? window.shares : new Map([...window.shares, ...held]))
    if (shares.length === 1 && keys === undefined && held.size === 0) return shares[0]![1]
    const { layout, tables } = this.#options
    const merged = tables.take()
    for (const [, share] of shares) {
      if (keys === undefined) mergeTable(merged, share, layout)
      else for (const key of keys) mergeRow(merged, share, key, layout)
    }
    return merged
  }

  markKeys(marks: KeyMarks): void {
    for (const { shares, revisions, changed } of this.#merging.values()) {
      for (const table of shares.values()) markTable(table, marks)
      for (const key of revisions.keys()) marks.mark(key)
      for (const key of changed) marks.mark(key)
    }
  }

  encode(): SnapshotValue {
    const { layout, keys } = this.#options
    const watermark = this.#at.watermark
    return {
      watermark: saveInstant(watermark),
      windows: [...this.#merging.values()].map(({ end, fired, shares, revisions }) => ({
        end,
        fired,
        shares: [...shares].map(([shardId, table]) => [shardId, encodeTable(layout, keys, table)] as const),
        revisions: { keys: keys.pack([...revisions.keys()]), next: Uint32Array.from(revisions.values()) },
      })),
    } satisfies EncodedMerge
  }
}

type EncodedMerge = {
  readonly watermark: SavedInstant
  readonly windows: readonly {
    readonly end: number
    readonly fired: boolean
    readonly shares: readonly (readonly [string, EncodedTable])[]
    readonly revisions: EncodedRevisions
  }[]
}
type EncodedRevisions = { readonly keys: Uint8Array; readonly next: Uint32Array }

function decodeRevisions(keys: KeyTable, { keys: packed, next }: EncodedRevisions): Map<number, number> {
  const revisions = new Map<number, number>()
  keys.unpack(packed, (key) => revisions.set(key, next[revisions.size]!))
  return revisions
}
