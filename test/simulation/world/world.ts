// The simulated world: a stream, leases, a shelf of snapshots, sinks, and tasks that run the real service over them, each
// started again when it ends. `run` lets a history happen, then calms everything down and waits for the answer.
import type { LaneLedger } from '../../../stream-service/src/engine/ledger.ts'
import { StreamService } from '../../../stream-service/src/service.ts'
import type { OutputLine } from '../../../stream-service/src/sinks/sink.ts'
import { createDirectSource } from '../../../stream-service/src/sources/direct.ts'
import type { SnapshotShelf } from '../../../stream-service/src/state/memory-store.ts'
import { SnapshotConflictError } from '../../../stream-service/src/state/snapshot-store.ts'
import type { History, HistoryEvent } from '../history.ts'
import { outOfOrdernessMs, type SimulatedQuery, simulatedQueries } from '../queries.ts'
import { ExchangeModel } from './exchange-model.ts'
import { FaultyStore, StoreFailure } from './faulty-store.ts'
import { simulatedClient } from './kinesis-client.ts'
import { LeasedSource, type SourceWatch } from './leased-source.ts'
import { LeaseTable } from './leases.ts'
import { type Kill, Process } from './process.ts'
import { endedBooks, savedPosition, unsavedBefore } from './saved-positions.ts'
import { Scheduler } from './scheduler.ts'
import { StreamModel } from './stream-model.ts'
import { WatchedSink } from './watched-sink.ts'

export interface WorldOptions {
  readonly keepsTrace?: boolean
  /** Kills the first life of task 0 at this operation; it comes back. */
  readonly kill?: Kill
  /** Default: never. When lanes may become idle, timing may decide which records are late. */
  readonly idleAfterMs?: number
  /** One task without leases, which reads with the direct source. */
  readonly isDirect?: boolean
}

export interface Gap {
  readonly shardId: string
  readonly after: number
  /** The records between are gone. */
  readonly before: number
}

interface Task {
  readonly name: string
  lives: number
  process: Process | undefined
  service: StreamService | undefined
  /** It was told to stop, or is to be left down. */
  isStopping: boolean
  backAfterMs: number | undefined
  keepsLeases: boolean
}

type Fault = 'store fails' | 'sinks are slow' | 'sinks are silent' | 'reads fail' | 'exchange is flawed'

const startOfTime = 100_000
const never = 3_600_000
const failoverMs = 4_000
const maxCredits = 2
const maxOutboxLines = 20_000
/** Within this virtual time everything has to be published once nothing fails any more. */
const patienceMs = 120_000

export class World {
  readonly history: History
  readonly scheduler: Scheduler
  readonly stream: StreamModel
  readonly leases: LeaseTable
  readonly shelf: SnapshotShelf = new Map()
  readonly queries: readonly SimulatedQuery[]
  readonly published: OutputLine[] = []
  readonly refused: OutputLine[] = []
  readonly deadLetters: OutputLine[] = []
  readonly gaps: Gap[] = []
  /** What must not happen, as it was seen to happen. */
  readonly faults: string[] = []
  readonly #exchange: { readonly stream: StreamModel; readonly leases: LeaseTable } | undefined
  readonly #tasks = new Map<string, Task>()
  readonly #failing = new Map<Fault, number>()
  readonly #options: WorldOptions
  #firstLife: Process | undefined
  /** The only task that may still start. */
  #only: Task | undefined
  /** The books of all shards by shard and query, as they were when all was published. */
  books: Books = new Map()

  constructor(history: History, options: WorldOptions = {}) {
    this.history = history
    this.#options = options
    this.queries = simulatedQueries(options.idleAfterMs ?? never)
    this.scheduler = new Scheduler(history.seed, startOfTime, options.keepsTrace ?? false)
    this.stream = new StreamModel(history.shards)
    this.leases = new LeaseTable(this.stream, failoverMs)
    if (history.partitions > 0) {
      const stream = new StreamModel(history.partitions, 'partition-')
      this.#exchange = { stream, leases: new LeaseTable(stream, failoverMs) }
    }
  }

  /** Resolves when `isDone` is content with what was published, or patience is at its end. */
  async run(isDone: (world: World) => boolean): Promise<void> {
    const { scheduler } = this
    for (let task = 0; task < this.history.tasks; task++) this.#start(this.#task(task))
    for (const event of this.history.events) {
      await scheduler.runUntil(scheduler.now + event.afterMs)
      scheduler.note(event.does)
      await this.#happens(event)
    }
    await this.#calmDown()
    const deadline = scheduler.now + patienceMs
    do {
      await scheduler.runUntil(scheduler.now + 500)
      this.#checkMemory()
      this.books = await this.#readBooks()
      if (scheduler.now > deadline) return
    } while (!isDone(this))
    // Nothing may come after that contradicts it.
    await scheduler.runUntil(scheduler.now + 3_000)
    await this.#stopAll()
  }

  /** How many operations the first life of task 0 came to. */
  get operationsOfFirstLife(): number {
    return this.#firstLife?.operations ?? 0
  }

  get isDirect(): boolean {
    return this.#options.isDirect ?? false
  }

  get hasIdleLanes(): boolean {
    return this.#options.idleAfterMs !== undefined
  }

  get services(): StreamService[] {
    return [...this.#tasks.values()].flatMap(({ service }) => (service === undefined ? [] : [service]))
  }

  #task(number: number): Task {
    const name = `t${number}`
    let task = this.#tasks.get(name)
    if (task === undefined) {
      task = {
        name,
        lives: 0,
        process: undefined,
        service: undefined,
        isStopping: false,
        backAfterMs: undefined,
        keepsLeases: false,
      }
      this.#tasks.set(name, task)
    }
    return task
  }

  async #happens(event: HistoryEvent): Promise<void> {
    const { scheduler, stream } = this
    const open = stream.openShards
    switch (event.does) {
      case 'put':
        for (const { key, value, hashKey, behindMs } of event.records) {
          const inTime = scheduler.now - (behindMs % outOfOrdernessMs)
          stream.put(hashKey, { ts: scheduler.now - behindMs, inTime, k: key, v: value }, scheduler.now)
        }
        return
      case 'split':
        if (open.length < 6) stream.split(open[event.which % open.length]!, scheduler.now)
        return
      case 'merge':
        stream.merge(open[event.which % open.length]!, scheduler.now)
        return
      case 'revoke lease':
      case 'hand over': {
        const held = [...this.leases.leases.values()].filter(({ owner }) => owner !== undefined)
        const lease = held[event.which % Math.max(1, held.length)]
        if (lease === undefined) return
        if (event.does === 'hand over') lease.isWanted = true
        else this.leases.revoke(lease.shardId)
        return
      }
      case 'kill': {
        const { process, ...task } = this.#task(event.task)
        if (process === undefined || task.isStopping) return
        process.kill = { at: process.operations + event.inOperations, when: event.when }
        this.#task(event.task).backAfterMs = event.backAfterMs
        this.#task(event.task).keepsLeases = event.keepsLeases
        return
      }
      case 'pause':
        this.#task(event.task).process?.pause(event.ms)
        return
      case 'start':
        if (this.#task(event.task).process === undefined) this.#start(this.#task(event.task))
        return
      case 'stop':
        this.#stop(this.#task(event.task), event.backAfterMs, event.deadlineMs)
        return
      case 'retention':
        for (const [shardId, { readUpTo }] of stream.shards) {
          // Of a shard of which nothing was saved nobody can know what it once had. And what was read and published, but not saved,
          // would come out differently once it is gone: retention is longer than a snapshot takes.
          const saved = await savedPosition(this.shelf, shardId)
          const isSaved = saved !== undefined && (saved === 'SHARD_END' || Number(saved) >= readUpTo)
          if (isSaved) stream.trim(shardId, scheduler.now - event.keepsMs)
        }
        return
      case 'nothing':
        return
      default:
        this.#failing.set(event.does, scheduler.now + event.ms)
    }
  }

  #isFailing(fault: Fault): boolean {
    return (this.#failing.get(fault) ?? 0) > this.scheduler.now
  }

  /** Nothing fails any more, everybody who was to come back does, and every shard gets a record that closes all windows. */
  async #calmDown(): Promise<void> {
    const { scheduler } = this
    this.#failing.clear()
    for (const { process } of this.#tasks.values()) {
      if (process === undefined) continue
      process.resume()
      // The kill of a crash sweep may strike whenever.
      if (process.kill !== this.#options.kill) process.kill = undefined
    }
    await scheduler.runUntil(scheduler.now + 4_000)
    const up = [...this.#tasks.values()].filter(({ isStopping, process }) => process !== undefined && !isStopping)
    if (up.length === 0) this.#start(this.#task(0))
    // Without an exchange only a task that has all shards may publish.
    if (this.#exchange === undefined) {
      this.#only = up[0] ?? this.#task(0)
      for (const task of up.slice(1)) this.#stop(task, undefined, 3_000)
    }
    for (const shardId of this.stream.openShards) {
      const time = scheduler.now + 60_000
      const content = { ts: time, inTime: time, k: closingKey, v: 0 }
      this.stream.append(shardId, content, Buffer.from(JSON.stringify(content)), scheduler.now)
    }
  }

  async #stopAll(): Promise<void> {
    const deadline = this.scheduler.now + 20_000
    for (;;) {
      // One that was killed a moment ago may have come back since.
      for (const task of this.#tasks.values()) this.#stop(task, undefined, 5_000)
      if ([...this.#tasks.values()].every(({ process }) => process === undefined)) return
      if (this.scheduler.now > deadline) {
        this.faults.push('a task that was told to stop within 5 s was still there after 20 s')
        return
      }
      await this.scheduler.runUntil(this.scheduler.now + 200)
    }
  }

  #stop(task: Task, backAfterMs: number | undefined, deadlineMs: number): void {
    if (task.process === undefined || task.isStopping) return
    task.isStopping = true
    task.backAfterMs = backAfterMs
    task.process.resume()
    task.service?.stop(deadlineMs).catch((error: unknown) => this.#failed(task, error))
  }

  #start(task: Task): void {
    const { scheduler, history } = this
    const process = new Process({
      task: task.name,
      life: task.lives++,
      seed: history.seed,
      scheduler,
      onDeath: () => this.#died(task, process),
    })
    if (process.name === 't0.0') {
      process.kill = this.#options.kill
      this.#firstLife = process
    }
    task.process = process
    task.service = undefined
    task.isStopping = false
    task.backAfterMs = 1_000
    scheduler.note(`${process.name} starts`)
    this.#live(task, process).then(
      () => process.die('ended'),
      (error: unknown) => {
        if (!process.isAlive) return
        this.#failed(task, error)
        process.die(`failed: ${error instanceof Error ? error.message : String(error)}`)
      },
    )
  }

  #failed(task: Task, error: unknown): void {
    if (error instanceof SnapshotConflictError || error instanceof StoreFailure) return
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.faults.push(`${task.name} failed: ${what}`)
  }

  #died(task: Task, process: Process): void {
    if (task.process !== process) return
    task.process = undefined
    task.service = undefined
    // Who stops as it should may hand its leases over, or leave that to their expiry.
    if (task.isStopping && process.chance(-7).happens(0.7)) this.#releaseLeases(process)
    const { backAfterMs, keepsLeases } = task
    task.isStopping = false
    task.keepsLeases = false
    if (backAfterMs === undefined) return
    this.scheduler.after(backAfterMs, () => {
      if (task.process !== undefined || (this.#only ?? task) !== task) return
      if (keepsLeases) this.#releaseLeases(process)
      this.#start(task)
    })
  }

  #releaseLeases({ name }: Process): void {
    this.leases.releaseAll(name)
    this.#exchange?.leases.releaseAll(name)
  }

  async #live(task: Task, process: Process): Promise<void> {
    const { stream, leases, shelf } = this
    const common = {
      process,
      areReadsFailing: () => this.#isFailing('reads fail'),
      recordsPerRead: 5,
    }
    const sinkFault = () => {
      if (this.#isFailing('sinks are silent')) return 'silent'
      return this.#isFailing('sinks are slow') ? 'slow' : undefined
    }
    const sink = (name: string, to: OutputLine[]) =>
      new WatchedSink(process, name, sinkFault, (line) => {
        this.scheduler.note(`${name} ${line.text}`)
        to.push(line)
      })
    const service = await StreamService.open({
      stream: { name: 'simulated', createdAt: 0 },
      hasLeases: !this.isDirect,
      queries: this.queries.map(({ spec }) => spec),
      store: new FaultyStore(
        process,
        shelf,
        () => this.#isFailing('store fails'),
        () => {},
      ),
      sinks: { panes: sink('panes', this.published), refused: sink('refused', this.refused) },
      deadLetters: sink('dead letters', this.deadLetters),
      source: ({ gate, startAfter }) =>
        this.isDirect
          ? createDirectSource({
              client: simulatedClient({ ...common, stream }),
              streamName: 'simulated',
              startAfter,
              startAt: 'TRIM_HORIZON',
              gate,
              pollIntervalMs: 500,
              listIntervalMs: 5_000,
              timing: process.timing,
              now: () => this.scheduler.now,
              onGap: ({ shardId, after, firstRead }) => this.#noteGap(shardId, Number(after), firstRead),
            })
          : new LeasedSource({ ...common, stream, leases, gate, watch: this.#watch() }),
      snapshotIntervalMs: 1_000,
      now: () => this.scheduler.now,
      timing: process.timing,
      logger: this.#logger(process),
      ...this.#exchangeOf(common),
    })
    task.service = service
    if (task.isStopping) await service.stop(1_000)
    await service.run()
  }

  #exchangeOf(common: {
    readonly process: Process
    readonly areReadsFailing: () => boolean
    readonly recordsPerRead: number
  }) {
    if (this.#exchange === undefined) return {}
    const watch: SourceWatch = { ...this.#watch(), checkpoint: () => {} }
    const areFlawed = () => this.#isFailing('exchange is flawed')
    return { exchange: new ExchangeModel({ ...common, ...this.#exchange, watch }, areFlawed) }
  }

  #logger(process: Process) {
    const note = (level: string) => (fields: object, message: string) => {
      const { err } = fields as { err?: unknown }
      this.scheduler.note(`${process.name} ${level}: ${message} ${err instanceof Error ? err.message : ''}`)
    }
    return { info: note('info'), warn: note('warn'), error: note('error') }
  }

  #watch(): SourceWatch {
    return {
      checkpoint: async (shardId, upTo) => {
        const fault = await unsavedBefore(this.shelf, shardId, upTo)
        if (fault !== undefined) this.faults.push(fault)
      },
      gap: (shardId, after, firstRead) => this.#noteGap(shardId, after, firstRead),
      unfinished: (shardId, count) => {
        if (count > maxCredits) this.faults.push(`${count} batches of ${shardId} were unfinished at a time`)
      },
    }
  }

  /** Whether a record was reported as lost. */
  isInGap(shardId: string, sequence: number): boolean {
    return this.gaps.some((gap) => gap.shardId === shardId && gap.after < sequence && sequence < gap.before)
  }

  #noteGap(shardId: string, after: number, firstRead: string | number | undefined): void {
    this.scheduler.note(`gap ${shardId} after ${after}`)
    const { trimmedUpTo } = this.stream.shards.get(shardId)!
    if (trimmedUpTo < after)
      this.faults.push(`a gap in ${shardId} after ${after} was reported, but nothing was trimmed`)
    this.gaps.push({ shardId, after, before: Number(firstRead ?? trimmedUpTo + 1) })
  }

  #checkMemory(): void {
    for (const service of this.services) {
      const { outboxLines } = service.health()
      if (outboxLines > maxOutboxLines) this.faults.push(`${outboxLines} lines waited for the sinks`)
    }
  }

  /** Of shards that have ended, what is saved; of others, what the task says that holds them. */
  async #readBooks(): Promise<Books> {
    const books = new Map<string, Readonly<Record<string, LaneLedger>>>()
    for (const shardId of this.stream.shards.keys()) {
      const ended = await endedBooks(this.shelf, shardId)
      if (ended !== undefined) books.set(shardId, ended)
    }
    for (const { process, service } of this.#tasks.values()) {
      if (service === undefined) continue
      const { queries } = service.ledger()
      if (this.isDirect) this.leases.sync()
      for (const { shardId, owner } of this.leases.leases.values()) {
        if ((!this.isDirect && owner !== process?.name) || books.has(shardId)) continue
        books.set(
          shardId,
          Object.fromEntries(
            Object.entries(queries).flatMap(([query, { lanes }]) =>
              lanes[shardId] === undefined ? [] : [[query, lanes[shardId]]],
            ),
          ),
        )
      }
    }
    return books
  }
}

export type Books = ReadonlyMap<string, Readonly<Record<string, LaneLedger>>>

/** The key of the records that close all windows. */
export const closingKey = 'closing'
