// A worker thread that reads lanes, seen from the thread that started it: matches answers to questions.
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import type { SavedLane } from '../engine/query-lane.ts'
import type { StreamRecord } from '../records/record.ts'
import type { Taken } from './lane-group.ts'
import type { LaneReader } from './lane-threads.ts'
import type { ByQuery, LaneReply, LaneRequest, LaneThreadData } from './messages.ts'
import { type PackedBatch, packBatch, transferList } from './packed-batch.ts'

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

export class LaneWorker implements LaneReader {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  /** Batches that came back. There are never more than were under way at once. */
  readonly #spare: PackedBatch[] = []
  #requests = 0
  #failure: LaneThreadError | undefined
  #isClosing = false

  constructor(workerData: LaneThreadData) {
    this.#worker = new Worker(threadFile(), { workerData, name: 'lanes' })
    // A thread that is not waited for keeps no process alive.
    this.#worker.unref()
    this.#worker.on('message', (reply: LaneReply) => {
      const waiting = this.#waiting.get(reply.id)!
      this.#waiting.delete(reply.id)
      if (this.#waiting.size === 0) this.#worker.unref()
      waiting.resolve(reply)
    })
    this.#worker.on('error', (error) => this.#fail(error))
    this.#worker.on('exit', (code) => {
      if (!this.#isClosing) this.#fail(new Error(`it exited with code ${code}`))
    })
  }

  #fail(cause: unknown): void {
    this.#failure ??= new LaneThreadError(cause)
    for (const { reject } of this.#waiting.values()) reject(this.#failure)
    this.#waiting.clear()
  }

  async take(shardId: string, records: readonly StreamRecord[], lanes: ByQuery<SavedLane> | undefined): Promise<Taken> {
    const batch = packBatch(records, this.#spare.pop())
    const reply = await this.#ask((id) => ({ id, shardId, kind: 'take', batch, lanes }), transferList(batch))
    if (reply.kind !== 'taken') throw new LaneThreadError(`it answered '${reply.kind}' to 'take'`)
    this.#spare.push(reply.batch)
    return reply.taken
  }

  save(shardId: string): Promise<ByQuery<SavedLane>> {
    return this.#state(shardId, 'save')
  }

  recall(shardId: string): Promise<ByQuery<SavedLane>> {
    return this.#state(shardId, 'recall')
  }

  async #state(shardId: string, kind: 'save' | 'recall'): Promise<ByQuery<SavedLane>> {
    const reply = await this.#ask((id) => ({ id, shardId, kind }))
    if (reply.kind !== 'saved') throw new LaneThreadError(`it answered '${reply.kind}' to '${kind}'`)
    return reply.lanes
  }

  #ask(request: (id: number) => LaneRequest, transfer: ArrayBuffer[] = []): Promise<LaneReply> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const { promise, resolve, reject } = Promise.withResolvers<LaneReply>()
    const id = this.#requests++
    this.#waiting.set(id, { resolve, reject })
    this.#worker.ref()
    this.#worker.postMessage(request(id), transfer)
    return promise
  }

  async close(): Promise<void> {
    this.#isClosing = true
    await this.#worker.terminate()
  }
}

/** Beside this file: as source, or as the bundle that lies beside the bundle that this is a part of. */
function threadFile(): string {
  const extension = path.extname(import.meta.filename)
  return path.join(import.meta.dirname, `lane-thread${extension}`)
}
