// What joins the lanes of one query. A merge takes each lane's partials and publishes a pane when the merged watermark
// passes the end of its window; one implementation per family of windows.
import type { RowLayout } from '../aggregates/row-layout.ts'
import type { SnapshotValue } from '../aggregates/snapshot-value.ts'
import type { KeyMarks, KeyTable } from '../windows/key-table.ts'
import type { PaneOutput } from './pane-output.ts'

export interface MergeOptions {
  readonly layout: RowLayout
  readonly keys: KeyTable
  readonly allowedLatenessMs: number
  /** The query asks for early panes, so that even an on-time pane need not be the first revision. */
  readonly hasEarlyPanes: boolean
  readonly output: PaneOutput
}

/** How the merged watermark came to where it is. */
export interface Advance {
  readonly watermark: number
  /** All lanes are idle and `closeAfter` has passed. */
  readonly closedByIdle: boolean
  /** Every lane took part; none is idle, so that what is published depends on the shards alone. */
  readonly complete: boolean
}

export interface Merge {
  /** `advance` has nothing to do below this merged watermark. */
  readonly nextDueAt: number
  advance(to: Advance): void
  /** Names the keys under which something is kept. */
  markKeys(marks: KeyMarks): void
  /** What it holds, for a snapshot: a copy, of which nothing changes any more. */
  encode(): SnapshotValue
}

/** Shards in the order in which partials are merged, so that the last digit of a sum does not depend on who came first. */
export function inShardOrder<Value>(partials: ReadonlyMap<string, Value>): [string, Value][] {
  return [...partials].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}
