// The threads that read lanes, this one among them: gives each shard to one of them. This thread also merges and writes, so the
// others get their shards first.
import type { SavedLane } from '../engine/query-lane.ts'
import type { StreamRecord } from '../records/record.ts'
import { LaneGroup, type Taken } from './lane-group.ts'
import { LaneWorker } from './lane-worker.ts'
import type { ByQuery, LaneThreadData } from './messages.ts'

/** Reads the lanes of some shards. */
export interface LaneReader {
  /** Hands records to a shard's lanes; with `lanes` they go on from that state. */
  take(shardId: string, records: readonly StreamRecord[], lanes: ByQuery<SavedLane> | undefined): Promise<Taken>
  /** The state of a shard's lanes. */
  save(shardId: string): Promise<ByQuery<SavedLane>>
  /** The same; the shard is forgotten. */
  recall(shardId: string): Promise<ByQuery<SavedLane>>
  close(): Promise<void>
}

/** Reads lanes on this thread, as the others do: at once, so that those go on meanwhile. */
class OwnLanes implements LaneReader {
  readonly #group: LaneGroup

  constructor(data: LaneThreadData) {
    this.#group = new LaneGroup(data)
  }

  async take(shardId: string, records: readonly StreamRecord[], lanes: ByQuery<SavedLane> | undefined): Promise<Taken> {
    if (lanes !== undefined) this.#group.adopt(shardId, lanes)
    return this.#group.take(shardId, records)
  }

  async save(shardId: string): Promise<ByQuery<SavedLane>> {
    return this.#group.save(shardId)
  }

  async recall(shardId: string): Promise<ByQuery<SavedLane>> {
    const lanes = this.#group.save(shardId)
    this.#group.forget(shardId)
    return lanes
  }

  async close(): Promise<void> {}
}

interface Thread {
  readonly reader: LaneReader
  /** How many shards it has. */
  shards: number
}

export class LaneThreads {
  readonly #threads: readonly Thread[]
  /** The shards that are away, and who has them. */
  readonly #homes = new Map<string, Thread>()

  /** `count` with this thread. */
  constructor(count: number, data: LaneThreadData) {
    const readers = Array.from({ length: count - 1 }, (): LaneReader => new LaneWorker(data))
    this.#threads = [...readers, new OwnLanes(data)].map((reader) => ({ reader, shards: 0 }))
  }

  isAway(shardId: string): boolean {
    return this.#homes.has(shardId)
  }

  get awayShards(): string[] {
    return [...this.#homes.keys()]
  }

  /** See `LaneReader`; a shard that is not away yet goes, with `lanes`, to the thread with the fewest shards. */
  take(shardId: string, records: readonly StreamRecord[], lanes: ByQuery<SavedLane> | undefined): Promise<Taken> {
    if (lanes !== undefined) {
      const thread = this.#threads.reduce((least, other) => (other.shards < least.shards ? other : least))
      thread.shards++
      this.#homes.set(shardId, thread)
    }
    return this.#homes.get(shardId)!.reader.take(shardId, records, lanes)
  }

  save(shardId: string): Promise<ByQuery<SavedLane>> {
    return this.#homes.get(shardId)!.reader.save(shardId)
  }

  /** The shard is no longer away. */
  async recall(shardId: string): Promise<ByQuery<SavedLane>> {
    const thread = this.#homes.get(shardId)!
    const lanes = await thread.reader.recall(shardId)
    thread.shards--
    this.#homes.delete(shardId)
    return lanes
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(({ reader }) => reader.close()))
  }
}
