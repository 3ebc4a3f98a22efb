// What a lane keeps per query: its open panes. One implementation per family of windows; the lane itself only knows this.
import type { SnapshotValue } from '../aggregates/snapshot-value.ts'
import type { Fields } from '../records/fields.ts'
import type { KeyMarks } from './key-table.ts'

/**
 * What became of a record: the number of its windows that it missed while others took it (0 for none), or one of the two
 * constants below. A number, because this is answered once per record and query.
 */
export type Placement = number
/** The record was too late for every window it belongs to. */
export const late: Placement = -1
/** The record belongs to no window at all; hopping windows with `every > size` leave gaps. */
export const between: Placement = -2

/** Records to be put into windows together: what `add` is given of each, by row, and the rows in question. */
export interface RowBatch {
  readonly fields: Fields
  readonly keys: Int32Array
  readonly times: Float64Array
  readonly rows: Int32Array
}

export interface LanePanes {
  /** `advance` has nothing to do below this watermark; Infinity when nothing is open. */
  readonly nextDueAt: number
  /**
   * Puts one record into its windows, judged against the lane's watermark before this record. A window that has fired and
   * still takes updates hands the new revision on at once.
   */
  add(key: number, fields: Fields, eventTime: number, watermark: number): Placement
  /**
   * Whether a record of that time is taken at that watermark without anything being handed on, and so are all later ones.
   * Missing where any record may hand something on.
   */
  isOnTime?(eventTime: number, watermark: number): boolean
  /**
   * Puts `rows[from, to)` into their windows, as `add` does with one after the other. They are all on time, also for the
   * watermark to which they bring the lane. Returns how many of them belong to no window.
   */
  addRows?(batch: RowBatch, from: number, to: number, watermark: number): number
  /** Hands on every window with `end - 1 <= watermark`, and forgets those past their allowed lateness. */
  advance(watermark: number): void
  /** Hands on all that is open, because no record will follow: the shard ended or the input did. */
  flush(): void
  /** Names the keys under which something is kept. */
  markKeys(marks: KeyMarks): void
  /** What is open, for a snapshot: a copy, of which nothing changes any more. */
  encode(): SnapshotValue
}
