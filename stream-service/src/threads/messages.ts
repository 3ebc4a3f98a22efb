// What a thread is asked, and what it answers; in that order, one answer to each question. Lanes and merges are named by
// numbers that the asking side gives them.
import type { SavedMerger } from '../engine/merger.ts'
import type { ByQuery, LaneStart, SavedShardLanes } from '../engine/shard-lanes.ts'
import type { QuerySpec } from '../queries/query-spec.ts'
import type { LaneInput, LaneStep } from '../tasks/lane-reader.ts'
import type { MergeInput, MergeLook, MergeStart, MergeStep } from '../tasks/merge-runner.ts'
import type { BatchMemory, PackedBatch } from './packed-batch.ts'

/** What a thread has from its start. */
export interface ThreadData {
  readonly queries: readonly QuerySpec[]
  readonly partitions: number
}

export interface ThreadCalls {
  openLanes: {
    asks: {
      readonly lanes: number
      readonly shardId: string
      readonly saved: SavedShardLanes | undefined
      readonly starts: ByQuery<LaneStart>
    }
    answers: undefined
  }
  /** The records of a step come in a batch; its memory goes back. */
  stepLanes: {
    asks: { readonly lanes: number; readonly input: LaneInput; readonly batch: PackedBatch | undefined }
    answers: { readonly step: LaneStep; readonly memory: BatchMemory | undefined; readonly busyMs: number }
  }
  saveLanes: { asks: { readonly lanes: number }; answers: SavedShardLanes }
  closeLanes: { asks: { readonly lanes: number }; answers: undefined }
  openMerges: { asks: { readonly merges: number } & MergeStart; answers: undefined }
  stepMerges: { asks: { readonly merges: number; readonly input: MergeInput }; answers: MergeStep }
  saveMerges: {
    asks: { readonly merges: number }
    answers: { readonly saved: SavedMerger; readonly look: MergeLook }
  }
  closeMerges: { asks: { readonly merges: number }; answers: undefined }
}

export type CallName = keyof ThreadCalls

export type ThreadRequest<Name extends CallName = CallName> = {
  [Each in Name]: { readonly call: Each; readonly asks: ThreadCalls[Each]['asks'] }
}[Name]
