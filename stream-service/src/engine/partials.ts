// What a lane gives the merges of its query, as data that can wait, be saved and travel. A lane is a function of its shard's
// records, so what it gives can be counted: each *unit* (a window's rows, a revision, a session) has a number, the same
// after a crash and a new start, wherever batches were cut. Who receives a unit twice knows it by its number.
//
//   message   first | run, run, … | opens | watermark        units first, first + 1, …; then where the lane stands
//   run       units of one kind, as columns
import type { JsonValue } from '../aggregates/aggregator.ts'
import type { RowLayout } from '../aggregates/row-layout.ts'
import type { SavedInstant } from '../time/saved-instant.ts'
import type { KeyTable } from '../windows/key-table.ts'
import type { PaneTable } from '../windows/pane-table.ts'
import type { KnownStart } from '../windows/session.ts'

/** Rows of panes without the key table that their numbers belong to. */
export interface PortableRows {
  /** The keys' bytes as `KeyTable.pack` has them. */
  readonly keys: Uint8Array
  readonly cells: Float64Array
  /** The refs of all rows as JSON: one text costs less to hand over than many small objects. */
  readonly refs?: string
}

/** A shard and the shards whose records come before its own. */
export interface ShardFamily {
  readonly shardId: string
  readonly parentShardIds: readonly string[]
}

export type PartialRun = { readonly units: number } & (
  | {
      /** The lane's share of a window; of many rows, in several units. Rows that were given before are replaced. */
      readonly kind: 'put'
      readonly end: number
      readonly rows: PortableRows
    }
  | {
      /** A row each of windows that have been put: its new value. */
      readonly kind: 'revise'
      readonly ends: Float64Array
      readonly rows: PortableRows
    }
  | {
      /** Count windows, five numbers each: which of its key, start, end, revision, and whether it is full (1). */
      readonly kind: 'count'
      readonly windows: Float64Array
      readonly rows: PortableRows
    }
  | {
      /** Shares of sessions, four numbers each: serial, start, end, and the watermark at which the start came to be known. */
      readonly kind: 'session'
      readonly spans: Float64Array
      /** Of those with several starts, or that contain shares given before. */
      readonly more: readonly SessionMore[]
      readonly rows: PortableRows
    }
  /** Nothing comes any more for a while. All that was open has been put, so that time may go on without the lane. */
  | { readonly kind: 'idle'; readonly at: number }
  /** Records come again. */
  | { readonly kind: 'active' }
  /** The shard has no more records; these shards go on from it. */
  | { readonly kind: 'end'; readonly children: readonly ShardFamily[] }
)

export interface SessionMore {
  /** Which share of the run. */
  readonly at: number
  readonly starts: readonly (readonly [start: number, knownAt: SavedInstant])[]
  readonly replaces: readonly number[]
}

/** Sessions that are open in a lane: its watermark has come to their starts. Not counted as units: it may be told again. */
export interface OpenSpans {
  readonly keys: Uint8Array
  /** Per session: how many starts it has. */
  readonly counts: Uint32Array
  /** All starts, two numbers each: the start, and the watermark at which it came to be known. */
  readonly starts: Float64Array
}

export interface LaneMessage {
  readonly lane: string
  readonly query: string
  /** Whose keys it is about. */
  readonly partition: number
  /** The number of its first unit. */
  readonly first: number
  readonly runs: readonly PartialRun[]
  readonly opens?: OpenSpans
  /** The lane's watermark after all of this. */
  readonly watermark: SavedInstant
  /** The lane was idle, and its records have not caught up with the watermark it took over. */
  readonly isFollowing: boolean
}

/** Puts portable rows into a table that is empty. */
export function unpackRows(rows: PortableRows, table: PaneTable, keys: KeyTable, layout: RowLayout): void {
  keys.unpack(rows.keys, (key) => table.rowOf(key))
  table.cells.set(rows.cells)
  if (rows.refs === undefined) return
  for (const [i, row] of (JSON.parse(rows.refs) as JsonValue[][]).entries()) layout.decodeRefs(table, i, row)
}

export function knownStarts(starts: SessionMore['starts'], load: (at: SavedInstant) => number): KnownStart[] {
  return starts.map(([start, knownAt]) => ({ start, knownAt: load(knownAt) }))
}
