// The running service: shards are read into lanes, what lanes give goes to merges, snapshots make both durable, and publishers
// empty their outboxes into the sinks.
//
//   source ──batches──> lane ──messages──> merge ──lines──> sinks
//     ▲                  │  └─refused lines───────────────────^
//     │               snapshot            snapshot
//     └─ credits: the next batch only when the outboxes have room
//
// Lanes come and go with their leases. The merge is in this process while it holds all shards of the stream; with an exchange
// it is wherever a partition of it is held.
import { systemTiming, type Timing } from '@millrace/shared/retry'
import { lastValueFrom } from 'rxjs'
import type { Emission } from './engine/emission.ts'
import { imbalance, type Ledger, sumLedgers } from './engine/ledger.ts'
import type { Exchange } from './exchange/exchange.ts'
import { CreditGate } from './operators/credit-gate.ts'
import { processShards, type ShardHandler } from './operators/process-shards.ts'
import type { QuerySpec } from './queries/query-spec.ts'
import type { Position } from './records/record.ts'
import type { Channel, Sink } from './sinks/sink.ts'
import type { ShardSource } from './sources/shard-source.ts'
import type { LineOutbox } from './state/line-outbox.ts'
import type { SnapshotStore } from './state/snapshot-store.ts'
import { ExchangeLink } from './tasks/exchange-link.ts'
import type { LaneNote } from './tasks/lane-task.ts'
import { Lanes, laneNotes } from './tasks/lanes.ts'
import { LinePublisher } from './tasks/line-publisher.ts'
import { Merges } from './tasks/merges.ts'
import { OwnMerge } from './tasks/own-merge.ts'
import type { ServiceLogger } from './tasks/service-logger.ts'
import { openServiceState, type ServiceState, type StreamIdentity, withInitialShards } from './tasks/service-state.ts'
import { ServiceThreads } from './threads/service-threads.ts'

export interface ServiceOptions {
  readonly stream: StreamIdentity
  readonly queries: readonly QuerySpec[]
  readonly store: SnapshotStore
  readonly sinks: Readonly<Record<Channel, Sink>>
  /** Takes lines that a sink refused for good. */
  readonly deadLetters: Sink
  /**
   * Makes the source, told where earlier runs came to, when the first one began, and how much may be in flight per shard: it
   * asks for a gate once per session.
   */
  readonly source: (start: {
    readonly startedAt: number
    readonly startAfter: ReadonlyMap<string, Position | 'SHARD_END'>
    readonly gate: (shardId: string) => CreditGate
  }) => ShardSource
  /** Shards are leased, and other tasks hold the rest: to lose one is no failure. Default false: this process has all. */
  readonly hasLeases?: boolean
  /** Where the merges of several tasks meet. Without it, panes are held back while other tasks hold shards. */
  readonly exchange?: Exchange | undefined
  /** How many threads read lanes, with this one. Default 1; more only where no query has functions. */
  readonly threads?: number
  readonly snapshotIntervalMs: number
  /** The wall clock, epoch milliseconds. */
  readonly now: () => number
  readonly timing?: Timing
  readonly logger: ServiceLogger
  /** Told of everything that comes out, before it is published. */
  readonly onEmissions?: (emissions: readonly Emission[]) => void
}

/** Batches of one shard that may be unfinished at a time: one in work while the next is being read. */
const creditsPerShard = 2
/** Panes that may wait for the sink before reading slows down. */
const panesLimit = 20_000
/** How often it is looked whether the merges have heard that the input is over. */
const askAgainMs = 100

export class StreamService {
  readonly #options: ServiceOptions
  readonly #timing: Timing
  readonly #threads: ServiceThreads
  readonly #source: ShardSource
  readonly #exchangeSource: ShardSource | undefined
  readonly #gates = new Map<string, CreditGate>()
  readonly #lanes: Lanes
  readonly #merges: Merges
  /** What connects lanes and merges: one of the two. */
  readonly #link: ExchangeLink | undefined
  readonly #ownMerge: OwnMerge | undefined
  readonly #stopping = new AbortController()
  readonly #stopPublishing = new AbortController()
  readonly #publishers: Readonly<Record<Channel, LinePublisher>>
  /** What publishes; each ends when what it empties is closed. */
  readonly #publishing = new Set<Promise<void>>()
  /** By lane, the newest unit before which others were missing on the exchange. */
  readonly #missing = new Map<string, number>()
  #state: ServiceState
  #onProgress: () => void = () => {}
  #drainsAtEnd = false
  /** Why the service stops although nobody told it to. */
  readonly #failed = Promise.withResolvers<never>()

  /** Goes on from what is saved. Throws when that belongs to another stream or another query. */
  static async open(options: ServiceOptions): Promise<StreamService> {
    const { stream, store, now, exchange } = options
    const partitions = exchange?.partitions ?? 1
    const hasExchange = exchange !== undefined
    const fresh = { stream, startedAt: now(), partitions, hasExchange, initialShards: null }
    const state = await openServiceState(store, fresh)
    // With leases, where a shard stands is told when it is opened.
    const notes = options.hasLeases ? new Map<string, LaneNote>() : await laneNotes(store)
    return new StreamService(options, state, notes)
  }

  private constructor(options: ServiceOptions, state: ServiceState, notes: ReadonlyMap<string, LaneNote>) {
    const { timing = systemTiming, exchange } = options
    this.#options = options
    this.#timing = timing
    this.#state = state
    this.#failed.promise.catch(() => {})
    const { queries, threads = 1 } = options
    const onFailure = (error: unknown) => this.#failed.reject(error)
    this.#threads = new ServiceThreads({ queries, partitions: state.partitions, threads, onFailure })
    this.#publishers = { panes: this.#publisher('panes'), refused: this.#publisher('refused') }
    this.#lanes = this.#makeLanes(notes)
    this.#merges = this.#makeMerges()
    this.#source = options.source({
      startedAt: state.startedAt,
      startAfter: new Map(
        [...notes].flatMap(([shardId, { position }]) => (position === null ? [] : [[shardId, position]])),
      ),
      gate: (shardId) => this.#newGate(shardId),
    })
    // Shards of two streams may have one name.
    this.#exchangeSource = exchange?.source((shardId) => this.#newGate(`exchange ${shardId}`))
    if (exchange === undefined) this.#ownMerge = this.#makeOwnMerge()
    else this.#link = this.#linkTo(exchange)
  }

  #publisher(channel: Channel): LinePublisher {
    const { sinks, deadLetters, logger } = this.#options
    return new LinePublisher({
      channel,
      sink: sinks[channel],
      deadLetters,
      logger,
      signal: this.#stopPublishing.signal,
    })
  }

  #makeLanes(notes: ReadonlyMap<string, LaneNote>): Lanes {
    const { store, hasLeases = false, now, logger, onEmissions } = this.#options
    return new Lanes(
      {
        store,
        readers: this.#threads.readers,
        queries: this.#threads.queries.map(({ name }) => name),
        partitions: this.#state.partitions,
        hasLeases,
        gateOf: (shardId) => this.#gates.get(shardId)!,
        openShards: () => this.#source.openShards(),
        initialShards: () => this.#state.initialShards ?? [],
        answerOf: (...about) => this.#merges.answerOf(...about),
        room: async () => {
          this.#merges.tick()
          await this.#merges.room()
        },
        now,
        logger,
        stopping: this.#stopping.signal,
        isEnding: () => this.#isEnding,
        newOwner: () => this.#newOwner(),
        onOpened: (task) => this.#publish('refused', task.refused, () => task.delivered()),
        onRefused: (emissions) => onEmissions?.(emissions),
        onMessages: () => this.#passOn(),
        onChange: async () => this.#ownMerge?.settle(),
        onProgress: () => this.#onProgress(),
        onFailure: (error) => this.#failed.reject(error),
      },
      notes,
    )
  }

  #makeMerges(): Merges {
    const { store, queries, hasLeases = false, now, logger, onEmissions } = this.#options
    const unpublished = new Set(queries.filter(({ publish }) => !publish.firehose).map(({ name }) => name))
    return new Merges({
      task: {
        store,
        runners: this.#threads.runners,
        heedsTime: queries.some(({ earlyMs, time }) => earlyMs !== undefined || time.closeAfterMs !== undefined),
        unpublished,
        linesLimit: panesLimit,
        onPanes: (emissions) => onEmissions?.(emissions),
        onMissing: ({ lane, unit }) => {
          if (this.#link === undefined) {
            this.#failed.reject(new Error(`units of lane ${lane} are missing before ${unit}`))
          } else if (this.#missing.get(lane) !== unit) {
            this.#missing.set(lane, unit)
            logger.warn({ lane, unit }, 'a message of this lane came before others; they have to come again')
          }
        },
      },
      initialShards: () => this.#state.initialShards ?? [],
      newOwner: () => this.#newOwner(),
      hasLeases,
      // On the exchange, what lanes gave is durable already.
      onSave: () => this.#ownMerge?.handedOut() ?? (() => {}),
      onOpened: (task) => this.#publish('panes', task.lines, () => task.delivered()),
      now,
      timing: this.#timing,
      logger,
      stopping: this.#stopping.signal,
    })
  }

  #makeOwnMerge(): OwnMerge {
    const { hasLeases = false, logger } = this.#options
    return new OwnMerge({
      lanes: this.#lanes,
      merges: this.#merges,
      hasLeases,
      openShards: () => this.#source.openShards(),
      logger,
    })
  }

  #linkTo(exchange: Exchange): ExchangeLink {
    const { now, logger } = this.#options
    return new ExchangeLink({
      exchange,
      merges: this.#merges,
      gateOf: (shardId) => this.#gates.get(`exchange ${shardId}`)!,
      isEnding: () => this.#isEnding,
      now,
      logger,
      signal: this.#stopPublishing.signal,
      onFailure: (error) => this.#failed.reject(error),
      onProgress: () => this.#onProgress(),
    })
  }

  get #isEnding(): boolean {
    return this.#stopping.signal.aborted || this.#drainsAtEnd
  }

  #newOwner(): string {
    return Math.floor(this.#timing.random() * Number.MAX_SAFE_INTEGER).toString(36)
  }

  /** Hands what lanes have given on to where it is merged. */
  #passOn(): void {
    this.#ownMerge?.pump()
    if (this.#link !== undefined) for (const task of this.#lanes.all) this.#link.forward(task)
  }

  /**
   * Reads and publishes until `stop` or `drain`; resolves when everything is saved and delivered. Rejects with the first
   * failure that cannot be sat out, after saving what can be saved.
   */
  async run(): Promise<void> {
    const { logger, store, sinks, deadLetters } = this.#options
    const snapshots = new AbortController()
    try {
      const known = await this.#source.initialShards
      // A source that was stopped before it had listed the shards knows of none, which says nothing about them.
      if (!this.#stopping.signal.aborted) {
        this.#state = await withInitialShards(store, this.#state, known)
        await this.#lanes.endVanished(known)
      }
      await this.#ownMerge?.settle()
      void this.#takeSnapshots(snapshots.signal)
      const exchange = this.#link && this.#read(this.#exchangeSource!, this.#link.handler)
      await Promise.race([this.#read(this.#source, this.#lanes.handler), this.#failed.promise])
      if (this.#drainsAtEnd) await this.#endInput()
      await this.#exchangeSource?.stop()
      await Promise.race([exchange, this.#failed.promise])
      snapshots.abort()
      await this.#finish()
    } catch (error) {
      logger.error({ err: error }, 'the service stops')
      await this.#source.stop().catch(() => {})
      await this.#exchangeSource?.stop().catch(() => {})
      throw error
    } finally {
      snapshots.abort()
      this.#stopping.abort(new Error('the service has stopped'))
      this.#merges.close()
      await this.#lanes.close()
      this.#stopPublishing.abort(new Error('the service has stopped'))
      await Promise.all(this.#publishing)
      await this.#threads.close()
      for (const sink of [sinks.panes, sinks.refused, deadLetters]) await sink.close()
    }
  }

  async #read(source: ShardSource, handler: ShardHandler): Promise<void> {
    try {
      await lastValueFrom(processShards(source, handler), { defaultValue: undefined })
    } catch (error) {
      this.#failed.reject(error)
    }
  }

  /** The input is over: shards end, and when the merges have heard of it, their windows close. */
  async #endInput(): Promise<void> {
    await this.#lanes.end()
    this.#passOn()
    if (this.#link !== undefined) {
      for (const task of this.#lanes.all) await task.drained()
      while (this.#merges.hasOpenLanes) await this.#timing.sleep(askAgainMs, this.#stopping.signal)
    }
    this.#merges.closeWindows()
  }

  async #takeSnapshots(signal: AbortSignal): Promise<void> {
    const { snapshotIntervalMs } = this.#options
    let delayMs = snapshotIntervalMs
    try {
      for (;;) {
        await this.#timing.sleep(delayMs, signal)
        const began = this.#timing.now()
        await this.#ownMerge?.settle()
        await this.#lanes.save('changed')
        this.#merges.tick()
        await this.#merges.save('changed')
        // A snapshot that takes long is taken less often, so that saving stays a tenth of the work; but one that took long because
        // the store was slow, or the process was stopped, must not keep others waiting for minutes.
        const longestMs = 10 * snapshotIntervalMs
        delayMs = Math.min(longestMs, Math.max(snapshotIntervalMs, 10 * (this.#timing.now() - began)))
      }
    } catch (error) {
      if (!signal.aborted) this.#failed.reject(error)
    }
  }

  #publish(channel: Channel, outbox: LineOutbox, onDelivered: () => void): void {
    const publishing = this.#publishers[channel]
      .empty(outbox, onDelivered)
      .catch((error: unknown) => this.#failed.reject(error))
      .finally(() => this.#publishing.delete(publishing))
    this.#publishing.add(publishing)
  }

  /** Reading has ended: save, deliver, and save again so that a new start does not deliver twice. */
  async #finish(): Promise<void> {
    await this.#lanes.save('all')
    this.#passOn()
    await this.#merges.save('all')
    this.#lanes.stopWaiting()
    this.#merges.close()
    await this.#published()
    // Those that were closed before may have got more since.
    for (const task of this.#lanes.all) this.#publish('refused', task.refused, () => task.delivered())
    for (const task of this.#merges.all) this.#publish('panes', task.lines, () => task.delivered())
    await this.#published()
    await this.#lanes.save('changed')
    await this.#merges.save('changed')
  }

  async #published(): Promise<void> {
    await Promise.race([Promise.all(this.#publishing), this.#failed.promise])
  }

  /**
   * Stops reading, saves and delivers; `run` resolves when that is done. Open windows stay in the snapshot, and so do
   * lines that the sinks have not taken within `deadlineMs`.
   */
  async stop(deadlineMs: number): Promise<void> {
    this.#timing.sleep(deadlineMs, this.#stopPublishing.signal).then(
      () => {
        this.#options.logger.warn(
          { lines: this.#outboxLines },
          'the sinks took too long; what they have not taken stays in the snapshot',
        )
        this.#stopPublishing.abort(new Error('the service is stopping'))
      },
      () => {},
    )
    this.#stopping.abort(new Error('the service is stopping'))
    this.#lanes.stopWaiting()
    this.#merges.close()
    await this.#source.stop()
  }

  /**
   * Reads until every shard is caught up, then ends the input: all windows close and are delivered. For embedded runs,
   * whose stream ends with them.
   */
  async drain(): Promise<void> {
    for (const task of this.#lanes.all) task.isCaughtUp = false
    await new Promise<void>((resolve) => {
      this.#onProgress = () => {
        if (this.#source.openShards().every(({ shardId }) => this.#lanes.get(shardId)?.isCaughtUp)) resolve()
      }
    })
    this.#drainsAtEnd = true
    await this.#source.stop()
  }

  /** Each session of a shard has its own: what an earlier one left unfinished must not slow it down. */
  #newGate(shardId: string): CreditGate {
    const gate = new CreditGate(creditsPerShard)
    this.#gates.set(shardId, gate)
    return gate
  }

  get #outboxLines(): number {
    let lines = 0
    for (const { refused } of this.#lanes.all) lines += refused.size
    for (const task of this.#merges.all) lines += task.lines.size
    return lines
  }

  /** The books of the shards held here, and of those that were read to their ends. */
  ledger(): Ledger {
    const shards = this.#lanes.ledgers
    return {
      queries: Object.fromEntries(
        this.#threads.queries.map(({ name }) => {
          const lanes = Object.fromEntries(
            shards.flatMap(([shardId, ledgers]) => {
              const own = ledgers.get(name)
              return own === undefined ? [] : [[shardId, { ...own }]]
            }),
          )
          return [name, { lanes, total: sumLedgers(Object.values(lanes)) }]
        }),
      ),
    }
  }

  /** What a person or a load balancer asks first. */
  health(): ServiceHealth {
    const isBalanced = Object.values(this.ledger().queries).every(({ total }) => imbalance(total) === 0)
    const missing = this.#ownMerge?.missingShards() ?? []
    return {
      status: isBalanced ? 'ok' : 'out-of-balance',
      stream: this.#options.stream.name,
      outboxLines: this.#outboxLines,
      snapshots: {
        lanes: Object.fromEntries([...this.#lanes.all].map(({ shardId, version }) => [shardId, version])),
        merges: Object.fromEntries([...this.#merges.all].map(({ partition, version }) => [partition, version])),
      },
      heldBack: missing.length === 0 ? null : { missingShards: missing },
      queries: Object.fromEntries(this.#threads.queries.map(({ name }) => [name, this.#healthOf(name)])),
    }
  }

  #healthOf(query: string): unknown {
    return {
      watermark: finite(this.#merges.watermarkOf(query) ?? Number.NaN),
      lanes: Object.fromEntries(
        [...this.#lanes.all].flatMap(({ shardId, looks }) => {
          const look = looks.get(query)
          if (look === undefined) return []
          const { status, watermark, setBy, idleReturns } = look
          return [[shardId, { status, watermark: finite(watermark), setBy: setBy ?? null, idleReturns }]]
        }),
      ),
    }
  }
}

export interface ServiceHealth {
  readonly status: 'ok' | 'out-of-balance'
  readonly stream: string
  readonly outboxLines: number
  /** The versions of the newest snapshots. */
  readonly snapshots: {
    readonly lanes: Readonly<Record<string, number>>
    readonly merges: Readonly<Record<string, number>>
  }
  /** Panes wait, because other tasks hold these shards and there is no exchange. */
  readonly heldBack: { readonly missingShards: readonly string[] } | null
  readonly queries: Readonly<Record<string, unknown>>
}

function finite(instant: number): number | null {
  return Number.isFinite(instant) ? instant : null
}
