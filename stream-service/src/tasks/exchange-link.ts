// What ties this process to the exchange: what lanes here give is put on it, and the partitions held here are read from it.
import { filter } from 'rxjs'
import type { Exchange } from '../exchange/exchange.ts'
import { decodeMessages } from '../exchange/message-codec.ts'
import type { CreditGate } from '../operators/credit-gate.ts'
import type { ShardHandler } from '../operators/process-shards.ts'
import { comparePositions, type StreamRecord } from '../records/record.ts'
import type { RecordBatch, ReleaseReason, ShardSession } from '../sources/shard-source.ts'
import type { LaneTask } from './lane-task.ts'
import type { MergeTask } from './merge-task.ts'
import type { Merges } from './merges.ts'
import { recordsOf } from './message-records.ts'
import type { ServiceLogger } from './service-logger.ts'

export interface ExchangeLinkOptions {
  readonly exchange: Exchange
  readonly merges: Merges
  /** The gate of a partition's newest session. */
  readonly gateOf: (shardId: string) => CreditGate
  /** The service is about to end, and goes on with what it holds until then. */
  readonly isEnding: () => boolean
  readonly now: () => number
  readonly logger: ServiceLogger
  /** Nothing is put any more once it aborts. */
  readonly signal: AbortSignal
  readonly onFailure: (error: unknown) => void
  readonly onProgress: () => void
}

export class ExchangeLink {
  readonly #options: ExchangeLinkOptions
  readonly #gates = new WeakMap<ShardSession, CreditGate>()
  /** What is being put, by lane and partition. */
  readonly #puts = new Map<LaneTask, Set<number>>()

  constructor(options: ExchangeLinkOptions) {
    this.#options = options
  }

  /** Puts what a lane has given, if it is not being done already. */
  forward(task: LaneTask): void {
    const { exchange, onFailure, signal } = this.#options
    if (signal.aborted) return
    let busy = this.#puts.get(task)
    if (busy === undefined) {
      busy = new Set()
      this.#puts.set(task, busy)
    }
    for (let partition = 0; partition < exchange.partitions; partition++) {
      if (busy.has(partition)) continue
      busy.add(partition)
      this.#forward(task, partition)
        .catch((error: unknown) => {
          // What was not put stays in the lane's snapshot.
          task.messages.rewind(partition)
          if (!signal.aborted) onFailure(error)
        })
        .finally(() => {
          busy.delete(partition)
          if (busy.size === 0) this.#puts.delete(task)
        })
    }
  }

  async #forward(task: LaneTask, partition: number): Promise<void> {
    const { exchange, signal } = this.#options
    for (;;) {
      const messages = task.messages.handOut(partition)
      if (messages.length === 0) return
      const upTo = task.messages.handedOut(partition)
      await exchange.put(partition, task.shardId, recordsOf(messages), signal)
      task.accepted(partition, upTo)
    }
  }

  readonly handler: ShardHandler = {
    opened: async (session) => {
      const { exchange, merges, gateOf } = this.#options
      this.#gates.set(session, gateOf(session.shardId))
      await merges.open(exchange.partitionOf(session.shardId), session)
    },
    batch: (session, batch) => this.#take(session, batch),
    released: (session, reason) => this.#released(session, reason),
    abandoned: (session) => this.#options.merges.abandoned.pipe(filter((abandoned) => abandoned === session)),
  }

  async #take(session: ShardSession, { records }: RecordBatch): Promise<void> {
    const { now, signal, merges, onProgress } = this.#options
    const task = merges.taskOf(session)
    try {
      // It was claimed by another task: what comes is that task's.
      if (task === undefined) return
      for (const record of records) this.#takeRecord(task, record)
      task.tick(now())
      onProgress()
      if (!signal.aborted) await task.room()
    } finally {
      this.#gates.get(session)!.give()
    }
  }

  #takeRecord(task: MergeTask, { position, data }: StreamRecord): void {
    if (task.position !== undefined && comparePositions(position, task.position) <= 0) return
    const messages = decodeMessages(data)
    if (typeof messages === 'string') {
      this.#options.logger.error(
        { partition: task.partition, position, fault: messages },
        'a record of the exchange is passed over',
      )
    } else {
      // A message before which others are missing comes again, after those.
      task.take(messages)
    }
    task.position = position
  }

  async #released(session: ShardSession, reason: ReleaseReason): Promise<void> {
    const { merges, logger, isEnding } = this.#options
    const task = merges.taskOf(session)
    if (task === undefined) return
    logger.info({ partition: task.partition, reason }, 'a partition was released')
    if (reason === 'shard-end') throw new Error('the exchange stream was resharded; its partitions have to stay')
    if (reason === 'shutdown') {
      await merges.saveOne(task)
      if (isEnding()) return
    }
    // Another task goes on with it, while this one goes on without.
    merges.forget(task)
  }
}
