// What joins the lanes of one query. A merge takes each lane's partials and publishes a pane when the merged watermark
// passes the end of its window; one implementation per family of windows.
import type { JsonValue } from '../aggregates/aggregator.ts'
import type { RowLayout } from '../aggregates/row-layout.ts'
import type { Emission } from './emission.ts'
import type { PaneWriter } from './pane-line.ts'

export interface MergeOptions {
  readonly query: string
  readonly layout: RowLayout
  readonly allowedLatenessMs: number
  /** The query asks for early panes, so that even an on-time pane need not be the first revision. */
  readonly hasEarlyPanes: boolean
  readonly writer: PaneWriter
  readonly emit: (emission: Emission) => void
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
  /** The lowest merged watermark at which `advance` has something to do. */
  readonly nextDueAt: number
  advance(to: Advance): void
  encode(): JsonValue
}

/** Shards in the order in which partials are merged, so that the last digit of a sum does not depend on who came first. */
export function inShardOrder<Value>(partials: ReadonlyMap<string, Value>): [string, Value][] {
  return [...partials].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}
