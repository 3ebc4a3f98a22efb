// One shard for as long as this task holds its lease: the contract of a session on one side, the conversation with the
// daemon on the other.
//
// Batches go to the consumer as credits allow, and the daemon's question waits until then: that wait is what slows the
// daemon down. Checkpoints are asked for at any time; the newest one wanted is sent when the daemon next listens, which is
// between a question and its answer.
import { MillraceError } from '@millrace/shared/errors'
import type { Timing } from '@millrace/shared/retry'
import { Observable, type Subscriber } from 'rxjs'
import type { CreditGate } from '../../operators/credit-gate.ts'
import { comparePositions, type Position } from '../../records/record.ts'
import type { RecordBatch, ReleaseReason, ShardSession } from '../shard-source.ts'
import { CheckpointRefusedError, type Conversation, ConversationClosedError } from './conversation.ts'
import type { Question } from './protocol.ts'

export interface KclSessionOptions {
  readonly shardId: string
  readonly parentShardIds: readonly string[]
  readonly startAfter: Position | undefined
  readonly conversation: Conversation
  readonly gate: CreditGate
  /** How long the consumer may take to finish and checkpoint when the shard is to be let go. */
  readonly handoverMs: number
  readonly timing: Timing
  /** The shard is at its end. Resolves when its children are known. */
  onShardEnd(): Promise<void>
  /** The consumer has said that the shard is done. */
  onEndCheckpointed(): void
}

/** The shard's lease is no longer this task's, so its checkpoint is not this task's to move. */
class LeaseLostError extends MillraceError {
  constructor(shardId: string) {
    super('lease-lost', `shard ${shardId} is no longer held here: its checkpoint cannot be moved`)
  }
}

/** What DynamoDB was too busy for is asked for again after this long. */
const retryAfterMs = 200
const passing = new Set(['ThrottlingException', 'KinesisClientLibDependencyException'])

interface WantedCheckpoint {
  readonly upTo: Position | 'SHARD_END'
  resolve(): void
  reject(error: Error): void
}

export class KclSession implements ShardSession {
  readonly shardId: string
  readonly parentShardIds: readonly string[]
  readonly startAfter: Position | undefined
  readonly batches: Observable<RecordBatch>
  readonly released: Promise<ReleaseReason>
  readonly #options: KclSessionOptions
  readonly #release: (reason: ReleaseReason) => void
  #reason: ReleaseReason | undefined
  #isSubscribed = false
  readonly #subscribed = Promise.withResolvers<Subscriber<RecordBatch>>()
  /** Aborts when no batch may be delivered any more. */
  readonly #ending = new AbortController()
  /** Not confirmed yet. Only the newest is sent: what is confirmed for it is confirmed for those before it. */
  #wanted: WantedCheckpoint[] = []
  #sending: Promise<void> | undefined
  /** The last position that was delivered, and the last that the daemon has confirmed. */
  #delivered: Position | undefined
  #confirmed: Position | 'SHARD_END' | undefined
  #isLetGo = false
  readonly #letGo = Promise.withResolvers<void>()
  /** What was delivered is checkpointed, or cannot be any more. */
  readonly #saved = Promise.withResolvers<void>()

  constructor(options: KclSessionOptions) {
    this.#options = options
    this.shardId = options.shardId
    this.parentShardIds = options.parentShardIds
    this.startAfter = options.startAfter
    this.#confirmed = options.startAfter
    this.#delivered = options.startAfter
    const { promise, resolve } = Promise.withResolvers<ReleaseReason>()
    this.released = promise
    this.#release = resolve
    this.batches = new Observable((subscriber) => {
      if (this.#isSubscribed) throw new Error(`the batches of shard ${this.shardId} can be read once`)
      this.#isSubscribed = true
      this.#subscribed.resolve(subscriber)
      if (this.#reason !== undefined) subscriber.complete()
    })
  }

  get reason(): ReleaseReason | undefined {
    return this.#reason
  }

  /** Resolves when the daemon has nothing more to learn of this session: it may be killed. */
  get letGo(): Promise<void> {
    return this.#letGo.promise
  }

  checkpoint(upTo: Position | 'SHARD_END'): Promise<void> {
    if (upTo === 'SHARD_END' && this.#reason !== 'shard-end') {
      return Promise.reject(new Error(`shard ${this.shardId} is not at its end`))
    }
    if (upTo === 'SHARD_END') {
      this.#options.onEndCheckpointed()
      // When the shard comes again for want of this, the source answers for the consumer, who is through with it.
      if (this.#isLetGo) return Promise.resolve()
    }
    if (this.#confirmed !== undefined && compareMarks(upTo, this.#confirmed) <= 0) return Promise.resolve()
    if (this.#reason === 'lease-lost' || this.#isLetGo) return Promise.reject(new LeaseLostError(this.shardId))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#wanted.push({ upTo, resolve, reject })
    void this.#send()
    return promise
  }

  /** Ends the conversation, and with it the daemon: started again, it hands the shard out anew if its lease is still held. */
  abandon(): void {
    if (this.#reason === undefined) this.#options.conversation.close()
  }

  async answer(question: Question): Promise<void> {
    switch (question.action) {
      case 'initialize':
        throw new Error(`shard ${this.shardId} was initialized already`)
      case 'processRecords':
        await this.#deliver(question.batch)
        await this.#send()
        return
      case 'leaseLost':
        this.end('lease-lost')
        this.#isLetGo = true
        this.#letGo.resolve()
        return
      case 'shardEnded':
        // Before the consumer hears of it: the children hold the merged watermark from the moment their parent ends.
        await this.#options.onShardEnd()
        this.end('shard-end')
        await this.#saved.promise
        this.#isLetGo = true
        this.#letGo.resolve()
        return
      case 'shutdownRequested':
        await this.shutdown()
    }
  }

  /** The daemon is gone, or this conversation with it. Unless the shard was at its end, it will come again, here or elsewhere. */
  closed(): void {
    this.end('lease-lost')
    this.#isLetGo = true
    this.#giveUpWanted()
    this.#saved.resolve()
    this.#letGo.resolve()
  }

  /** The shard is given back: no more batches; the consumer may finish those it has and checkpoint, until the deadline. */
  async shutdown(): Promise<void> {
    this.end('shutdown')
    if (this.#reason === 'shutdown') {
      const deadline = new AbortController()
      const timer = this.#options.timing.sleep(this.#options.handoverMs, deadline.signal).catch(() => {})
      await Promise.race([this.#saved.promise, timer])
      deadline.abort()
    }
    this.#isLetGo = true
    this.#giveUpWanted()
    this.#letGo.resolve()
  }

  /** Lets a question go that waits for a credit, so that the daemon can ask for the shutdown: what it brought is read again. */
  stopReading(): void {
    this.#ending.abort()
  }

  async #deliver(batch: RecordBatch): Promise<void> {
    const { gate } = this.#options
    const { signal } = this.#ending
    try {
      const subscriber = await untilAborted(this.#subscribed.promise, signal)
      await gate.take(signal)
      if (subscriber.closed) {
        gate.give()
        return
      }
      this.#delivered = batch.records.at(-1)?.position ?? this.#delivered
      subscriber.next(batch)
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  /** Once it has ended, for whatever reason, this does nothing. */
  end(reason: ReleaseReason): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#ending.abort()
    void this.#subscribed.promise.then((subscriber) => subscriber.complete())
    this.#noteSaved()
    this.#release(reason)
  }

  /** Sends the newest checkpoint wanted, and those that come to be wanted meanwhile, while the daemon listens. */
  #send(): Promise<void> {
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined
    })
    return this.#sending
  }

  async #sendAll(): Promise<void> {
    const { conversation, timing } = this.#options
    while (this.#wanted.length > 0 && isListening(conversation.question)) {
      const upTo = this.#wanted.map((wanted) => wanted.upTo).reduce((a, b) => (compareMarks(a, b) < 0 ? b : a))
      try {
        await conversation.checkpoint(upTo)
        this.#confirmed = upTo
        for (const { resolve } of this.#takeWanted(upTo)) resolve()
        this.#noteSaved()
      } catch (error) {
        // `closed` has rejected them, or will.
        if (error instanceof ConversationClosedError) return
        const exception = error instanceof CheckpointRefusedError ? error.exception : undefined
        if (exception !== undefined && passing.has(exception)) {
          await timing.sleep(retryAfterMs)
          continue
        }
        const reason = exception === 'ShutdownException' ? new LeaseLostError(this.shardId) : (error as Error)
        for (const { reject } of this.#takeWanted(upTo)) reject(reason)
        // The daemon would end itself over a shard end that was not checkpointed; so the conversation ends.
        if (upTo === 'SHARD_END') this.#saved.reject(reason)
      }
    }
  }

  #giveUpWanted(): void {
    for (const { upTo, resolve, reject } of this.#wanted.splice(0)) {
      if (upTo === 'SHARD_END') resolve()
      else reject(new LeaseLostError(this.shardId))
    }
  }

  #takeWanted(upTo: Position | 'SHARD_END'): WantedCheckpoint[] {
    const taken = this.#wanted.filter((wanted) => compareMarks(wanted.upTo, upTo) <= 0)
    this.#wanted = this.#wanted.filter((wanted) => compareMarks(wanted.upTo, upTo) > 0)
    return taken
  }

  #noteSaved(): void {
    const wanted = this.#reason === 'shard-end' ? 'SHARD_END' : this.#delivered
    const isSaved =
      wanted === undefined || (this.#confirmed !== undefined && compareMarks(wanted, this.#confirmed) <= 0)
    if (this.#reason !== undefined && isSaved) this.#saved.resolve()
  }
}

/** Checkpoints are taken with these questions. */
function isListening(question: Question['action'] | undefined): boolean {
  return question === 'processRecords' || question === 'shardEnded' || question === 'shutdownRequested'
}

function compareMarks(a: Position | 'SHARD_END', b: Position | 'SHARD_END'): number {
  if (a === 'SHARD_END' || b === 'SHARD_END') return a === b ? 0 : a === 'SHARD_END' ? 1 : -1
  return comparePositions(a, b)
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
