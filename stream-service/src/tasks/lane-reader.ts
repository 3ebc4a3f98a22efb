// Reads the lanes of shards, on this thread or on another: one step at a time per shard, and what came of it.
import type { RefusedEmission } from '../engine/emission.ts'
import type { LaneKits } from '../engine/lane-kits.ts'
import type { LaneLedger } from '../engine/ledger.ts'
import type { LaneMessage, ShardFamily } from '../engine/partials.ts'
import type { LaneStatus } from '../engine/query-lane.ts'
import { type ByQuery, type LaneStart, type SavedShardLanes, ShardLanes } from '../engine/shard-lanes.ts'
import type { Position, StreamRecord } from '../records/record.ts'

export type LaneInput =
  | { readonly kind: 'records'; readonly records: readonly StreamRecord[]; readonly now: number }
  | { readonly kind: 'empty'; readonly isCaughtUp: boolean; readonly now: number }
  | { readonly kind: 'begin-waking' }
  | { readonly kind: 'wake'; readonly watermarks: ByQuery<number> }
  | { readonly kind: 'end'; readonly children: readonly ShardFamily[] }

/** What came of a step, and where the lanes are after it. */
export interface LaneStep {
  readonly messages: readonly LaneMessage[]
  readonly refused: readonly RefusedEmission[]
  readonly epoch: number
  readonly hasIdleLanes: boolean
  readonly waking: ByQuery<readonly number[]>
  readonly position: Position | undefined
  readonly lanes: ByQuery<LaneLook>
}

export interface LaneLook {
  readonly status: LaneStatus
  readonly watermark: number
  readonly setBy: { readonly position: string; readonly eventTime: number } | undefined
  readonly idleReturns: number
  readonly ledger: LaneLedger
}

/** Answers come in the order in which they were asked for. */
export interface LaneReader {
  /** How many more steps may be asked for while one is under way. */
  readonly ahead: number
  step(input: LaneInput): Promise<LaneStep>
  save(): Promise<SavedShardLanes>
  close(): Promise<void>
}

export interface LaneReaders {
  /** Takes over a shard's lanes, from a saved state or where `starts` says, by query. */
  open(shardId: string, saved: SavedShardLanes | undefined, starts: ByQuery<LaneStart>): Promise<LaneReader>
  close(): Promise<void>
}

/** Reads lanes on this thread. */
export class OwnLaneReaders implements LaneReaders {
  readonly #kits: LaneKits

  constructor(kits: LaneKits) {
    this.#kits = kits
  }

  async open(shardId: string, saved: SavedShardLanes | undefined, starts: ByQuery<LaneStart>): Promise<LaneReader> {
    const kits = this.#kits
    const lanes = new ShardLanes({ shardId, kits, saved, start: (query) => starts.get(query)! })
    return {
      ahead: 0,
      step: async (input) => {
        takeStep(lanes, input)
        const step = stepOf(lanes)
        kits.sweepKeys()
        return step
      },
      save: async () => lanes.save(),
      close: async () => lanes.leave(),
    }
  }

  async close(): Promise<void> {}
}

function takeStep(lanes: ShardLanes, input: LaneInput): void {
  switch (input.kind) {
    case 'records':
      lanes.accept(input.records)
      lanes.tick(input.now)
      return
    case 'empty':
      lanes.acceptEmpty(input.isCaughtUp, input.now)
      lanes.tick(input.now)
      return
    case 'begin-waking':
      lanes.beginWaking()
      return
    case 'wake':
      lanes.wake(input.watermarks)
      return
    case 'end':
      lanes.end(input.children)
      return
  }
}

function stepOf(lanes: ShardLanes): LaneStep {
  return {
    messages: lanes.takeMessages(),
    refused: lanes.takeRefused(),
    epoch: lanes.epoch,
    hasIdleLanes: lanes.hasIdleLanes,
    waking: lanes.waking,
    position: lanes.position,
    lanes: new Map(
      [...lanes.lanes].map(([query, { status, watermark, watermarkSetBy, idleReturns, ledger }]) => [
        query,
        { status, watermark, setBy: watermarkSetBy && { ...watermarkSetBy }, idleReturns, ledger: { ...ledger } },
      ]),
    ),
  }
}
