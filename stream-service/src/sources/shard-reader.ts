// Reads one shard from a place to its end with GetRecords: keeps the service's pace, takes a credit before each read,
// sits out throttling and network failures, and renews the iterator when it has expired.
//
// One idea carries resuming: an iterator is always made AT the last record that was read, whose copy is then dropped. If
// it does not come first, it was trimmed by retention, and what followed it may have gone too: a gap.
import {
  type ChildShard,
  GetRecordsCommand,
  type GetRecordsCommandOutput,
  GetShardIteratorCommand,
  type GetShardIteratorCommandInput,
  type KinesisClient,
  type _Record as KinesisRecord,
} from '@aws-sdk/client-kinesis'
import { AwsError, awsRetryReason, toAwsError } from '@millrace/shared/errors'
import { backoffDelayMs, type Timing } from '@millrace/shared/retry'
import type { CreditGate } from '../operators/credit-gate.ts'
import { comparePositions, type Position, type StreamRecord } from '../records/record.ts'
import type { ShardStart } from './shard-lineage.ts'
import type { RecordBatch } from './shard-source.ts'

/** Records that retention took before they were read. */
export interface Gap {
  readonly shardId: string
  /** The last position that was read; what is missing came after it. */
  readonly after: Position
  /** The first record after the gap; undefined when the shard has nothing more. */
  readonly firstRead: Position | undefined
  readonly firstArrivedAt: number | undefined
}

/** pino has this shape. */
export interface SourceLogger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export interface ShardReaderOptions {
  readonly client: KinesisClient
  readonly streamName: string
  readonly endpoint: string | undefined
  readonly shardId: string
  readonly start: ShardStart
  readonly gate: CreditGate
  /** The wait between reads of a shard that has nothing more for the moment. */
  readonly pollIntervalMs: number
  readonly readsPerSecond: number
  readonly recordsPerRead: number
  readonly timing: Timing
  /** The wall clock, epoch milliseconds. */
  now(): number
  readonly logger: SourceLogger
  onGap(gap: Gap): void
}

export interface ShardEnd {
  /** As the last read told them; empty where the service does not. */
  readonly children: readonly ChildShard[]
}

/**
 * Yields the shard's records batch by batch, empty reads too, and returns at its end. Each batch carries one credit of
 * the gate, which the consumer gives back. Throws the signal's reason when it aborts, and an `AwsError` when the shard
 * cannot be read; no record is yielded twice, and none is left out but those reported as a gap.
 */
export async function* readShard(
  options: ShardReaderOptions,
  signal: AbortSignal,
): AsyncGenerator<RecordBatch, ShardEnd, void> {
  const { client, gate, timing } = options
  const cursor = new Cursor(options)
  const pace = new Pace(options.readsPerSecond, timing)
  let iterator: string | undefined
  let failures = 0

  while (true) {
    await gate.take(signal)
    let isDelivered = false
    try {
      let answer: GetRecordsCommandOutput | undefined
      while (answer === undefined) {
        try {
          iterator ??= await openIterator()
          await pace.turn(signal)
          answer = await client.send(
            new GetRecordsCommand({ ShardIterator: iterator, Limit: options.recordsPerRead }),
            { abortSignal: signal },
          )
          failures = 0
        } catch (error) {
          signal.throwIfAborted()
          await recover(error)
        }
      }
      iterator = answer.NextShardIterator ?? undefined
      const isAtEnd = iterator === undefined
      const batch = { records: cursor.accept(answer.Records ?? []), millisBehindLatest: answer.MillisBehindLatest ?? 0 }
      if (isAtEnd) cursor.end()
      if (batch.records.length > 0 || !isAtEnd) {
        signal.throwIfAborted()
        isDelivered = true
        yield batch
      }
      if (isAtEnd) return { children: answer.ChildShards ?? [] }
      if (batch.millisBehindLatest === 0) await timing.sleep(options.pollIntervalMs, signal)
    } finally {
      if (!isDelivered) gate.give()
    }
  }

  async function openIterator(): Promise<string> {
    const request = new GetShardIteratorCommand(cursor.iteratorRequest())
    try {
      const { ShardIterator } = await client.send(request, { abortSignal: signal })
      if (!ShardIterator) throw new AwsError('service-failure', `no iterator came for shard ${options.shardId}`)
      cursor.opened()
      return ShardIterator
    } catch (error) {
      throw cursor.last !== undefined && isForeignPosition(error) ? foreignPosition(options, cursor.last, error) : error
    }
  }

  /** Waits where another attempt is worth it, and throws otherwise. */
  async function recover(error: unknown): Promise<void> {
    const { shardId, streamName, endpoint, logger } = options
    const isExpired = error instanceof Error && error.name === 'ExpiredIteratorException'
    const reason = isExpired ? error.name : awsRetryReason(error)
    if (reason === undefined)
      throw toAwsError(error, { what: `read shard ${shardId} of the stream`, streamName, endpoint })
    failures++
    if (isExpired) {
      iterator = undefined
      // A new iterator is good at once. Only one that expires again and again is a failure worth waiting for.
      if (failures === 1) {
        logger.info(
          { shardId, after: cursor.last },
          'the shard iterator has expired; a new one begins at the last record',
        )
        return
      }
    }
    const delayMs = backoffDelayMs(failures - 1, readBackoff, timing.random)
    // Every failure of a long outage would fill the log; powers of two tell its length as well.
    if (Number.isInteger(Math.log2(failures))) {
      logger.warn({ shardId, failures, delayMs, reason }, 'reading a shard failed; trying again')
    }
    await timing.sleep(delayMs, signal)
  }
}

const readBackoff = { baseMs: 400, capMs: 10_000 }

function isForeignPosition(error: unknown): boolean {
  return error instanceof Error && error.name === 'InvalidArgumentException'
}

function foreignPosition({ shardId, streamName }: ShardReaderOptions, position: Position, cause: unknown): AwsError {
  return new AwsError(
    'foreign-position',
    `Could not continue shard ${shardId} of the stream "${streamName}" after ${position}: the stream does not know that ` +
      'position. It was probably deleted and made again; remove the saved state to begin anew.',
    { cause },
  )
}

/** Where a shard's reading stands, which iterator continues it, and which records are new. */
class Cursor {
  readonly #options: ShardReaderOptions
  /** The last record that was read, or the position to start after. */
  last: Position | undefined
  /** That position came from outside, and has not been seen in the stream yet. */
  #isUnconfirmed: boolean
  /** When the first iterator was made: LATEST means then, not later. */
  #openedAt: number | undefined

  constructor(options: ShardReaderOptions) {
    this.#options = options
    this.last = options.start.from === 'after' ? options.start.position : undefined
    this.#isUnconfirmed = this.last !== undefined
  }

  iteratorRequest(): GetShardIteratorCommandInput {
    const { streamName, shardId, start } = this.#options
    const shard = { StreamName: streamName, ShardId: shardId }
    if (this.last !== undefined) {
      this.#isUnconfirmed = true
      return { ...shard, ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: sequenceNumberOf(this.last) }
    }
    if (start.from === 'time') return { ...shard, ShardIteratorType: 'AT_TIMESTAMP', Timestamp: start.at }
    if (start.from !== 'latest') return { ...shard, ShardIteratorType: 'TRIM_HORIZON' }
    if (this.#openedAt === undefined) return { ...shard, ShardIteratorType: 'LATEST' }
    // The first iterator expired before any record came; LATEST again would pass over what arrived since.
    return { ...shard, ShardIteratorType: 'AT_TIMESTAMP', Timestamp: new Date(this.#openedAt) }
  }

  opened(): void {
    this.#openedAt ??= this.#options.now()
  }

  /** The records that are new, in order. */
  accept(records: readonly KinesisRecord[]): StreamRecord[] {
    const first = records[0]
    if (first === undefined) return []
    if (this.#isUnconfirmed) {
      this.#isUnconfirmed = false
      const isThere = compareSequenceNumbers(first.SequenceNumber ?? '', this.last ?? '') <= 0
      if (!isThere) this.#reportGap(first)
    }
    const fresh = records.filter((record) => this.#isNew(record.SequenceNumber ?? '')).map(toStreamRecord)
    this.last = records.at(-1)?.SequenceNumber ?? this.last
    return fresh
  }

  /** The shard is at its end: a position that never showed up was trimmed, with everything after it. */
  end(): void {
    if (this.#isUnconfirmed) this.#reportGap(undefined)
  }

  /** A position inside an aggregated record wants that record again: its rest has not been read. */
  #isNew(sequenceNumber: string): boolean {
    if (this.last === undefined) return true
    const order = compareSequenceNumbers(sequenceNumber, this.last)
    return order > 0 || (order === 0 && this.last.includes(':'))
  }

  #reportGap(first: KinesisRecord | undefined): void {
    const { shardId, onGap } = this.#options
    onGap({
      shardId,
      after: this.last ?? '',
      firstRead: first?.SequenceNumber,
      firstArrivedAt: first?.ApproximateArrivalTimestamp?.getTime(),
    })
  }
}

function sequenceNumberOf(position: Position): string {
  return position.split(':', 1)[0] ?? position
}

function compareSequenceNumbers(a: Position, b: Position): number {
  return comparePositions(sequenceNumberOf(a), sequenceNumberOf(b))
}

function toStreamRecord(record: KinesisRecord): StreamRecord {
  return {
    position: record.SequenceNumber ?? '',
    partitionKey: record.PartitionKey ?? '',
    arrivedAt: record.ApproximateArrivalTimestamp?.getTime(),
    data: record.Data ?? new Uint8Array(),
  }
}

/** At most so many turns in any second: Kinesis gives each shard five reads a second, shared by all its readers. */
class Pace {
  readonly #perSecond: number
  readonly #timing: Timing
  readonly #turns: number[] = []

  constructor(perSecond: number, timing: Timing) {
    this.#perSecond = perSecond
    this.#timing = timing
  }

  async turn(signal: AbortSignal): Promise<void> {
    const oldest = this.#turns.length < this.#perSecond ? undefined : this.#turns.shift()
    if (oldest !== undefined) {
      const waitMs = oldest + 1_000 - this.#timing.now()
      if (waitMs > 0) await this.#timing.sleep(waitMs, signal)
    }
    this.#turns.push(this.#timing.now())
  }
}
