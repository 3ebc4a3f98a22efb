// Reads a whole stream from one process, without leases: for embedded runs, `tail` and tests. One session per shard;
// children are handed out when their parents are done, as the KCL does it.
//
// The source keeps no checkpoints: whoever reads saves positions with its own state and passes them in as `startAfter`.
import type { ChildShard, KinesisClient } from '@aws-sdk/client-kinesis'
import { AwsError } from '@millrace/shared/errors'
import { systemTiming, type Timing } from '@millrace/shared/retry'
import { Observable, type Subscriber } from 'rxjs'
import type { CreditGate } from '../operators/credit-gate.ts'
import type { Position } from '../records/record.ts'
import { listShards } from './list-shards.ts'
import { type ListedShard, type ReadyShard, ShardLineage, type StartAfter, type StartAt } from './shard-lineage.ts'
import { type Gap, readShard, type ShardReaderOptions, type SourceLogger } from './shard-reader.ts'
import type { KnownShard, RecordBatch, ReleaseReason, ShardSession, ShardSource } from './shard-source.ts'

export interface DirectSourceOptions {
  readonly client: KinesisClient
  readonly streamName: string
  /** For messages: where the client goes. */
  readonly endpoint?: string | undefined
  /** Where earlier runs came to; shards without an entry begin at `startAt`, or at their first record if a parent has one. */
  readonly startAfter?: StartAfter
  /**
   * Where shards begin that nobody has read. `LATEST` holds for one run: to continue later without loss, save the time
   * of the first start and pass that Date each time, since a shard without records leaves no position to continue from.
   */
  readonly startAt: StartAt
  /** The gate of a shard. The source takes a credit before each read; the consumer gives one back for each batch. */
  gate(shardId: string): CreditGate
  /** Default 200. */
  readonly pollIntervalMs?: number
  /** How often to look for shards that no shard's end has told of. Default 30,000. */
  readonly listIntervalMs?: number
  /** Default 10,000, the most that GetRecords gives. */
  readonly recordsPerRead?: number
  /** Default 5, which is what a shard gives to all its readers together. */
  readonly readsPerSecond?: number
  /** Attempts to list the shards at the start, before giving up with advice; later failures are sat out. Default 5. */
  readonly startAttempts?: number
  readonly timing?: Timing
  /** The wall clock, epoch milliseconds. */
  readonly now?: () => number
  readonly logger?: SourceLogger
  onGap?(gap: Gap): void
}

/**
 * A source that polls every shard of a stream with GetRecords.
 *
 * Children of a shard are handed out after `checkpoint('SHARD_END')` of all their parents' sessions: until then records
 * of the parent may still be on their way through the consumer. Other checkpoints do nothing and resolve at once.
 * Errors are `AwsError`s: `shards()` and `initialShards` fail when the stream cannot be listed, a session's `batches`
 * when its shard cannot be read.
 */
export function createDirectSource(options: DirectSourceOptions): ShardSource {
  return new DirectSource(options)
}

class DirectSource implements ShardSource {
  readonly #options: DirectSourceOptions
  readonly #timing: Timing
  readonly #logger: SourceLogger
  readonly #lineage: ShardLineage
  readonly #stop = new AbortController()
  readonly #sessions = new Set<DirectSession>()
  #initialShards: Promise<readonly KnownShard[]> | undefined
  #subscriber: Subscriber<ShardSession> | undefined

  constructor(options: DirectSourceOptions) {
    this.#options = options
    this.#timing = options.timing ?? systemTiming
    this.#logger = options.logger ?? { info: () => {}, warn: () => {} }
    this.#lineage = new ShardLineage(options.startAfter ?? new Map(), options.startAt)
  }

  get initialShards(): Promise<readonly KnownShard[]> {
    if (!this.#initialShards) {
      this.#initialShards = this.#learnInitialShards().catch((error: unknown) => {
        // Stopped before anything was known.
        if (this.#stop.signal.aborted) return []
        throw error
      })
      // Whoever subscribes to `shards()` hears of a failure; that nobody awaits this promise is no second one.
      this.#initialShards.catch(() => {})
    }
    return this.#initialShards
  }

  openShards(): readonly KnownShard[] {
    return this.#lineage.open()
  }

  shards(): Observable<ShardSession> {
    return new Observable((subscriber) => {
      if (this.#subscriber) throw new Error('shards() of a direct source can be subscribed to once')
      this.#subscriber = subscriber
      this.#watch().then(
        () => subscriber.complete(),
        (error: unknown) => subscriber.error(error),
      )
      return () => this.#stop.abort()
    })
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await Promise.all([...this.#sessions].map((session) => session.stop()))
  }

  async #learnInitialShards(): Promise<readonly KnownShard[]> {
    const listed = await this.#list(this.#options.startAttempts ?? 5)
    this.#lineage.learn(listed)
    for (const { shardId, after } of this.#lineage.lostTo(listed)) {
      this.#options.onGap?.({ shardId, after, firstRead: undefined, firstArrivedAt: undefined })
    }
    return this.#lineage.open()
  }

  /** Hands out sessions as their shards become ready, until the source is stopped. */
  async #watch(): Promise<void> {
    const { signal } = this.#stop
    try {
      await this.initialShards
      while (!signal.aborted) {
        this.#handOut()
        await this.#timing.sleep(this.#options.listIntervalMs ?? 30_000, signal)
        const listed = await this.#list(Number.POSITIVE_INFINITY)
        this.#lineage.learn(listed)
        this.#lineage.forgetAllBut(new Set(listed.map(({ shardId }) => shardId)))
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
    await this.stop()
  }

  #handOut(): void {
    if (this.#stop.signal.aborted) return
    for (const shard of this.#lineage.takeReady()) {
      const session = new DirectSession(shard, this.#readerOptions(shard), this.#stop.signal, {
        ended: (children) => this.#learnChildren(shard.shardId, children),
        done: () => {
          this.#sessions.delete(session)
          this.#lineage.done(shard.shardId)
          this.#handOut()
        },
        isGone: async () => {
          const listed = await this.#list(Number.POSITIVE_INFINITY)
          return !listed.some(({ shardId }) => shardId === shard.shardId)
        },
      })
      this.#sessions.add(session)
      this.#subscriber?.next(session)
    }
  }

  #readerOptions(shard: ReadyShard): ShardReaderOptions {
    const options = this.#options
    return {
      client: options.client,
      streamName: options.streamName,
      endpoint: options.endpoint,
      shardId: shard.shardId,
      start: shard.start,
      gate: options.gate(shard.shardId),
      pollIntervalMs: options.pollIntervalMs ?? 200,
      readsPerSecond: options.readsPerSecond ?? 5,
      recordsPerRead: options.recordsPerRead ?? 10_000,
      timing: this.#timing,
      now: options.now ?? Date.now,
      logger: this.#logger,
      onGap: (gap) => options.onGap?.(gap),
    }
  }

  /**
   * Takes children from the end of a shard, without a listing where that is possible. It is not when one names a parent
   * that is not known yet (it came from another split, whose end was not read): taken for trimmed, that parent would not
   * be waited for.
   */
  async #learnChildren(shardId: string, children: readonly ChildShard[]): Promise<void> {
    const shards = children.map((child) => ({
      shardId: child.ShardId ?? '',
      parentShardIds: child.ParentShards ?? [shardId],
      isClosed: false,
    }))
    const isWhole = shards.length > 0 && shards.every(({ parentShardIds }) => this.#lineage.knowsAll(parentShardIds))
    this.#lineage.learn(isWhole ? shards : await this.#list(Number.POSITIVE_INFINITY))
  }

  #list(maxAttempts: number): Promise<ListedShard[]> {
    const { client, streamName, endpoint } = this.#options
    const { signal } = this.#stop
    return listShards({ client, streamName, endpoint, timing: this.#timing, logger: this.#logger }, maxAttempts, signal)
  }
}

interface SessionEvents {
  /** Resolves when the shard's children are known. */
  ended(children: readonly ChildShard[]): Promise<void>
  /** The consumer has checkpointed the shard's end. */
  done(): void
  /** Whether the stream is there, but no longer has the shard. */
  isGone(): Promise<boolean>
}

class DirectSession implements ShardSession {
  readonly shardId: string
  readonly parentShardIds: readonly string[]
  readonly startAfter: Position | undefined
  readonly batches: Observable<RecordBatch>
  readonly released: Promise<ReleaseReason>
  readonly #release: (reason: ReleaseReason) => void
  readonly #reader: ShardReaderOptions
  readonly #events: SessionEvents
  #state: 'handed-out' | 'reading' | 'at-shard-end' | 'over' = 'handed-out'

  constructor(shard: ReadyShard, reader: ShardReaderOptions, stopSignal: AbortSignal, events: SessionEvents) {
    this.shardId = shard.shardId
    this.parentShardIds = shard.parentShardIds
    this.startAfter = shard.start.from === 'after' ? shard.start.position : undefined
    this.#reader = reader
    this.#events = events
    const { promise, resolve } = Promise.withResolvers<ReleaseReason>()
    this.released = promise
    this.#release = resolve
    this.batches = new Observable((subscriber) => {
      // Stopped before anybody came to read.
      if (this.#state === 'over') {
        subscriber.complete()
        return
      }
      if (this.#state !== 'handed-out') throw new Error(`the batches of shard ${this.shardId} can be read once`)
      this.#state = 'reading'
      const unsubscribed = new AbortController()
      void this.#read(subscriber, AbortSignal.any([unsubscribed.signal, stopSignal]))
      return () => unsubscribed.abort()
    })
  }

  async checkpoint(upTo: Position | 'SHARD_END'): Promise<void> {
    if (upTo !== 'SHARD_END') return
    if (this.#state !== 'at-shard-end') throw new Error(`shard ${this.shardId} is not at its end: ${this.#state}`)
    this.#state = 'over'
    this.#events.done()
  }

  /** Resolves when the session is released; the source's stop signal has told its reader. */
  async stop(): Promise<void> {
    if (this.#state === 'handed-out') this.#over('shutdown')
    await this.released
  }

  async #read(subscriber: Subscriber<RecordBatch>, signal: AbortSignal): Promise<void> {
    try {
      const { children } = await this.#deliver(subscriber, signal)
      this.#state = 'at-shard-end'
      // Before the consumer hears of it: the children hold the merged watermark from the moment their parent ends.
      await this.#events.ended(children)
      subscriber.complete()
      this.#release('shard-end')
    } catch (error) {
      if (signal.aborted) subscriber.complete()
      else subscriber.error(error)
      this.#over('shutdown')
    }
  }

  async #deliver(
    subscriber: Subscriber<RecordBatch>,
    signal: AbortSignal,
  ): Promise<{ children: readonly ChildShard[] }> {
    let last: Position | undefined = this.startAfter
    const batches = readShard(this.#reader, signal)
    try {
      while (true) {
        const step = await batches.next()
        if (step.done) return step.value
        last = step.value.records.at(-1)?.position ?? last
        if (subscriber.closed) this.#reader.gate.give()
        else subscriber.next(step.value)
      }
    } catch (error) {
      const isGone = error instanceof AwsError && error.code === 'not-found' && (await this.#events.isGone())
      if (!isGone) throw error
      // Retention took the shard itself, with whatever was not read.
      if (last !== undefined) {
        this.#reader.onGap({ shardId: this.shardId, after: last, firstRead: undefined, firstArrivedAt: undefined })
      }
      return { children: [] }
    }
  }

  #over(reason: ReleaseReason): void {
    this.#state = 'over'
    this.#release(reason)
  }
}
