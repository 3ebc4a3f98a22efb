// The threads that read lanes: starts them, gives each shard to one of them, and matches answers to questions.
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import type { LaneReport } from '../engine/lane-events.ts'
import type { SavedLane } from '../engine/query-lane.ts'
import type { Position, StreamRecord } from '../records/record.ts'
import type { ByQuery, LaneReply, LaneRequest, LaneThreadData } from './messages.ts'
import { packBatch, transferList } from './packed-batch.ts'

interface Thread {
  readonly worker: Worker
  /** How many shards it has. */
  shards: number
}

interface Waiting {
  resolve(reply: LaneReply): void
  reject(error: unknown): void
}

/** A thread ended by itself; what its lanes held is lost, and the newest snapshot is where to go on from. */
export class LaneThreadError extends Error {
  readonly code = 'LANE_THREAD_FAILED'

  constructor(cause: unknown) {
    super(`a thread that reads lanes has failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.name = 'LaneThreadError'
  }
}

export class LaneThreads {
  readonly #threads: readonly Thread[]
  /** The shards that are away, and who has them. */
  readonly #homes = new Map<string, Thread>()
  readonly #waiting = new Map<number, Waiting>()
  #requests = 0
  #failure: LaneThreadError | undefined
  #isClosing = false

  constructor(count: number, workerData: LaneThreadData) {
    this.#threads = Array.from({ length: count }, () => ({ worker: this.#start(workerData), shards: 0 }))
  }

  #start(workerData: LaneThreadData): Worker {
    const worker = new Worker(threadFile(), { workerData, name: 'lanes' })
    // Threads alone keep no process alive.
    worker.unref()
    worker.on('message', (reply: LaneReply) => {
      const waiting = this.#waiting.get(reply.id)!
      this.#waiting.delete(reply.id)
      if (this.#waiting.size === 0) worker.unref()
      waiting.resolve(reply)
    })
    worker.on('error', (error) => this.#fail(error))
    worker.on('exit', (code) => {
      if (!this.#isClosing) this.#fail(new Error(`it exited with code ${code}`))
    })
    return worker
  }

  #fail(cause: unknown): void {
    this.#failure ??= new LaneThreadError(cause)
    for (const { reject } of this.#waiting.values()) reject(this.#failure)
    this.#waiting.clear()
  }

  isAway(shardId: string): boolean {
    return this.#homes.has(shardId)
  }

  get awayShards(): string[] {
    return [...this.#homes.keys()]
  }

  /** Hands records to a shard's lanes; with `lanes` they go on from that state, on the thread with the fewest shards. */
  async take(
    shardId: string,
    records: readonly StreamRecord[],
    lanes: ByQuery<SavedLane> | undefined,
  ): Promise<{ readonly reports: ByQuery<LaneReport>; readonly position: Position | undefined }> {
    if (lanes !== undefined) {
      const thread = this.#threads.reduce((least, other) => (other.shards < least.shards ? other : least))
      thread.shards++
      this.#homes.set(shardId, thread)
    }
    const batch = packBatch(records)
    const reply = await this.#ask(shardId, (id) => ({ id, shardId, kind: 'take', batch, lanes }), transferList(batch))
    if (reply.kind !== 'taken') throw new LaneThreadError(`it answered '${reply.kind}' to 'take'`)
    return reply
  }

  /** The state of an away shard's lanes. */
  save(shardId: string): Promise<ByQuery<SavedLane>> {
    return this.#state(shardId, 'save')
  }

  /** The same; the shard is no longer away. */
  async recall(shardId: string): Promise<ByQuery<SavedLane>> {
    const lanes = await this.#state(shardId, 'recall')
    this.#homes.get(shardId)!.shards--
    this.#homes.delete(shardId)
    return lanes
  }

  async #state(shardId: string, kind: 'save' | 'recall'): Promise<ByQuery<SavedLane>> {
    const reply = await this.#ask(shardId, (id) => ({ id, shardId, kind }))
    if (reply.kind !== 'saved') throw new LaneThreadError(`it answered '${reply.kind}' to '${kind}'`)
    return reply.lanes
  }

  #ask(shardId: string, request: (id: number) => LaneRequest, transfer: ArrayBuffer[] = []): Promise<LaneReply> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const { promise, resolve, reject } = Promise.withResolvers<LaneReply>()
    const id = this.#requests++
    const { worker } = this.#homes.get(shardId)!
    this.#waiting.set(id, { resolve, reject })
    worker.ref()
    worker.postMessage(request(id), transfer)
    return promise
  }

  async close(): Promise<void> {
    this.#isClosing = true
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()))
  }
}

/** Beside this file: as source, or as the bundle that lies beside the bundle that this is a part of. */
function threadFile(): string {
  const extension = path.extname(import.meta.filename)
  return path.join(import.meta.dirname, `lane-thread${extension}`)
}
