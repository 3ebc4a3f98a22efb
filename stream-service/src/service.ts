// The running service: shards are read into the job, what comes out waits in the outbox, snapshots make both durable, and
// publishers empty the outbox into the sinks.
//
//   source ──batches──> job ──emissions──> outbox ──lines──> sinks
//     ▲                  └──────┬─────────────┘
//     └─ credits: the next batch only when the outbox has room
//                          snapshot (atomic: job and outbox together)
import { lastValueFrom } from 'rxjs'
import type { SnapshotValue } from './aggregates/snapshot-value.ts'
import type { Emission } from './engine/emission.ts'
import { Job, type SavedJob } from './engine/job.ts'
import { imbalance, type Ledger } from './engine/ledger.ts'
import { CreditGate } from './operators/credit-gate.ts'
import { processShards, type ShardHandler } from './operators/process-shards.ts'
import { compileQuery } from './queries/compile.ts'
import type { QuerySpec } from './queries/query-spec.ts'
import { FieldPlan } from './records/fields.ts'
import type { Position } from './records/record.ts'
import type { OutputLine, Sink } from './sinks/sink.ts'
import type { RecordBatch, ReleaseReason, ShardSession, ShardSource } from './sources/shard-source.ts'
import { type Channel, Outbox, type SavedLine } from './state/outbox.ts'
import type { Snapshot, SnapshotStore } from './state/snapshot-store.ts'
import { JobRunner } from './threads/job-runner.ts'
import { LaneThreads } from './threads/lane-threads.ts'

const snapshotName = 'service'

/** What a snapshot of the service holds. */
interface SavedService {
  /** The stream the positions belong to: a stream that was deleted and made again under its name is another one. */
  readonly stream: StreamIdentity
  /** When the service first read this stream, epoch milliseconds: where LATEST lies for shards that have no position yet. */
  readonly startedAt: number
  readonly job: SavedJob
  readonly outbox: readonly SavedLine[]
}

export interface StreamIdentity {
  readonly name: string
  /** Epoch milliseconds. */
  readonly createdAt: number
}

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
  /** How many threads read lanes, with the one that does everything else; default 1. */
  readonly threads?: number
  readonly snapshotIntervalMs: number
  readonly now: () => number
  readonly logger: ServiceLogger
  /** Told of everything the engine emits, before it is published. */
  readonly onEmissions?: (emissions: readonly Emission[]) => void
}

export interface ServiceLogger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Batches of one shard that may be unfinished at a time: one in work while the next is being read. */
const creditsPerShard = 2
/** Lines that may wait for the sinks before reading slows down. */
const outboxLines = 20_000
const linesPerPublish = 500

/** The saved state belongs to another stream. */
export class StreamChangedError extends Error {
  readonly code = 'STREAM_CHANGED'

  constructor(saved: StreamIdentity, found: StreamIdentity) {
    const describe = ({ name, createdAt }: StreamIdentity) => `'${name}' of ${new Date(createdAt).toISOString()}`
    super(
      `the saved state belongs to stream ${describe(saved)}, but this is ${describe(found)}; start with an empty state folder to read it from its start`,
    )
    this.name = 'StreamChangedError'
  }
}

export class StreamService implements ShardHandler {
  readonly #options: ServiceOptions
  readonly #job: Job
  /** Through this alone the job is changed. */
  readonly #runner: JobRunner
  readonly #outbox: Outbox
  readonly #source: ShardSource
  readonly #gates = new Map<string, CreditGate>()
  readonly #stopPublishing = new AbortController()
  /** Queries with `publish.firehose` false. */
  readonly #unpublished: ReadonlySet<string>
  readonly #startedAt: number
  #version: number
  #isDirty: boolean
  #saving: Promise<void> = Promise.resolve()
  #snapshotTimer: NodeJS.Timeout | undefined
  /** Shards whose newest read came back empty and caught up. */
  readonly #caughtUp = new Set<string>()
  #onProgress: () => void = () => {}
  #drainsAtEnd = false
  /** Why the service stops although nobody told it to. */
  #failure: { readonly error: unknown } | undefined

  /** Loads the newest snapshot and goes on from it. Throws when it belongs to another stream or another query. */
  static async open(options: ServiceOptions): Promise<StreamService> {
    return new StreamService(options, await options.store.load(snapshotName))
  }

  private constructor(options: ServiceOptions, snapshot: Snapshot | undefined) {
    this.#options = options
    const saved = snapshot?.state as unknown as SavedService | undefined
    if (saved !== undefined && !isSameStream(saved.stream, options.stream)) {
      throw new StreamChangedError(saved.stream, options.stream)
    }
    this.#unpublished = new Set(options.queries.filter(({ publish }) => !publish.firehose).map(({ name }) => name))
    const plan = new FieldPlan()
    const queries = options.queries.map((query) => compileQuery(query, plan))
    this.#job = new Job({ queries, plan, saved: saved?.job, idleBy: 'reads' })
    const threads = startThreads(options, this.#job)
    this.#runner = new JobRunner({ job: this.#job, threads, onEmissions: (emissions) => this.#emit(emissions) })
    this.#outbox = new Outbox(outboxLines, saved?.outbox)
    this.#version = snapshot?.version ?? 0
    this.#startedAt = saved?.startedAt ?? options.now()
    // The time of the first start has to survive even if no record ever comes.
    this.#isDirty = saved === undefined
    this.#source = options.source({
      startedAt: this.#startedAt,
      startAfter: this.#job.positions(),
      gate: (shardId) => this.#gateOf(shardId),
    })
  }

  /**
   * Reads and publishes until `stop` or `drain`; resolves when everything is saved and delivered. Rejects with the first
   * failure that cannot be sat out, after saving what can be saved.
   */
  async run(): Promise<void> {
    const { snapshotIntervalMs, logger } = this.#options
    const known = await this.#source.initialShards
    await this.#runner.declare(known)
    await this.#endVanishedShards(known.map(({ shardId }) => shardId))
    const publishing = Promise.all([this.#publish('panes'), this.#publish('refused')])
    this.#scheduleSnapshot(snapshotIntervalMs)
    try {
      await Promise.race([
        lastValueFrom(processShards(this.#source, this), { defaultValue: undefined }),
        publishing.then(() => new Promise(() => {})),
      ])
      await this.#finish(publishing)
    } catch (error) {
      logger.error({ err: error }, 'the service stops')
      await this.#source.stop().catch(() => {})
      throw error
    } finally {
      clearTimeout(this.#snapshotTimer)
      this.#outbox.close()
      this.#stopPublishing.abort(new Error('the service has stopped'))
      await publishing.catch(() => {})
      await this.#runner.close()
      for (const sink of [this.#options.sinks.panes, this.#options.sinks.refused, this.#options.deadLetters])
        await sink.close()
    }
  }

  /** A shard of the saved state that the stream no longer lists has nothing more to give. */
  async #endVanishedShards(listed: readonly string[]): Promise<void> {
    for (const shardId of this.#job.openShards()) {
      if (listed.includes(shardId)) continue
      this.#options.logger.warn(
        { shardId },
        'the stream no longer has this shard; what was open in it goes to the merge',
      )
      await this.#runner.end(shardId, [])
    }
  }

  async batch(session: ShardSession, batch: RecordBatch): Promise<void> {
    const { shardId } = session
    await this.#runner.accept(shardId, batch.records, batch.millisBehindLatest, this.#options.now())
    if (batch.records.length > 0) this.#isDirty = true
    if (batch.records.length === 0 && batch.millisBehindLatest === 0) this.#caughtUp.add(shardId)
    else this.#caughtUp.delete(shardId)
    this.#onProgress()
    await this.#outbox.room()
    this.#gateOf(shardId).give()
  }

  async released(session: ShardSession, reason: ReleaseReason): Promise<void> {
    const { shardId } = session
    this.#options.logger.info({ shardId, reason }, 'a shard was released')
    if (reason !== 'shard-end') return
    // The children have to be there to hold the watermark before their parent lets go of it.
    await this.#runner.end(shardId, this.#source.openShards())
    this.#caughtUp.delete(shardId)
    this.#isDirty = true
    await this.#snapshot()
    await session.checkpoint('SHARD_END')
    this.#onProgress()
  }

  #emit(emissions: readonly Emission[]): void {
    if (emissions.length === 0) return
    this.#isDirty = true
    this.#outbox.add(
      emissions.filter((emission) => emission.kind !== 'panes' || !this.#unpublished.has(emission.query)),
    )
    this.#options.onEmissions?.(emissions)
  }

  #gateOf(shardId: string): CreditGate {
    let gate = this.#gates.get(shardId)
    if (gate === undefined) {
      gate = new CreditGate(creditsPerShard)
      this.#gates.set(shardId, gate)
    }
    return gate
  }

  async #publish(channel: Channel): Promise<void> {
    const sink = this.#options.sinks[channel]
    const { signal } = this.#stopPublishing
    try {
      for (;;) {
        const lines = await this.#outbox.take(channel, linesPerPublish)
        if (lines.length === 0) return
        const receipts = await sink.publish(lines, signal)
        await this.#bury(channel, lines, receipts)
        this.#outbox.accepted(channel, lines)
        this.#isDirty = true
      }
    } catch (error) {
      // Lines that were not delivered in time are in the snapshot, and the next start delivers them.
      if (!signal.aborted) throw error
    }
  }

  /** Hands lines that were refused for good to the dead letters, whole. */

  async #bury(
    channel: Channel,
    lines: readonly OutputLine[],
    receipts: Awaited<ReturnType<Sink['publish']>>,
  ): Promise<void> {
    const letters = lines.flatMap((line, i): OutputLine[] => {
      const receipt = receipts[i]!
      if (receipt.status !== 'refused') return []
      const { id, key, text } = line
      this.#options.logger.error(
        { id, channel, reason: receipt.reason },
        'a line was refused and goes to the dead letters',
      )
      return [{ id, key, text: JSON.stringify({ id, channel, reason: receipt.reason, line: text }) }]
    })
    if (letters.length > 0) await this.#options.deadLetters.publish(letters, this.#stopPublishing.signal)
  }

  #scheduleSnapshot(delayMs: number): void {
    this.#snapshotTimer = setTimeout(() => {
      const began = performance.now()
      this.#snapshot().then(
        // A snapshot that takes long is taken less often, so that saving stays a tenth of the work.
        () => this.#scheduleSnapshot(Math.max(this.#options.snapshotIntervalMs, 10 * (performance.now() - began))),
        (error: unknown) => this.#fail(error),
      )
    }, delayMs)
  }

  async #fail(error: unknown): Promise<void> {
    this.#failure ??= { error }
    await this.#source.stop()
  }

  /** Saves job and outbox as they are now; when that is durable, lines that waited for it may go. */
  async #snapshot(): Promise<void> {
    // One at a time: each goes on from the version of the one before.
    const before = this.#saving
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#saving = promise
    try {
      await before
      if (!this.#isDirty) return
      const { stream } = this.#options
      // Job and outbox as they are at one moment.
      const { outbox, state } = await this.#runner.save((job) => {
        this.#isDirty = false
        const saved = this.#outbox.save()
        const whole: SavedService = { stream, startedAt: this.#startedAt, job, outbox: saved.lines }
        return { outbox: saved, state: whole }
      })
      this.#version = await this.#options.store.save(
        snapshotName,
        { state: state as unknown as SnapshotValue },
        this.#version,
      )
      outbox.freeAll()
    } finally {
      resolve()
    }
  }

  /** Reading has ended: save, deliver, and save again so that a new start does not deliver twice. */
  async #finish(publishing: Promise<unknown>): Promise<void> {
    clearTimeout(this.#snapshotTimer)
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#drainsAtEnd) await this.#runner.drain()
    await this.#snapshot()
    this.#outbox.close()
    await publishing
    await this.#snapshot()
  }

  /**
   * Stops reading, saves and delivers; `run` resolves when that is done. Open windows stay in the snapshot, and so do
   * lines that the sinks have not taken within `deadlineMs`.
   */
  async stop(deadlineMs: number): Promise<void> {
    const deadline = setTimeout(() => {
      this.#options.logger.warn(
        { lines: this.#outbox.size },
        'the sinks took too long; what they have not taken stays in the snapshot',
      )
      this.#outbox.close()
      this.#stopPublishing.abort(new Error('the service is stopping'))
    }, deadlineMs)
    deadline.unref()
    await this.#source.stop()
  }

  /**
   * Reads until every shard is caught up, then ends the input: all windows close and are delivered. For embedded runs,
   * whose stream ends with them.
   */
  async drain(): Promise<void> {
    this.#caughtUp.clear()
    await new Promise<void>((resolve) => {
      this.#onProgress = () => {
        if (this.#job.openShards().every((shardId) => this.#caughtUp.has(shardId))) resolve()
      }
    })
    this.#drainsAtEnd = true
    await this.#source.stop()
  }

  ledger(): Ledger {
    return this.#job.ledger()
  }

  /** What a person or a load balancer asks first. */
  health(): ServiceHealth {
    const ledger = this.ledger()
    return {
      status: Object.values(ledger.queries).every(({ total }) => imbalance(total) === 0) ? 'ok' : 'out-of-balance',
      stream: this.#options.stream.name,
      outboxLines: this.#outbox.size,
      snapshotVersion: this.#version,
      queries: Object.fromEntries(
        this.#job.queries.map((engine) => [
          engine.query.name,
          {
            watermark: Number.isFinite(engine.watermark) ? engine.watermark : null,
            lanes: Object.fromEntries(
              [...engine.lanes.values()].map(({ shardId, status, watermark, watermarkSetBy, idleReturns }) => [
                shardId,
                {
                  status,
                  watermark: Number.isFinite(watermark) ? watermark : null,
                  setBy: watermarkSetBy ?? null,
                  idleReturns,
                },
              ]),
            ),
          },
        ]),
      ),
    }
  }
}

export interface ServiceHealth {
  readonly status: 'ok' | 'out-of-balance'
  readonly stream: string
  readonly outboxLines: number
  readonly snapshotVersion: number
  readonly queries: Readonly<Record<string, unknown>>
}

function startThreads({ queries, threads = 1 }: ServiceOptions, job: Job): LaneThreads | undefined {
  if (threads === 1) return undefined
  return new LaneThreads(threads, {
    queries: queries.map((query, i) => (job.queries[i]!.canSendLanes ? query : undefined)),
  })
}

function isSameStream(a: StreamIdentity, b: StreamIdentity): boolean {
  return a.name === b.name && a.createdAt === b.createdAt
}
