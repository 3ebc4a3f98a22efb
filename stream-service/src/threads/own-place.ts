// This thread as a place for lanes.
import { performance } from 'node:perf_hooks'
import type { ByQuery, LaneStart, SavedShardLanes } from '../engine/shard-lanes.ts'
import type { LaneReaders } from '../tasks/lane-reader.ts'
import type { LanePlace, PlacedReader } from './spread-lane-readers.ts'

export class OwnPlace implements LanePlace {
  readonly #readers: LaneReaders

  constructor(readers: LaneReaders) {
    this.#readers = readers
  }

  get busyMs(): number {
    return performance.eventLoopUtilization().active
  }

  async open(shardId: string, saved: SavedShardLanes | undefined, starts: ByQuery<LaneStart>): Promise<PlacedReader> {
    const reader = await this.#readers.open(shardId, saved, starts)
    let busyMs = 0
    return {
      ahead: reader.ahead,
      get busyMs() {
        return busyMs
      },
      step: (input) => {
        // The work is done during the call.
        const began = performance.now()
        const step = reader.step(input)
        busyMs += performance.now() - began
        return step
      },
      save: () => reader.save(),
      close: () => reader.close(),
    }
  }
}
