// Lanes of a shard on another thread.
import type { ByQuery, LaneStart, SavedShardLanes } from '../engine/shard-lanes.ts'
import type { LaneInput, LaneReader, LaneStep } from '../tasks/lane-reader.ts'
import { type BatchMemory, memoryOf, packBatch } from './packed-batch.ts'
import type { ThreadLink } from './thread-link.ts'

/** Who asks the thread. */
export type ThreadAsker = Pick<ThreadLink, 'ask' | 'newName'>

export class ThreadLaneReader implements LaneReader {
  readonly ahead = 2
  /** How long its steps have taken. */
  busyMs = 0
  readonly #link: ThreadAsker
  readonly #lanes: number
  /** Of batches that came back. There are never more than were under way at once. */
  readonly #spare: BatchMemory[] = []

  static async open(
    link: ThreadAsker,
    shardId: string,
    saved: SavedShardLanes | undefined,
    starts: ByQuery<LaneStart>,
  ): Promise<ThreadLaneReader> {
    const lanes = link.newName()
    await link.ask('openLanes', { lanes, shardId, saved, starts })
    return new ThreadLaneReader(link, lanes)
  }

  private constructor(link: ThreadAsker, lanes: number) {
    this.#link = link
    this.#lanes = lanes
  }

  async step(input: LaneInput): Promise<LaneStep> {
    const lanes = this.#lanes
    if (input.kind !== 'records') {
      const { step, busyMs } = await this.#link.ask('stepLanes', { lanes, input, batch: undefined })
      this.busyMs += busyMs
      return step
    }
    const batch = packBatch(input.records, this.#spare.pop())
    const asks = { lanes, input: { ...input, records: [] }, batch }
    const { step, memory, busyMs } = await this.#link.ask('stepLanes', asks, memoryOf(batch.memory))
    this.busyMs += busyMs
    this.#spare.push(memory!)
    return step
  }

  save(): Promise<SavedShardLanes> {
    return this.#link.ask('saveLanes', { lanes: this.#lanes })
  }

  async close(): Promise<void> {
    // With a thread that has failed its lanes are gone.
    await this.#link.ask('closeLanes', { lanes: this.#lanes }).catch(() => {})
  }
}
