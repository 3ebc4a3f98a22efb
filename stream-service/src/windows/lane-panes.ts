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

export interface LanePanes {
  /** `advance` has nothing to do below this watermark; Infinity when nothing is open. */
  readonly nextDueAt: number
  /**
   * Puts one record into its windows, judged against the lane's watermark before this record. A window that has fired and
   * still takes updates hands the new revision on at once.
   */
  add(key: number, fields: Fields, eventTime: number, watermark: number): Placement
  /** Hands on every window with `end - 1 <= watermark`, and forgets those past their allowed lateness. */
  advance(watermark: number): void
  /** Hands on all that is open, because no record will follow: the shard ended or the input did. */
  flush(): void
  /** Names the keys under which something is kept. */
  markKeys(marks: KeyMarks): void
  /** What is open, for a snapshot: a copy, of which nothing changes any more. */
  encode(): SnapshotValue
}
