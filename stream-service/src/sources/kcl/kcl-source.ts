// Shards as the Kinesis Client Library leases them to this task. The library is Java's; its MultiLangDaemon runs as a child
// of the service and starts a small relay for each shard it holds, which connects to the service's socket:
//
//   Kinesis -> daemon (one JVM) -> relay per shard -> one Unix socket -> a conversation and a session per shard
//                  \-> DynamoDB: leases and checkpoints
//
// Sessions come and go with the leases. Whatever goes wrong between the daemon and the service, a killed relay or a broken
// line, ends the daemon and starts it again: within seconds all shards are back, each after its checkpoint.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KinesisClient } from '@aws-sdk/client-kinesis'
import { systemTiming, type Timing } from '@millrace/shared/retry'
import { Observable, type Subscriber } from 'rxjs'
import type { CreditGate } from '../../operators/credit-gate.ts'
import type { Position } from '../../records/record.ts'
import { type ListShardsOptions, listShardPages, listShards } from '../list-shards.ts'
import type { ListedShard, StartAfter, StartAt } from '../shard-lineage.ts'
import type { Gap, SourceLogger } from '../shard-reader.ts'
import type { KnownShard, ShardSession, ShardSource } from '../shard-source.ts'
import { Conversation } from './conversation.ts'
import { findGap } from './gap-check.ts'
import { KclSession } from './kcl-session.ts'
import { KnownShards } from './known-shards.ts'
import type { Lease, ListShardsAt, SharedStart } from './lease-table.ts'

export interface KclSourceOptions {
  readonly client: KinesisClient
  readonly streamName: string
  /** For messages: where the client goes. */
  readonly endpoint?: string | undefined
  readonly leases: Leases
  readonly daemon: DaemonMaker
  /** Shards that the consumer has read to their ends are not handed out again; other entries are the consumer's own. */
  readonly startAfter?: StartAfter
  /** Where an application begins that has no leases yet, to the second. LATEST is the moment of its first start. */
  readonly startAt: StartAt
  /** The gate of a shard. The source takes a credit for each batch; the consumer gives it back. */
  gate(shardId: string): CreditGate
  /** How long a consumer may take to finish its batches and checkpoint when a shard is let go. Default 3,000. */
  readonly handoverMs?: number
  /** How often shards and leases are listed, besides at each shard's end. Default 30,000. */
  readonly listIntervalMs?: number
  /** Attempts to list the shards at the start, before giving up with advice. Default 5. */
  readonly startAttempts?: number
  readonly timing?: Timing
  readonly logger?: SourceLogger
  onGap?(gap: Gap): void
}

/** The lease table, as `LeaseTable` does it. */
export interface Leases {
  prepare(startAt: StartAt, listShards: ListShardsAt, signal: AbortSignal): Promise<SharedStart>
  list(signal: AbortSignal): Promise<readonly Lease[]>
  release(signal: AbortSignal): Promise<number>
}

/** Makes the daemon, which is to start relays that connect to the socket. */
export type DaemonMaker = (options: {
  readonly folder: string
  readonly socketPath: string
  readonly start: SharedStart
  onFailure(error: Error): void
}) => SupervisedDaemon

/** The daemon, as `Daemon` does it. */
export interface SupervisedDaemon {
  start(): Promise<void>
  restart(): void
  terminate(): void
  kill(): Promise<void>
}

/**
 * A source that reads the shards that the KCL leases to this task.
 *
 * A shard's session ends with `lease-lost` when another task takes the shard, and when the daemon is started again; the
 * shard may then come back in a new session, after its checkpoint. That new session is handed out when all batches of the
 * one before have been given back. It begins at the checkpoint, so the consumer has to pass over what it knows already.
 * `shutdown` ends a session that may still be checkpointed, until `handoverMs` are over: at `stop`, or when the KCL moves the
 * shard to another task gracefully.
 */
export function createKclSource(options: KclSourceOptions): ShardSource {
  return new KclSource(options)
}

/** A shard's checkpoint that this process has moved itself is not checked for a gap when the shard comes back soon. */
const gapCheckAfterMs = 3_600_000
/** What the daemon may take, beyond the consumer's time, to ask all shards for their shutdown. */
const askMs = 2_000

class KclSource implements ShardSource {
  readonly #options: KclSourceOptions
  readonly #timing: Timing
  readonly #logger: SourceLogger
  readonly #handoverMs: number
  readonly #known: KnownShards
  readonly #sessions = new Set<KclSession>()
  /** Shards that were read to their ends here; each resolves when the consumer has checkpointed it. */
  readonly #ends = new Map<string, PromiseWithResolvers<void>>()
  /** When each shard was last read here. */
  readonly #lastHeld = new Map<string, number>()
  readonly #stop = new AbortController()
  #begun: Promise<readonly KnownShard[]> | undefined
  #daemon: SupervisedDaemon | undefined
  #server: Server | undefined
  #folder: string | undefined
  readonly #sockets = new Set<Socket>()
  #gapChecks: Promise<void> = Promise.resolve()
  #isStopping = false
  #stopped: Promise<void> | undefined
  #isSubscribed = false
  readonly #subscribed = Promise.withResolvers<Subscriber<ShardSession>>()

  constructor(options: KclSourceOptions) {
    this.#options = options
    this.#timing = options.timing ?? systemTiming
    this.#logger = options.logger ?? { info: () => {}, warn: () => {} }
    this.#handoverMs = options.handoverMs ?? 3_000
    const ended = [...(options.startAfter ?? [])].filter(([, position]) => position === 'SHARD_END')
    this.#known = new KnownShards(ended.map(([shardId]) => shardId))
    for (const [shardId] of ended) {
      const end = Promise.withResolvers<void>()
      end.resolve()
      this.#ends.set(shardId, end)
    }
  }

  get initialShards(): Promise<readonly KnownShard[]> {
    if (!this.#begun) {
      this.#begun = this.#begin().catch((error: unknown) => {
        // Stopped before anything was known.
        if (this.#isStopping) return []
        throw error
      })
      // Whoever subscribes to `shards()` hears of a failure; that nobody awaits this promise is no second one.
      this.#begun.catch(() => {})
    }
    return this.#begun
  }

  openShards(): readonly KnownShard[] {
    return this.#known.open()
  }

  shards(): Observable<ShardSession> {
    return new Observable((subscriber) => {
      if (this.#isSubscribed) throw new Error('shards() of a KCL source can be subscribed to once')
      this.#isSubscribed = true
      this.#subscribed.resolve(subscriber)
      this.#watch().catch((error: unknown) => subscriber.error(error))
      return () => void this.stop()
    })
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll()
    return this.#stopped
  }

  async #begin(): Promise<readonly KnownShard[]> {
    const { leases, startAt, startAttempts = 5 } = this.#options
    const { signal } = this.#stop
    this.#known.learnShards(await this.#listShards(startAttempts))
    const start = await leases.prepare(
      startAt,
      (filter) => listShardPages(this.#listing, { ShardFilter: filter }, startAttempts, signal),
      signal,
    )
    this.#known.learnLeases(await leases.list(signal))
    if (!this.#isStopping) await this.#startDaemon(start)
    return this.#known.open()
  }

  async #startDaemon(start: SharedStart): Promise<void> {
    // The path of a Unix socket is limited to about 100 bytes, so it lies where paths are short.
    const folder = mkdtempSync(join(tmpdir(), 'millrace-kcl-'))
    this.#folder = folder
    const socketPath = join(folder, 'shards.sock')
    const server = createServer((socket) => this.#converse(socket))
    this.#server = server
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', reject)
    server.listen(socketPath, resolve)
    await promise
    this.#daemon = this.#options.daemon({ folder, socketPath, start, onFailure: (error) => this.#fail(error) })
    await this.#daemon.start()
  }

  /** Lists shards and leases from time to time, until the source is stopped. */
  async #watch(): Promise<void> {
    const { signal } = this.#stop
    await this.initialShards
    try {
      while (!signal.aborted) {
        await this.#timing.sleep(this.#options.listIntervalMs ?? 30_000, signal)
        await this.#learn()
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  async #learn(): Promise<void> {
    const [shards, leases] = await Promise.all([
      this.#listShards(Number.POSITIVE_INFINITY),
      this.#options.leases.list(this.#stop.signal),
    ])
    this.#known.learnShards(shards)
    this.#known.learnLeases(leases)
  }

  #listShards(maxAttempts: number): Promise<ListedShard[]> {
    return listShards(this.#listing, maxAttempts, this.#stop.signal)
  }

  get #listing(): ListShardsOptions {
    const { client, streamName, endpoint } = this.#options
    return { client, streamName, endpoint, timing: this.#timing, logger: this.#logger }
  }

  /** A relay has connected: the first question says for which shard. */
  #converse(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    let session: KclSession | undefined
    let shardId: string | undefined
    let isOver = false
    const conversation = new Conversation(socket, {
      answer: async (question) => {
        if (question.action === 'initialize') {
          // The daemon is about to go: a shard that begins now would only be lost again.
          if (this.#isStopping) return new Promise(() => {})
          shardId = question.shardId
          if (!this.#ends.has(shardId)) session = await this.#open(shardId, question.startAfter, conversation)
          return
        }
        isOver ||= question.action === 'leaseLost'
        if (session !== undefined) await session.answer(question)
        else if (question.action === 'shardEnded') await this.#repeatEnd(shardId!, conversation)
        isOver ||= question.action === 'shardEnded'
      },
      closed: (error) => {
        if (session !== undefined) this.#over(session)
        if (isOver || this.#isStopping) return
        if (error !== undefined) this.#logger.warn({ shardId, err: error }, 'a conversation with the KCL daemon failed')
        this.#logger.warn({ shardId }, 'a shard was cut off from the KCL daemon, which is started again')
        this.#daemon?.restart()
      },
    })
  }

  async #open(shardId: string, startAfter: Position | undefined, conversation: Conversation): Promise<KclSession> {
    if (!this.#known.has(shardId)) await this.#learn()
    const gate = this.#options.gate(shardId)
    const session = new KclSession({
      shardId,
      parentShardIds: this.#known.parentsOf(shardId),
      startAfter,
      conversation,
      gate,
      handoverMs: this.#handoverMs,
      timing: this.#timing,
      onShardEnd: async () => {
        await this.#learn()
        this.#ends.set(shardId, Promise.withResolvers())
      },
      onEndCheckpointed: () => {
        this.#known.end(shardId)
        this.#ends.get(shardId)?.resolve()
      },
    })
    this.#sessions.add(session)
    if (startAfter !== undefined) this.#checkForGap(shardId, startAfter)
    void this.#handOut(session, gate)
    return session
  }

  /** The shard was at its end before, which the daemon had no time to write down: the consumer is not asked again. */
  async #repeatEnd(shardId: string, conversation: Conversation): Promise<void> {
    await this.#ends.get(shardId)?.promise
    await conversation.checkpoint('SHARD_END')
  }

  /** The consumer must be through with what an earlier session of the shard gave it, or it would see two records at once. */
  async #handOut(session: KclSession, gate: CreditGate): Promise<void> {
    const subscriber = await this.#subscribed.promise
    await gate.home()
    if (session.reason === undefined && !this.#isStopping) subscriber.next(session)
  }

  #over(session: KclSession): void {
    this.#lastHeld.set(session.shardId, this.#timing.now())
    session.closed()
    this.#sessions.delete(session)
  }

  #checkForGap(shardId: string, after: Position): void {
    const heldAt = this.#lastHeld.get(shardId)
    if (heldAt !== undefined && this.#timing.now() - heldAt < gapCheckAfterMs) return
    const { client, streamName, onGap } = this.#options
    // One after the other: the reads of a shard are few, and the daemon wants them.
    this.#gapChecks = this.#gapChecks
      .then(() => findGap({ client, streamName, shardId, after, signal: this.#stop.signal }))
      .then((gap) => gap && onGap?.(gap))
      .catch((error: unknown) => {
        if (this.#isStopping) return
        this.#logger.warn(
          { shardId, after, err: error },
          'whether records were lost to retention could not be found out',
        )
      })
  }

  #fail(error: Error): void {
    void this.#subscribed.promise.then((subscriber) => subscriber.error(error))
  }

  /**
   * Each shard is asked for its shutdown by the daemon; when all have checkpointed, or their time is over, the daemon is
   * killed, and the leases are let go for others to take at once.
   */
  async #stopAll(): Promise<void> {
    this.#isStopping = true
    for (const session of this.#sessions) session.stopReading()
    this.#daemon?.terminate()
    const deadline = new AbortController()
    const late = this.#timing.sleep(this.#handoverMs + askMs, deadline.signal).catch(() => {})
    const sessions = [...this.#sessions]
    const released = Promise.race([Promise.all(sessions.map((session) => session.released)), late])
    void released.then(async () => {
      for (const session of sessions) session.end('shutdown')
      if (this.#isSubscribed) (await this.#subscribed.promise).complete()
    })
    await Promise.race([Promise.all(sessions.map((session) => session.letGo)), late])
    deadline.abort()
    this.#stop.abort()
    await this.#begun?.catch(() => {})
    await this.#daemon?.kill()
    for (const socket of this.#sockets) socket.destroy()
    this.#server?.close()
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true })
    await this.#releaseLeases()
  }

  async #releaseLeases(): Promise<void> {
    if (this.#daemon === undefined) return
    try {
      const leases = await this.#options.leases.release(AbortSignal.timeout(2_000))
      this.#logger.info({ leases }, 'the leases were let go')
    } catch (error) {
      this.#logger.warn({ err: error }, 'the leases could not be let go; other tasks take them when they expire')
    }
  }
}
