// A worker thread, seen from the thread that started it: hands answers to those who asked, in the order in which they asked.
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import type { CallName, ThreadCalls, ThreadData } from './messages.ts'

interface Waiting {
  answered(answers: unknown): void
  failed(error: unknown): void
}

/** A thread ended by itself; what it held is lost, and the newest snapshots are where to go on from. */
export class ThreadError extends Error {
  readonly code = 'THREAD_FAILED'

  constructor(cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(`a thread that reads lanes has failed: ${reason}; a new start goes on from the newest snapshots`, { cause })
    this.name = 'ThreadError'
  }
}

export class ThreadLink {
  readonly #worker: Worker
  readonly #waiting: Waiting[] = []
  #failure: ThreadError | undefined
  #isClosing = false
  #named = 0

  constructor(workerData: ThreadData) {
    this.#worker = new Worker(threadFile(), { workerData, name: 'lanes' })
    // A thread of which nobody waits for anything keeps no process alive.
    this.#worker.unref()
    this.#worker.on('message', (answers: unknown) => {
      const asked = this.#waiting.shift()!
      if (this.#waiting.length === 0) this.#worker.unref()
      asked.answered(answers)
    })
    this.#worker.on('error', (error) => this.#fail(error))
    this.#worker.on('exit', (code) => {
      if (!this.#isClosing) this.#fail(new Error(`it exited with code ${code}`))
    })
  }

  #fail(cause: unknown): void {
    this.#failure ??= new ThreadError(cause)
    for (const { failed } of this.#waiting.splice(0)) failed(this.#failure)
  }

  /** A number that the thread has not yet been told. */
  newName(): number {
    return this.#named++
  }

  /** How many questions have no answer yet. */
  get pending(): number {
    return this.#waiting.length
  }

  ask<Name extends CallName>(
    call: Name,
    asks: ThreadCalls[Name]['asks'],
    transfer: ArrayBuffer[] = [],
  ): Promise<ThreadCalls[Name]['answers']> {
    const { promise, resolve, reject } = Promise.withResolvers<ThreadCalls[Name]['answers']>()
    this.post(call, asks, resolve, reject, transfer)
    return promise
  }

  /** The same; `answered` is called before any later answer is. */
  post<Name extends CallName>(
    call: Name,
    asks: ThreadCalls[Name]['asks'],
    answered: (answers: ThreadCalls[Name]['answers']) => void,
    failed: (error: unknown) => void,
    transfer: ArrayBuffer[] = [],
  ): void {
    if (this.#failure !== undefined) {
      failed(this.#failure)
      return
    }
    this.#waiting.push({ answered, failed })
    this.#worker.ref()
    this.#worker.postMessage({ call, asks }, transfer)
  }

  /** For how long the thread has been at work, in milliseconds. */
  get busyMs(): number {
    return this.#worker.performance.eventLoopUtilization().active
  }

  async close(): Promise<void> {
    this.#isClosing = true
    await this.#worker.terminate()
    this.#fail(new Error('it was closed'))
  }
}

/** Beside this file: as source, or as the bundle that lies beside the bundle that this is a part of. */
function threadFile(): string {
  const extension = path.extname(import.meta.filename)
  return path.join(import.meta.dirname, `service-thread${extension}`)
}
