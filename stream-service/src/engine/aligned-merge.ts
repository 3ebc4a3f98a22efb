// The merge for windows on a grid. It keeps every lane's share of a window apart until the window is past its allowed
// lateness, so that a lane's revision replaces that lane's share and never adds to it.
import type { JsonValue } from '../aggregates/aggregator.ts'
import { Deadlines } from '../time/deadlines.ts'
import { loadInstant, type SavedInstant, saveInstant } from '../time/saved-instant.ts'
import type { AlignedWindows } from '../windows/aligned.ts'
import type { AlignedPartials, UnfiredShare } from '../windows/aligned-panes.ts'
import type { MapKey } from '../windows/group-key.ts'
import { PaneTable } from '../windows/pane-table.ts'
import { decodeTable, encodeTable } from '../windows/pane-table-codec.ts'
import type { Timing } from './emission.ts'
import { type Advance, inShardOrder, type Merge, type MergeOptions } from './merge.ts'

interface MergingWindow {
  readonly end: number
  readonly shares: Map<string, PaneTable>
  fired: boolean
  /** How many revisions of a key's pane were published; kept only where there can be several. */
  readonly revisions: Map<MapKey, number>
  /** Keys that lanes have given or revised since the last early panes, while the window has not fired. */
  readonly changed: Set<MapKey>
}

export class AlignedMerge implements Merge, AlignedPartials {
  readonly #options: MergeOptions
  readonly #windows: AlignedWindows
  // In the snapshot.
  readonly #merging = new Map<number, MergingWindow>()
  #at: Advance = { watermark: Number.NEGATIVE_INFINITY, closedByIdle: false, complete: true }
  // Rebuilt on start.
  readonly #due = new Deadlines<MergingWindow>()

  constructor(options: MergeOptions, windows: AlignedWindows, encoded?: JsonValue) {
    this.#options = options
    this.#windows = windows
    if (encoded === undefined) return
    const snapshot = encoded as EncodedMerge
    this.#at = { ...this.#at, watermark: loadInstant(snapshot.watermark) }
    for (const { end, fired, shares, revisions } of snapshot.windows) {
      this.#schedule({
        end,
        fired,
        shares: new Map(shares.map(([shardId, table]) => [shardId, decodeTable(options.layout, table)])),
        revisions: new Map(revisions),
        changed: new Set(shares.flatMap(([, table]) => (table as { readonly keys: MapKey[] }).keys)),
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
    else if (share !== table) for (const [key, row] of table.rows) this.#replaceRow(share, key, table, row)
    if (window.fired) this.#publish(window, [...table.rows.keys()], 'late')
    else if (this.#options.hasEarlyPanes) for (const key of table.rows.keys()) window.changed.add(key)
  }

  revise(shardId: string, end: number, table: PaneTable, key: MapKey, row: number): void {
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

  #replaceRow(share: PaneTable, key: MapKey, table: PaneTable, row: number): void {
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
      changed: new Set<MapKey>(),
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
      this.#merging.delete(window.end)
    }
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
    keys: readonly MapKey[] | undefined,
    timing: Timing,
    unfired: readonly UnfiredShare[] = [],
  ): void {
    const { allowedLatenessMs, hasEarlyPanes, writer, query, emit } = this.#options
    const hasRevisions = allowedLatenessMs > 0 || hasEarlyPanes
    const { watermark, closedByIdle, complete } = this.#at
    const frame = writer.windowFrame({
      start: this.#windows.startOf(window.end),
      end: window.end,
      timing,
      final: window.end - 1 + allowedLatenessMs <= watermark,
      closedByIdle: closedByIdle && timing === 'on-time',
    })
    const merged = this.#merged(window, keys, unfired)
    const lines: string[] = []
    for (const [key, row] of merged.rows) {
      let index = 0
      if (hasRevisions) {
        index = window.revisions.get(key) ?? 0
        window.revisions.set(key, index + 1)
      }
      lines.push(writer.line(frame, key, index, merged, row))
    }
    if (lines.length > 0) {
      emit({ kind: 'panes', query, lines, settled: !hasRevisions && complete && !closedByIdle })
    }
  }

  #merged(window: MergingWindow, keys: readonly MapKey[] | undefined, unfired: readonly UnfiredShare[]): PaneTable {
    const held = new Map(unfired.map(({ shardId, table }) => [shardId, table]))
    const shares = inShardOrder(held.size === 0 ? window.shares : new Map([...window.shares, ...held]))
    if (shares.length === 1 && keys === undefined) return shares[0]![1]
    const { layout } = this.#options
    const merged = new PaneTable(layout)
    for (const [, share] of shares) {
      for (const key of keys ?? share.rows.keys()) {
        const from = share.rows.get(key)
        if (from === undefined) continue
        const isNew = !merged.rows.has(key)
        const row = merged.rowOf(key)
        if (isNew) layout.copy(merged, row, share, from)
        else layout.merge(merged, row, share, from)
      }
    }
    return merged
  }

  encode(): JsonValue {
    const { layout } = this.#options
    const watermark = this.#at.watermark
    return {
      watermark: saveInstant(watermark),
      windows: [...this.#merging.values()].map(({ end, fired, shares, revisions }) => ({
        end,
        fired,
        shares: [...shares].map(([shardId, table]): [string, JsonValue] => [shardId, encodeTable(layout, table)]),
        revisions: [...revisions],
      })),
    } satisfies EncodedMerge
  }
}

type EncodedMerge = {
  readonly watermark: SavedInstant
  readonly windows: readonly {
    readonly end: number
    readonly fired: boolean
    readonly shares: readonly (readonly [string, JsonValue])[]
    readonly revisions: readonly (readonly [MapKey, number])[]
  }[]
}
