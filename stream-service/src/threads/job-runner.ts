// Runs a job whose lanes may be read on other threads. Batches of different shards are taken side by side and their results go
// into the job one after the other, in the order in which the batches came: so what comes out is what one thread gives.
// Everything else (time, ends, snapshots) waits until no batch is under way and has the job for itself.
import type { Emission } from '../engine/emission.ts'
import type { DeclaredShard, Job, SavedJob } from '../engine/job.ts'
import type { Ledger } from '../engine/ledger.ts'
import type { StreamRecord } from '../records/record.ts'
import type { LaneThreads } from './lane-threads.ts'

export interface JobRunnerOptions {
  readonly job: Job
  /** Without threads all lanes are read here. */
  readonly threads?: LaneThreads | undefined
  /** Takes what comes out, in order, before anything else happens. */
  readonly onEmissions: (emissions: readonly Emission[]) => void
}

export class JobRunner {
  readonly #job: Job
  readonly #threads: LaneThreads | undefined
  readonly #onEmissions: (emissions: readonly Emission[]) => void
  /** Resolves when the batches that are under way have all gone into the job. */
  #taken: Promise<void> = Promise.resolve()
  /** Resolves when whoever waits for the job, or has it, is done. */
  #alone: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined

  constructor({ job, threads, onEmissions }: JobRunnerOptions) {
    this.#job = job
    this.#threads = threads
    this.#onEmissions = onEmissions
  }

  /** See `Job.accept`; batches of one shard have to come one after the other. Time passes too, as in `Job.tick`. */
  async accept(shardId: string, records: readonly StreamRecord[], behindMs: number, now: number): Promise<void> {
    while (this.#alone !== undefined) await this.#alone
    const turn = this.#takeInTurn(shardId, records, behindMs, now)
    this.#taken = turn.catch((error: unknown) => {
      // What a batch has done is lost half-way: nothing can go on from here.
      this.#failure ??= { error }
    })
    await turn
    const needs = this.#job.tickNeeds(now)
    if (needs === undefined) return
    await this.#withJob(async () => {
      // Others may have had the job in the meantime.
      await this.#bringHome(this.#job.tickNeeds(now) ?? [])
      this.#onEmissions(this.#job.tick(now))
    })
  }

  async #takeInTurn(shardId: string, records: readonly StreamRecord[], behindMs: number, now: number): Promise<void> {
    const before = this.#taken
    const elsewhere = records.length === 0 ? undefined : this.#send(shardId, records)
    // Whoever waits for this turn hears of it.
    elsewhere?.catch(() => {})
    await before
    if (this.#failure !== undefined) throw this.#failure.error
    if (elsewhere === undefined) {
      this.#onEmissions(this.#job.accept(shardId, records, behindMs, now))
      return
    }
    const { reports, position } = await elsewhere
    this.#onEmissions(this.#job.receive(shardId, records, reports, position))
  }

  #send(shardId: string, records: readonly StreamRecord[]): ReturnType<LaneThreads['take']> | undefined {
    const threads = this.#threads
    if (threads === undefined) return undefined
    if (threads.isAway(shardId)) {
      this.#job.noteRecords(shardId)
      return threads.take(shardId, records, undefined)
    }
    const lanes = this.#job.sendAway(shardId)
    return lanes && threads.take(shardId, records, lanes)
  }

  async #bringHome(shardIds: readonly string[]): Promise<void> {
    for (const shardId of shardIds) this.#job.bringHome(shardId, await this.#threads!.recall(shardId))
  }

  get #awayShards(): string[] {
    return this.#threads?.awayShards ?? []
  }

  /** Waits for all batches under way, and keeps new ones waiting until `use` is done. */
  async #withJob<Result>(use: () => Promise<Result>): Promise<Result> {
    while (this.#alone !== undefined) await this.#alone
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#alone = promise
    try {
      await this.#taken
      if (this.#failure !== undefined) throw this.#failure.error
      return await use()
    } finally {
      this.#alone = undefined
      resolve()
    }
  }

  /** See `Job.declare`. */
  declare(shards: readonly DeclaredShard[]): Promise<void> {
    return this.#withJob(async () => this.#onEmissions(this.#job.declare(shards)))
  }

  /** See `Job.end`. `children` are made known before the shard lets go of the watermark. */
  end(shardId: string, children: readonly DeclaredShard[]): Promise<void> {
    return this.#withJob(async () => {
      await this.#bringHome(this.#awayShards.filter((away) => away === shardId))
      this.#onEmissions(this.#job.declare(children))
      this.#onEmissions(this.#job.end(shardId, []))
    })
  }

  /** See `Job.drain`. */
  drain(): Promise<void> {
    return this.#withJob(async () => {
      await this.#bringHome(this.#awayShards)
      this.#onEmissions(this.#job.drain())
    })
  }

  /** Gives the state to `use`, which is done with it, or has begun to be, before anything else happens. */
  save<Result>(use: (state: SavedJob) => Result): Promise<Result> {
    return this.#withJob(async () => {
      for (const shardId of this.#awayShards) this.#job.keepSaved(shardId, await this.#threads!.save(shardId))
      return use(this.#job.save())
    })
  }

  /** The books as of the batches that have gone into the job. */
  ledger(): Ledger {
    return this.#job.ledger()
  }

  openShards(): string[] {
    return this.#job.openShards()
  }

  async close(): Promise<void> {
    await this.#threads?.close()
  }
}
