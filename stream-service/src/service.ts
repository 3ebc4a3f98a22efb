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
import { filter, lastValueFrom, Subject } from 'rxjs'
import type { Emission } from './engine/emission.ts'
import { KeyPartitions } from './engine/key-partitions.ts'
import { LaneKits } from './engine/lane-kits.ts'
import { imbalance, type LaneLedger, type Ledger, sumLedgers } from './engine/ledger.ts'
import type { ByQuery, LaneStart } from './engine/shard-lanes.ts'
import type { Exchange } from './exchange/exchange.ts'
import { CreditGate } from './operators/credit-gate.ts'
import { processShards, type ShardHandler } from './operators/process-shards.ts'
import { compileQuery } from './queries/compile.ts'
import type { CompiledQuery } from './queries/compiled-query.ts'
import type { QuerySpec } from './queries/query-spec.ts'
import { FieldPlan } from './records/fields.ts'
import { comparePositions, type Position } from './records/record.ts'
import type { Channel, Sink } from './sinks/sink.ts'
import type { KnownShard, RecordBatch, ReleaseReason, ShardSession, ShardSource } from './sources/shard-source.ts'
import type { SnapshotStore } from './state/snapshot-store.ts'
import { ExchangeLink } from './tasks/exchange-link.ts'
import { Exclusive } from './tasks/exclusive.ts'
import { type LaneReaders, OwnLaneReaders } from './tasks/lane-reader.ts'
import { isConflict, type LaneNote, LaneTask, watermarksOf } from './tasks/lane-task.ts'
import { LinePublisher } from './tasks/line-publisher.ts'
import { type MergeNote, MergeTask } from './tasks/merge-task.ts'
import type { ServiceLogger } from './tasks/service-logger.ts'
import { openServiceState, type ServiceState, type StreamIdentity, withInitialShards } from './tasks/service-state.ts'
import { laneName, mergeName, shardOfName } from './tasks/snapshot-names.ts'
import { loadInstant } from './time/saved-instant.ts'

export interface ServiceOptions {
  readonly stream: StreamIdentity
  readonly queries: readonly QuerySpec[]
  readonly store: SnapshotStore
  readonly sinks: Readonly<Record<Channel, Sink>>
  /** Takes lines that a sink refused for good. */
  readonly deadLetters: Sink
  /** Makes the source, told where earlier runs came to, when the first one began, and how much may be in flight per shard. */
  readonly source: (start: {
    readonly startedAt: number
    readonly startAfter: ReadonlyMap<string, Position | 'SHARD_END'>
    readonly gate: (shardId: string) => CreditGate
  }) => ShardSource
  /** Shards are leased, and other tasks hold the rest: to lose one is no failure. Default false: this process has all. */
  readonly hasLeases?: boolean
  /** Where the merges of several tasks meet. Without it, panes are held back while other tasks hold shards. */
  readonly exchange?: Exchange | undefined
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
/** With leases: a shard that the stream no longer lists, and of which nobody has saved anything for so long, is nobody's. */
const vanishedAfterMs = 600_000
/** How often it is asked again for what another task or a snapshot has to bring. */
const askAgainMs = 100

export class StreamService {
  readonly #options: ServiceOptions
  readonly #timing: Timing
  readonly #queries: readonly CompiledQuery[]
  readonly #readers: LaneReaders
  readonly #source: ShardSource
  readonly #exchangeSource: ShardSource | undefined
  readonly #link: ExchangeLink | undefined
  readonly #gates = new Map<string, CreditGate>()
  /** The shards held here, and the merges. */
  readonly #lanes = new Map<string, LaneTask>()
  readonly #sessions = new Map<LaneTask, ShardSession>()
  readonly #merges = new Map<number, MergeTask>()
  /** The books of shards that were read to their ends, as far as they are known here. */
  readonly #endedLedgers = new Map<string, ByQuery<LaneLedger>>()
  readonly #abandoned = new Subject<ShardSession>()
  readonly #ownership = new Exclusive()
  readonly #stopping = new AbortController()
  readonly #stopPublishing = new AbortController()
  readonly #publishers: Readonly<Record<Channel, LinePublisher>>
  /** What publishes and delivers; each ends when what it empties is closed. */
  readonly #deliveries = new Set<Promise<void>>()
  #state: ServiceState
  #onProgress: () => void = () => {}
  #drainsAtEnd = false
  /** All sessions end, and what is held here stays until it is saved. */
  #isEnding = false
  #holdsBack = false
  /** Why the service stops although nobody told it to. */
  readonly #failed = Promise.withResolvers<never>()

  /** Goes on from what is saved. Throws when that belongs to another stream or another query. */
  static async open(options: ServiceOptions): Promise<StreamService> {
    const { stream, store, now, exchange } = options
    const partitions = exchange?.partitions ?? 1
    const state = await openServiceState(store, { stream, startedAt: now(), partitions, initialShards: null })
    const notes = options.hasLeases ? new Map<string, LaneNote>() : await laneNotes(store)
    return new StreamService(options, state, notes)
  }

  private constructor(options: ServiceOptions, state: ServiceState, notes: ReadonlyMap<string, LaneNote>) {
    this.#options = options
    this.#timing = options.timing ?? systemTiming
    this.#state = state
    const plan = new FieldPlan()
    this.#queries = options.queries.map((query) => compileQuery(query, plan))
    this.#readers = new OwnLaneReaders(new LaneKits(this.#queries, plan, new KeyPartitions(state.partitions)))
    const publisher = (channel: Channel) => {
      const { sinks, deadLetters, logger } = options
      return new LinePublisher({
        channel,
        sink: sinks[channel],
        deadLetters,
        logger,
        signal: this.#stopPublishing.signal,
      })
    }
    this.#publishers = { panes: publisher('panes'), refused: publisher('refused') }
    for (const [shardId, { ended }] of notes) {
      if (ended !== undefined) this.#endedLedgers.set(shardId, new Map(Object.entries(ended.ledgers)))
    }
    this.#failed.promise.catch(() => {})
    this.#source = options.source({
      startedAt: state.startedAt,
      startAfter: new Map(
        [...notes].flatMap(([shardId, { position }]) => (position === null ? [] : [[shardId, position]])),
      ),
      gate: (shardId) => this.#gateOf(shardId),
    })
    const { exchange } = options
    // Shards of two streams may have one name.
    const gate = (shardId: string) => this.#gateOf(`exchange ${shardId}`)
    this.#exchangeSource = exchange?.source(gate)
    this.#link = exchange && this.#linkTo(exchange, gate)
  }

  #linkTo(exchange: Exchange, gate: (shardId: string) => CreditGate): ExchangeLink {
    return new ExchangeLink({
      exchange,
      gate,
      openMerge: (partition) => this.#openMerge(partition),
      saveMerge: (task) => this.#saveMerge(task),
      closeMerge: (task) => this.#closeMerge(task),
      now: this.#options.now,
      logger: this.#options.logger,
      signal: this.#stopPublishing.signal,
      onFailure: (error) => this.#failed.reject(error),
      onProgress: () => this.#onProgress(),
    })
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
      this.#state = await withInitialShards(store, this.#state, known)
      await this.#endVanishedShards(known)
      await this.#settleOwnership()
      void this.#takeSnapshots(snapshots.signal)
      const exchange = this.#readExchange()
      await Promise.race([this.#read(this.#source, this.#laneHandler), this.#failed.promise])
      if (this.#drainsAtEnd) await this.#endLanes()
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
      for (const task of this.#merges.values()) task.close()
      for (const task of this.#lanes.values()) await task.close()
      this.#stopPublishing.abort(new Error('the service has stopped'))
      await Promise.all(this.#deliveries)
      await this.#readers.close()
      for (const sink of [sinks.panes, sinks.refused, deadLetters]) await sink.close()
    }
  }

  async #read(source: ShardSource, handler: ShardHandler): Promise<void> {
    await lastValueFrom(processShards(source, handler), { defaultValue: undefined })
  }

  async #readExchange(): Promise<void> {
    if (this.#exchangeSource === undefined) return
    await this.#read(this.#exchangeSource, this.#link!.handler)
  }

  /** The input is over: shards end, and when the merges have heard of it, their windows close. */
  async #endLanes(): Promise<void> {
    for (const task of this.#lanes.values()) await task.end([])
    this.#pump()
    if (this.#link !== undefined) {
      for (const task of this.#lanes.values()) await task.drained()
      while ([...this.#merges.values()].some(({ merger }) => merger.hasOpenLanes))
        await this.#timing.sleep(askAgainMs, this.#stopping.signal)
    }
    for (const merging of this.#merges.values()) merging.closeWindows()
  }

  // --- lanes

  readonly #laneHandler: ShardHandler = {
    opened: async (session) => {
      const task = await this.#openLane(session.shardId)
      this.#sessions.set(task, session)
      this.#tellOfGap(session, task)
      await this.#settleOwnership()
    },
    batch: (session, batch) => this.#acceptBatch(session, batch),
    released: (session, reason) => this.#released(session, reason),
    abandoned: (session) => this.#abandoned.pipe(filter((abandoned) => abandoned === session)),
  }

  async #openLane(shardId: string): Promise<LaneTask> {
    const { store, now } = this.#options
    const task = await LaneTask.open({
      shardId,
      store,
      readers: this.#readers,
      queries: this.#queries.map(({ name }) => name),
      partitions: this.#state.partitions,
      start: () => this.#startOf(shardId),
      now,
      onRefused: (emissions) => this.#options.onEmissions?.(emissions),
      onMessages: () => this.#pump(),
    })
    this.#lanes.set(shardId, task)
    this.#publishRefused(task)
    return task
  }

  /** Records after the saved state and before the checkpoint will never come. */
  #tellOfGap({ shardId, startAfter }: ShardSession, { savedPosition }: LaneTask): void {
    if (startAfter === undefined || savedPosition === 'SHARD_END') return
    if (savedPosition !== null && comparePositions(startAfter, savedPosition) <= 0) return
    this.#options.logger.error(
      { shardId, savedPosition, startAfter },
      'the checkpoint is ahead of the saved state: what lies between was read by somebody who has not saved it here',
    )
  }

  /**
   * Where a shard's lanes begin of which nothing is saved: at the lower of its parents' watermarks; from nothing, for a shard
   * that was there when the service first read the stream; and any other where time is by now.
   */
  async #startOf(shardId: string): Promise<ByQuery<LaneStart>> {
    const family = [...this.#source.openShards(), ...(this.#state.initialShards ?? [])].find(
      (shard) => shard.shardId === shardId,
    )
    const isInitial = this.#state.initialShards?.some((shard) => shard.shardId === shardId) ?? true
    const parents: ByQuery<number>[] = []
    for (const parent of family?.parentShardIds ?? []) {
      const note = (await this.#options.store.note(laneName(parent)))?.note as unknown as LaneNote | undefined
      const watermarks = note && watermarksOf(note)
      if (watermarks !== undefined) parents.push(watermarks)
    }
    return new Map(
      this.#queries.map(({ name }): [string, LaneStart] => {
        const inherited = parents.map((watermarks) => watermarks.get(name) ?? Number.NEGATIVE_INFINITY)
        if (inherited.length > 0) return [name, { watermark: Math.min(...inherited), isIdle: false }]
        return [name, { watermark: Number.NEGATIVE_INFINITY, isIdle: !isInitial }]
      }),
    )
  }

  async #acceptBatch({ shardId }: ShardSession, batch: RecordBatch): Promise<void> {
    const task = this.#lanes.get(shardId)!
    try {
      await task.accept(batch, () => this.#wake(task))
      for (const merging of this.#merges.values()) {
        merging.tick(this.#options.now())
        await merging.lines.room()
      }
    } catch (error) {
      // What the batch would have changed is not saved anywhere: it comes again.
      if (this.#stopping.signal.aborted) return
      if (!isConflict(error)) throw error
      this.#fence(task, error)
      return
    }
    this.#onProgress()
    this.#gateOf(shardId).give()
  }

  /** Another process has claimed the shard. */
  #fence(task: LaneTask, error: unknown): void {
    if (!this.#options.hasLeases) {
      this.#failed.reject(error)
      return
    }
    const { shardId } = task
    this.#options.logger.warn({ shardId, err: error }, 'another task has claimed this shard; this one lets go of it')
    // The shard may be held here again by now, in another session.
    const session = this.#sessions.get(task)
    this.#forget(task)
    if (session !== undefined) this.#abandoned.next(session)
    void this.#settleOwnership()
  }

  #forget(task: LaneTask): void {
    if (this.#lanes.get(task.shardId) === task) this.#lanes.delete(task.shardId)
    this.#sessions.delete(task)
    void task.close()
  }

  /** Records have come to a lane that was idle: time stops for it, and it goes on from where that was. */
  async #wake(task: LaneTask): Promise<void> {
    const waking = await task.beginWaking()
    const watermarks = new Map<string, number>()
    for (const [query, units] of waking) {
      for (const [partition, unit] of units.entries()) {
        const watermark = await this.#answerOf(partition, query, task.shardId, unit)
        watermarks.set(query, Math.max(watermark, watermarks.get(query) ?? Number.NEGATIVE_INFINITY))
      }
    }
    await task.wake(watermarks)
  }

  /** The watermark of a merge that has saved that it waits for a lane. */
  async #answerOf(partition: number, query: string, shardId: string, unit: number): Promise<number> {
    for (;;) {
      const merging = this.#merges.get(partition)
      if (merging?.isDirty) await this.#checkpointMerge(merging)
      const note = merging?.note ?? (await this.#noteOfMerge(partition))
      const found = note?.waking[query]?.[shardId]
      if (note !== undefined && found !== undefined && found >= unit) return loadInstant(note.watermarks[query]!)
      await this.#timing.sleep(askAgainMs, this.#stopping.signal)
    }
  }

  /** What another task has saved of a partition. */
  async #noteOfMerge(partition: number): Promise<MergeNote | undefined> {
    if (this.#link === undefined) return undefined
    return (await this.#options.store.note(mergeName(partition)))?.note as unknown as MergeNote | undefined
  }

  async #released(session: ShardSession, reason: ReleaseReason): Promise<void> {
    const { shardId } = session
    const task = this.#lanes.get(shardId)
    this.#options.logger.info({ shardId, reason }, 'a shard was released')
    if (task === undefined) return
    if (reason === 'lease-lost') {
      this.#forget(task)
      await this.#settleOwnership()
      return
    }
    try {
      if (reason === 'shard-end') await this.#endShard(task, session)
      else await this.#checkpoint(task)
      // Handed over to another task while this one goes on.
      if (reason === 'shutdown' && !this.#isEnding) {
        this.#forget(task)
        await this.#settleOwnership()
      }
    } catch (error) {
      if (this.#stopping.signal.aborted) return
      if (!isConflict(error)) throw error
      this.#fence(task, error)
    }
  }

  async #endShard(task: LaneTask, session: ShardSession): Promise<void> {
    const { shardId } = task
    // The children have to be known, to hold the watermark before their parent lets go of it.
    const children = this.#source.openShards().filter(({ parentShardIds }) => parentShardIds.includes(shardId))
    await task.end(children)
    this.#endedLedgers.set(shardId, task.ledgers)
    // Nobody comes back to a shard whose end was checkpointed: what it gave has to be where it belongs.
    await task.drained()
    if (this.#stopping.signal.aborted) return
    await task.save()
    this.#forget(task)
    await session.checkpoint('SHARD_END')
    await this.#settleOwnership()
    this.#onProgress()
  }

  /** A shard of the saved state that the stream no longer lists has nothing more to give. */
  async #endVanishedShards(listed: readonly KnownShard[]): Promise<void> {
    const { store, logger, hasLeases, now } = this.#options
    const notes = await laneNotes(store)
    const known = new Set([...notes.keys(), ...(this.#state.initialShards ?? []).map(({ shardId }) => shardId)])
    for (const { ended } of notes.values()) for (const { shardId } of ended?.children ?? []) known.add(shardId)
    for (const shardId of known) {
      const note = notes.get(shardId)
      if (listed.some((shard) => shard.shardId === shardId) || note?.ended !== undefined) continue
      // Somebody has it and is about to find out.
      if (hasLeases && note !== undefined && note.savedAt + vanishedAfterMs > now()) continue
      logger.warn({ shardId }, 'the stream no longer has this shard; what was open in it goes to the merge')
      try {
        const task = await this.#openLane(shardId)
        await task.end([])
        this.#endedLedgers.set(shardId, task.ledgers)
      } catch (error) {
        if (!hasLeases || !isConflict(error)) throw error
      }
    }
  }

  // --- merges

  /** Hands what lanes have given to the merges here. */
  #pump(): void {
    if (this.#link !== undefined) {
      for (const task of this.#lanes.values()) this.#link.forward(task)
      return
    }
    const merging = this.#merges.get(0)
    if (merging === undefined) return
    for (const task of this.#lanes.values()) {
      for (const message of task.messages.handOut(0)) {
        if (!merging.take(message)) {
          this.#failed.reject(new Error(`units of lane ${task.shardId} are missing before ${message.first}`))
          return
        }
      }
    }
  }

  /** Without an exchange, the merge is here while all shards of the stream are. */
  #settleOwnership(): Promise<void> {
    return this.#ownership.run(async () => {
      if (this.#options.exchange !== undefined) return
      const missing = this.#missingShards()
      const merging = this.#merges.get(0)
      if (missing.length === 0 && merging === undefined) {
        for (const task of this.#lanes.values()) task.messages.rewind(0)
        await this.#openMerge(0)
        this.#pump()
      }
      if (missing.length > 0 && merging !== undefined) this.#closeMerge(merging)
      if (missing.length > 0 !== this.#holdsBack) {
        this.#holdsBack = missing.length > 0
        const { logger } = this.#options
        if (this.#holdsBack) {
          logger.warn({ missing }, 'panes are held back: other tasks hold shards, and there is no exchange')
        } else logger.info({}, 'all shards are held here: panes are published')
      }
    })
  }

  /** Open shards that neither this process holds nor one whose parents it holds. */
  #missingShards(): string[] {
    if (!this.#options.hasLeases) return []
    const open = new Map(this.#source.openShards().map((shard) => [shard.shardId, shard]))
    const isHere = ({ shardId, parentShardIds }: KnownShard): boolean => {
      if (this.#lanes.has(shardId)) return true
      const parents = parentShardIds.flatMap((id) => open.get(id) ?? [])
      return parents.length > 0 && parents.every(isHere)
    }
    return [...open.values()].filter((shard) => !isHere(shard)).map(({ shardId }) => shardId)
  }

  async #openMerge(partition: number): Promise<MergeTask> {
    const { store, queries } = this.#options
    const merging = await MergeTask.open({
      partition,
      store,
      queries: this.#queries,
      unpublished: new Set(queries.filter(({ publish }) => !publish.firehose).map(({ name }) => name)),
      initialShards: this.#state.initialShards ?? [],
      linesLimit: panesLimit,
      onPanes: (emissions) => this.#options.onEmissions?.(emissions),
    })
    this.#merges.set(partition, merging)
    this.#publishPanes(merging)
    return merging
  }

  #closeMerge(merging: MergeTask): void {
    if (this.#merges.get(merging.partition) === merging) this.#merges.delete(merging.partition)
    merging.close()
  }

  /** Saves a merge; false when another task has claimed it. */
  async #saveMerge(merging: MergeTask): Promise<boolean> {
    const { partition } = merging
    try {
      await merging.save(() => {
        // On the exchange, what lanes gave is durable already.
        if (this.#link !== undefined) return () => {}
        const handedOut = [...this.#lanes.values()].map((task) => [task, task.messages.handedOut(partition)] as const)
        return () => {
          for (const [task, upTo] of handedOut) task.accepted(partition, upTo)
        }
      })
      return true
    } catch (error) {
      if (!isConflict(error) || !this.#options.hasLeases) throw error
      this.#options.logger.warn({ partition, err: error }, 'another task has claimed this partition')
      this.#closeMerge(merging)
      return false
    }
  }

  // --- snapshots and delivery

  async #takeSnapshots(signal: AbortSignal): Promise<void> {
    const { snapshotIntervalMs } = this.#options
    let delayMs = snapshotIntervalMs
    try {
      for (;;) {
        await this.#timing.sleep(delayMs, signal)
        const began = this.#timing.now()
        await this.#snapshot()
        // A snapshot that takes long is taken less often, so that saving stays a tenth of the work.
        delayMs = Math.max(snapshotIntervalMs, 10 * (this.#timing.now() - began))
      }
    } catch (error) {
      if (!signal.aborted) this.#failed.reject(error)
    }
  }

  async #snapshot(): Promise<void> {
    await this.#settleOwnership()
    await Promise.all(
      [...this.#lanes.values()].filter(({ isDirty }) => isDirty).map((task) => this.#checkpointOrLetGo(task)),
    )
    for (const merging of this.#merges.values()) {
      merging.tick(this.#options.now())
      if (merging.isDirty) await this.#checkpointMerge(merging)
    }
  }

  async #checkpointMerge(merging: MergeTask): Promise<void> {
    if (this.#link === undefined) await this.#saveMerge(merging)
    else await this.#link.checkpoint(merging)
  }

  async #checkpointOrLetGo(task: LaneTask): Promise<void> {
    try {
      await this.#checkpoint(task)
    } catch (error) {
      if (!isConflict(error)) throw error
      this.#fence(task, error)
    }
  }

  /** Saves a lane, and moves the source's checkpoint after it. */
  async #checkpoint(task: LaneTask): Promise<void> {
    const position = await task.save()
    if (position === null || position === 'SHARD_END') return
    // A checkpoint that comes later, or never, costs reading again; nothing waits for it.
    this.#sessions
      .get(task)
      ?.checkpoint(position)
      .catch((error: unknown) => {
        this.#options.logger.warn({ shardId: task.shardId, position, err: error }, 'a checkpoint failed')
      })
  }

  #publishRefused(task: LaneTask): void {
    this.#deliver(() => this.#publishers.refused.empty(task.refused, () => task.delivered()))
  }

  #publishPanes(merging: MergeTask): void {
    this.#deliver(() => this.#publishers.panes.empty(merging.lines, () => merging.delivered()))
  }

  #deliver(deliver: () => Promise<void>): void {
    const delivery = deliver()
      .catch((error: unknown) => this.#failed.reject(error))
      .finally(() => this.#deliveries.delete(delivery))
    this.#deliveries.add(delivery)
  }

  /** Reading has ended: save, deliver, and save again so that a new start does not deliver twice. */
  async #finish(): Promise<void> {
    for (const task of this.#lanes.values()) await this.#checkpoint(task)
    this.#pump()
    for (const merging of this.#merges.values()) await this.#checkpointMerge(merging)
    this.#closeOutboxes()
    // Those that were closed before may have got more since.
    for (const task of this.#lanes.values()) this.#publishRefused(task)
    for (const merging of this.#merges.values()) this.#publishPanes(merging)
    await Promise.race([Promise.all(this.#deliveries), this.#failed.promise])
    for (const task of this.#lanes.values()) if (task.isDirty) await this.#checkpoint(task)
    for (const merging of this.#merges.values()) if (merging.isDirty) await this.#checkpointMerge(merging)
  }

  /**
   * Stops reading, saves and delivers; `run` resolves when that is done. Open windows stay in the snapshot, and so do
   * lines that the sinks have not taken within `deadlineMs`.
   */
  async stop(deadlineMs: number): Promise<void> {
    void this.#timing.sleep(deadlineMs, this.#stopPublishing.signal).then(
      () => {
        this.#options.logger.warn(
          { lines: this.#outboxLines },
          'the sinks took too long; what they have not taken stays in the snapshot',
        )
        this.#stopPublishing.abort(new Error('the service is stopping'))
      },
      () => {},
    )
    this.#isEnding = true
    this.#stopping.abort(new Error('the service is stopping'))
    // Nobody waits for room any more, or for what was given to arrive: it is in the snapshots.
    this.#closeOutboxes()
    await this.#source.stop()
  }

  #closeOutboxes(): void {
    for (const task of this.#lanes.values()) task.stopWaiting()
    for (const merging of this.#merges.values()) merging.close()
  }

  /**
   * Reads until every shard is caught up, then ends the input: all windows close and are delivered. For embedded runs,
   * whose stream ends with them.
   */
  async drain(): Promise<void> {
    for (const task of this.#lanes.values()) task.isCaughtUp = false
    await new Promise<void>((resolve) => {
      this.#onProgress = () => {
        if (this.#source.openShards().every(({ shardId }) => this.#lanes.get(shardId)?.isCaughtUp)) resolve()
      }
    })
    this.#drainsAtEnd = true
    this.#isEnding = true
    await this.#source.stop()
  }

  #gateOf(shardId: string): CreditGate {
    let gate = this.#gates.get(shardId)
    if (gate === undefined) {
      gate = new CreditGate(creditsPerShard)
      this.#gates.set(shardId, gate)
    }
    return gate
  }

  get #outboxLines(): number {
    let lines = 0
    for (const task of this.#lanes.values()) lines += task.refused.size
    for (const merging of this.#merges.values()) lines += merging.lines.size
    return lines
  }

  /** The books of the shards held here, and of those that were read to their ends. */
  ledger(): Ledger {
    const shards = new Map(this.#endedLedgers)
    for (const [shardId, task] of this.#lanes) shards.set(shardId, task.ledgers)
    const inOrder = [...shards].sort(([a], [b]) => (a < b ? -1 : 1))
    return {
      queries: Object.fromEntries(
        this.#queries.map(({ name }) => {
          const lanes = Object.fromEntries(
            inOrder.flatMap(([shardId, ledgers]) => {
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
    const missing = this.#options.exchange === undefined ? this.#missingShards() : []
    return {
      status: isBalanced ? 'ok' : 'out-of-balance',
      stream: this.#options.stream.name,
      outboxLines: this.#outboxLines,
      snapshots: {
        lanes: Object.fromEntries([...this.#lanes].map(([shardId, { version }]) => [shardId, version])),
        merges: Object.fromEntries([...this.#merges].map(([partition, { version }]) => [partition, version])),
      },
      heldBack: missing.length === 0 ? null : { missingShards: missing },
      queries: Object.fromEntries(this.#queries.map(({ name }) => [name, this.#healthOf(name)])),
    }
  }

  #healthOf(query: string): unknown {
    const watermarks = [...this.#merges.values()].map(({ merger }) => merger.watermarks().get(query)!)
    return {
      watermark: watermarks.length === 0 ? null : finite(Math.min(...watermarks)),
      lanes: Object.fromEntries(
        [...this.#lanes].flatMap(([shardId, { looks }]) => {
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

async function laneNotes(store: SnapshotStore): Promise<Map<string, LaneNote>> {
  const notes = new Map<string, LaneNote>()
  for (const name of await store.names()) {
    const shardId = shardOfName(name)
    const note = shardId === undefined ? undefined : await store.note(name)
    if (note !== undefined) notes.set(shardId!, note.note as unknown as LaneNote)
  }
  return notes
}
