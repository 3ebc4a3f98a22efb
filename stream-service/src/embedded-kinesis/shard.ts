// One shard: the part of the hash key space it owns, its records, and its place in the family of shards.
import type { HashKey, HashKeyRange } from './hash-key.ts'
import { hexOf } from './hash-key.ts'
import type { Payload } from './payload.ts'
import { recordBytes } from './payload.ts'
import type { LoggedRecord } from './record-log.ts'
import { RecordLog } from './record-log.ts'
import { SequenceNumbers } from './sequence-number.ts'
import { ShardThroughput } from './throughput.ts'

/** A GetRecords response holds at most this much. Source: "GetRecords", Kinesis API reference. */
const READ_BYTES_MAX = 10 * 1024 * 1024

export interface ShardOrigin {
  /** The shard's number in its stream, from 0, never used twice. */
  readonly index: number
  readonly range: HashKeyRange
  /** None for a first shard, one after a split, two after a merge: the shard to merge first, its neighbour second. */
  readonly parents: readonly Shard[]
  readonly createdAt: number
  /** How many splits and merges the stream had seen when this shard came to be. */
  readonly reshard: number
}

export interface ShardRead {
  readonly records: LoggedRecord[]
  readonly bytes: number
  /** The ordinal at which the next read goes on. */
  readonly next: number
  readonly millisBehindLatest: number
}

export class Shard {
  readonly id: string
  readonly index: number
  readonly range: HashKeyRange
  /** The first hash key, in the form in which records are routed. */
  readonly firstKey: HashKey
  /** Ids, not shards: an expired parent must not be held in memory by its children. */
  readonly parentIds: readonly string[]
  readonly children: Shard[] = []
  readonly createdAt: number
  readonly sequenceNumbers: SequenceNumbers
  readonly throughput = new ShardThroughput()
  readonly #log = new RecordLog()
  #closedAt: number | undefined

  constructor(origin: ShardOrigin) {
    this.id = shardId(origin.index)
    this.index = origin.index
    this.range = origin.range
    this.firstKey = hexOf(origin.range.start)
    this.parentIds = origin.parents.map((parent) => parent.id)
    this.createdAt = origin.createdAt
    this.sequenceNumbers = new SequenceNumbers(origin)
    for (const parent of origin.parents) parent.children.push(this)
  }

  /** When a split or merge ended this shard; undefined while it takes records. */
  get closedAt(): number | undefined {
    return this.#closedAt
  }

  get isOpen(): boolean {
    return this.#closedAt === undefined
  }

  /** A closed shard whose every record is past retention no longer exists. */
  isExpired(horizon: number): boolean {
    return this.#closedAt !== undefined && this.#closedAt < horizon
  }

  get startingSequenceNumber(): string {
    return this.sequenceNumbers.of(0)
  }

  /** Greater than the last record's and less than any child's; undefined while the shard is open. */
  get endingSequenceNumber(): string | undefined {
    return this.isOpen ? undefined : this.sequenceNumbers.of(this.#log.next)
  }

  append(now: number, partitionKey: string, payload: Payload): string {
    return this.sequenceNumbers.of(this.#log.append(Math.max(now, this.createdAt), partitionKey, payload))
  }

  close(now: number): void {
    this.#closedAt = now
  }

  trimBefore(horizon: number): void {
    this.#log.trimBefore(horizon)
  }

  /** The ordinal that the next record would get: what LATEST means. */
  get latest(): number {
    return this.#log.next
  }

  /** The ordinal of the first record that arrived at or after `at`, or `latest`. */
  firstArrivedFrom(at: number): number {
    return this.#log.firstArrivedFrom(at)
  }

  /**
   * Reads from an ordinal on: at most `limit` records, and at most 10 MiB, though never less than one record when there
   * is one. A place that was trimmed meanwhile continues at the trim horizon, as in AWS.
   */
  read(from: number, limit: number, now: number): ShardRead {
    const log = this.#log
    const records: LoggedRecord[] = []
    let next = Math.max(from, log.first)
    let bytes = 0
    while (next < log.next && records.length < limit) {
      const record = log.at(next)
      const size = recordBytes(record.payload, record.partitionKey)
      if (records.length > 0 && bytes + size > READ_BYTES_MAX) break
      records.push(record)
      bytes += size
      next++
    }
    return {
      records,
      bytes,
      next,
      millisBehindLatest: this.#millisBehindLatest(next, now),
    }
  }

  /** True when no read from `ordinal` on can ever return a record. */
  endsAt(ordinal: number): boolean {
    return !this.isOpen && ordinal >= this.#log.next
  }

  /** 0 only when nothing is left to read: readers take 0 as "caught up", even within one millisecond of a put. */
  #millisBehindLatest(next: number, now: number): number {
    if (next >= this.#log.next) return 0
    return Math.max(1, now - this.#log.arrivedAt(next))
  }
}

function shardId(index: number): string {
  return `shardId-${String(index).padStart(12, '0')}`
}
