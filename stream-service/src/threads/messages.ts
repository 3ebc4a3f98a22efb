// What the threads say to each other. Queries are named by their place in the list that all threads share; a place without a
// lane is a query whose lanes stay with the job.
import type { SavedLane } from '../engine/query-lane.ts'
import type { QuerySpec } from '../queries/query-spec.ts'
import type { Taken } from './lane-group.ts'
import type { PackedBatch } from './packed-batch.ts'

export interface LaneThreadData {
  /** By query; undefined for those whose lanes stay with the job. */
  readonly queries: readonly (QuerySpec | undefined)[]
}

export type ByQuery<Value> = readonly (Value | undefined)[]

export type LaneRequest = {
  readonly id: number
  readonly shardId: string
} /** Records for a shard's lanes; with `lanes`, go on from this state. */ & (
  | { readonly kind: 'take'; readonly batch: PackedBatch; readonly lanes: ByQuery<SavedLane> | undefined }
  /** Tell the state of a shard's lanes. */
  | { readonly kind: 'save' }
  /** The same, and forget the shard. */
  | { readonly kind: 'recall' }
)

export type LaneReply = { readonly id: number } /** The batch comes back, for its memory. */ & (
  | { readonly kind: 'taken'; readonly taken: Taken; readonly batch: PackedBatch }
  | { readonly kind: 'saved'; readonly lanes: ByQuery<SavedLane> }
)
