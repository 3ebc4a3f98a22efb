// A source of shards for one process of several, over the model of leases: sessions come and go with the leases. Children of a
// shard are handed out, to whichever process, when the ends of all its parents are checkpointed.
import { Observable, type Subscriber } from 'rxjs'
import type { CreditGate } from '../../../stream-service/src/operators/credit-gate.ts'
import type { Position } from '../../../stream-service/src/records/record.ts'
import type {
  KnownShard,
  RecordBatch,
  ReleaseReason,
  ShardSession,
  ShardSource,
} from '../../../stream-service/src/sources/shard-source.ts'
import type { LeaseTable } from './leases.ts'
import type { Process } from './process.ts'
import type { Read, StreamModel } from './stream-model.ts'

export interface LeasedSourceOptions {
  readonly process: Process
  readonly stream: StreamModel
  readonly leases: LeaseTable
  readonly gate: (shardId: string) => CreditGate
  readonly watch: SourceWatch
  /** Whether reads fail at the moment. */
  readonly areReadsFailing: () => boolean
  readonly recordsPerRead: number
}

/** What the world wants to know of readers. */
export interface SourceWatch {
  /** Called at the moment of a checkpoint. */
  checkpoint(shardId: string, upTo: Position | 'SHARD_END'): Promise<void> | void
  gap(shardId: string, after: number, firstRead: number | undefined): void
  /** Batches of a shard that were handed out and whose credit was not given back. */
  unfinished(shardId: string, count: number): void
}

const turnMs = 1_000
const pollMs = 500
/** How long a shard that is wanted by another may take to be saved. */
const handoverMs = 3_000

export class LeasedSource implements ShardSource {
  readonly #options: LeasedSourceOptions
  readonly #sessions = new Map<string, LeasedSession>()
  readonly #stop = new AbortController()
  readonly #known = Promise.withResolvers<readonly KnownShard[]>()
  readonly initialShards = this.#known.promise
  #open: readonly KnownShard[] = []
  #wakeTurn: (() => void) | undefined

  constructor(options: LeasedSourceOptions) {
    this.#options = options
    this.initialShards.catch(() => {})
    void this.#turns()
  }

  #subscriber: Subscriber<ShardSession> | undefined

  openShards(): readonly KnownShard[] {
    return this.#open
  }

  shards(): Observable<ShardSession> {
    return new Observable((subscriber) => {
      this.#subscriber = subscriber
      if (this.#stop.signal.aborted) subscriber.complete()
      this.#wakeTurn?.()
      return () => void this.stop()
    })
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('stopped'))
    await Promise.all([...this.#sessions.values()].map((session) => session.over('shutdown')))
    this.#subscriber?.complete()
  }

  async #turns(): Promise<void> {
    const { process, leases } = this.#options
    const { signal } = this.#stop
    try {
      for (let isFirst = true; ; isFirst = false) {
        // Until somebody subscribes there is nobody to give sessions to.
        const takes = this.#subscriber !== undefined
        const held = new Set(this.#sessions.keys())
        const turn = await process.operate(
          'leases',
          () => {
            if (takes) return leases.turn(process.name, held, process.scheduler.now)
            leases.sync()
            return { lost: [], gained: [], wanted: [], open: leases.open() }
          },
          { signal },
        )
        this.#open = turn.open
        if (isFirst) this.#known.resolve(turn.open)
        for (const shardId of turn.lost) this.#lose(shardId, this.#sessions.get(shardId))
        for (const shardId of turn.wanted) void this.#handOver(shardId)
        for (const { shardId, checkpoint } of turn.gained) {
          this.#handOut(shardId, checkpoint === 'TRIM_HORIZON' ? undefined : checkpoint)
        }
        await this.#untilNextTurn(takes ? turnMs : 20)
      }
    } catch (error) {
      if (!signal.aborted) throw error
      this.#known.resolve([])
    }
  }

  async #untilNextTurn(ms: number): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wakeTurn = resolve
    })
    await Promise.race([this.#options.process.timing.sleep(ms, this.#stop.signal), woken])
  }

  #handOut(shardId: string, startAfter: Position | undefined): void {
    const { process, leases, watch, stream } = this.#options
    const session = new LeasedSession({
      ...this.#options,
      shardId,
      parentShardIds: stream.shards.get(shardId)!.parentShardIds,
      startAfter,
      atEnd: (children) => {
        this.#open = [
          ...this.#open,
          ...children.filter((child) => !this.#open.some((o) => o.shardId === child.shardId)),
        ]
      },
      lost: () => this.#lose(shardId, session),
      // Who does not want to read any more lets go of the lease; whoever takes it begins at the checkpoint.
      unsubscribed: () => {
        if (!this.#drop(shardId, session)) return
        void process.operate(`release ${shardId}`, () => leases.release(process.name, shardId))
      },
      checkpointed: (upTo) => {
        if (upTo !== 'SHARD_END') return
        this.#drop(shardId, session)
        this.#open = this.#open.filter((shard) => shard.shardId !== shardId)
        this.#wakeTurn?.()
      },
      checkpoint: (upTo) =>
        process.operate(`checkpoint ${shardId} ${upTo}`, async () => {
          await watch.checkpoint(shardId, upTo)
          return leases.checkpoint(process.name, shardId, upTo)
        }),
      left: (reason) => {
        // Until the end is checkpointed the shard is this process's.
        if (reason === 'shutdown' && this.#stop.signal.aborted) return
        if (reason === 'lease-lost') this.#drop(shardId, session)
      },
    })
    this.#sessions.set(shardId, session)
    this.#subscriber?.next(session)
  }

  #lose(shardId: string, session: LeasedSession | undefined): void {
    if (session === undefined) return
    this.#drop(shardId, session)
    void session.over('lease-lost')
  }

  /** False when the session is not the one that holds the shard. */
  #drop(shardId: string, session: LeasedSession): boolean {
    if (this.#sessions.get(shardId) !== session) return false
    this.#sessions.delete(shardId)
    return true
  }

  /** Ends one session as at a shutdown, and gives the lease away once the session is checkpointed, or after a while. */
  async #handOver(shardId: string): Promise<void> {
    const { process, leases } = this.#options
    const session = this.#sessions.get(shardId)
    if (session === undefined || session.isOver) return
    await session.over('shutdown')
    await Promise.race([process.timing.sleep(handoverMs), session.isCheckpointed])
    this.#drop(shardId, session)
    await process.operate(`release ${shardId}`, () => leases.release(process.name, shardId))
  }
}

interface SessionOptions extends LeasedSourceOptions {
  readonly shardId: string
  readonly parentShardIds: readonly string[]
  readonly startAfter: Position | undefined
  atEnd(children: readonly KnownShard[]): void
  lost(): void
  unsubscribed(): void
  checkpoint(upTo: Position | 'SHARD_END'): Promise<boolean>
  checkpointed(upTo: Position | 'SHARD_END'): void
  left(reason: ReleaseReason): void
}

class LeasedSession implements ShardSession {
  readonly shardId: string
  readonly parentShardIds: readonly string[]
  readonly startAfter: Position | undefined
  readonly batches: Observable<RecordBatch>
  readonly released: Promise<ReleaseReason>
  readonly isCheckpointed: Promise<void>
  readonly #options: SessionOptions
  readonly #release: (reason: ReleaseReason) => void
  readonly #noteCheckpoint: () => void
  readonly #end = new AbortController()
  readonly #gate: Pick<CreditGate, 'take' | 'give'>
  #subscriber: Subscriber<RecordBatch> | undefined
  #reason: ReleaseReason | undefined

  constructor(options: SessionOptions) {
    this.#options = options
    this.shardId = options.shardId
    this.parentShardIds = options.parentShardIds
    this.startAfter = options.startAfter
    const { shardId, watch } = options
    this.#gate = counted(options.gate(shardId), (count) => watch.unfinished(shardId, count))
    const released = Promise.withResolvers<ReleaseReason>()
    this.released = released.promise
    this.#release = released.resolve
    const checkpointed = Promise.withResolvers<void>()
    this.isCheckpointed = checkpointed.promise
    this.#noteCheckpoint = checkpointed.resolve
    this.batches = new Observable((subscriber) => {
      this.#subscriber = subscriber
      if (this.isOver) subscriber.complete()
      else void this.#read(subscriber)
      return () => this.abandon()
    })
  }

  /** Gives the lease up; even if nobody ever read the shard here. */
  abandon(): void {
    this.#end.abort(new Error('unsubscribed'))
    if (!this.isOver) this.#options.unsubscribed()
  }

  get isOver(): boolean {
    return this.#reason !== undefined
  }

  async checkpoint(upTo: Position | 'SHARD_END'): Promise<void> {
    const isOwner = await this.#options.checkpoint(upTo)
    if (!isOwner) {
      this.#options.lost()
      return
    }
    if (this.#reason === 'shutdown') this.#noteCheckpoint()
    this.#options.checkpointed(upTo)
  }

  /** Resolves when the batch that was under way is handed out or given up. */
  async over(reason: ReleaseReason): Promise<void> {
    if (this.isOver) return
    this.#reason = reason
    this.#end.abort(new Error(reason))
    this.#subscriber?.complete()
    this.#options.left(reason)
    this.#release(reason)
  }

  async #read(subscriber: Subscriber<RecordBatch>): Promise<void> {
    const { process, stream, recordsPerRead } = this.#options
    const gate = this.#gate
    const { signal } = this.#end
    let after = Number(this.startAfter ?? 0)
    try {
      for (;;) {
        await gate.take(signal)
        let read: Read
        try {
          read = await this.#readOnce(after, signal)
        } catch (error) {
          gate.give()
          throw error
        }
        const { records, millisBehindLatest, isAtEnd } = read
        after = records.at(-1)?.sequence ?? after
        if (records.length > 0 || !isAtEnd) subscriber.next({ records, millisBehindLatest })
        else gate.give()
        if (isAtEnd) break
        if (records.length < recordsPerRead) await process.timing.sleep(pollMs, signal)
      }
      this.#options.atEnd(stream.childrenOf(this.shardId))
      void this.over('shard-end')
    } catch (error) {
      if (!signal.aborted) subscriber.error(error)
    }
  }

  async #readOnce(after: number, signal: AbortSignal): Promise<Read> {
    const { process, stream, shardId, watch, areReadsFailing, recordsPerRead } = this.#options
    for (;;) {
      try {
        return await process.operate(
          `read ${shardId} after ${after}`,
          () => {
            const chance = process.chance(2e6 + process.operations)
            if (areReadsFailing() && chance.happens(0.6)) throw new Throttled()
            const lost = stream.trimmedAfter(shardId, after)
            const read = stream.read(shardId, after, chance.between(1, recordsPerRead), process.scheduler.now)
            // Now and then a read comes back empty although there is more.
            if (!read.isAtEnd && read.records.length > 0 && chance.happens(0.05)) {
              return { records: [], millisBehindLatest: 1_000, isAtEnd: false }
            }
            if (lost.length > 0) watch.gap(shardId, after, read.records[0]?.sequence)
            return read
          },
          { signal },
        )
      } catch (error) {
        if (!(error instanceof Throttled)) throw error
        await process.timing.sleep(400, signal)
      }
    }
  }
}

/** Throttled, an expired iterator, a connection that broke: the reader sits it out. */
class Throttled extends Error {}

/** Tells how many credits are out whenever one is taken. */
function counted(gate: CreditGate, tell: (count: number) => void): Pick<CreditGate, 'take' | 'give'> {
  return {
    take: async (signal) => {
      await gate.take(signal)
      outOf(gate).count++
      tell(outOf(gate).count)
    },
    give: () => gate.give(),
  }
}

const out = new WeakMap<CreditGate, { count: number }>()

/** The first look at a gate makes it count what is given back, whoever gives it. */
function outOf(gate: CreditGate): { count: number } {
  let known = out.get(gate)
  if (known === undefined) {
    const fresh = { count: 0 }
    const give = gate.give.bind(gate)
    gate.give = () => {
      fresh.count--
      give()
    }
    out.set(gate, fresh)
    known = fresh
  }
  return known
}
