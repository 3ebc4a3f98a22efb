// A Kinesis stream as its readers see it: shards with ranges of hash keys, records with positions that only grow, splits and
// merges, and retention that takes the oldest records.
import type { StreamRecord } from '../../../stream-service/src/records/record.ts'
import type { KnownShard } from '../../../stream-service/src/sources/shard-source.ts'

/** Hash keys are whole numbers below this. */
export const hashKeys = 65_536

export interface ModelRecord extends StreamRecord {
  readonly sequence: number
  readonly arrivedAt: number
  readonly content: Readonly<Record<string, unknown>>
}

interface ModelShard {
  readonly shardId: string
  readonly parentShardIds: readonly string[]
  readonly from: number
  readonly to: number
  readonly records: ModelRecord[]
  /** Records up to this sequence were taken by retention. */
  trimmedUpTo: number
  /** The greatest sequence that anybody has read. */
  readUpTo: number
  closedAt: number | undefined
}

export interface Read {
  readonly records: readonly ModelRecord[]
  readonly millisBehindLatest: number
  /** Nothing comes after these records. */
  readonly isAtEnd: boolean
}

export class StreamModel {
  readonly shards = new Map<string, ModelShard>()
  readonly #prefix: string
  #sequence = 0

  constructor(shards: number, prefix = 'shardId-') {
    this.#prefix = prefix
    const size = Math.floor(hashKeys / shards)
    for (let i = 0; i < shards; i++) this.#open(i * size, i === shards - 1 ? hashKeys : (i + 1) * size, [])
  }

  #open(from: number, to: number, parentShardIds: readonly string[]): ModelShard {
    const shardId = `${this.#prefix}${String(this.shards.size).padStart(4, '0')}`
    const shard = { shardId, parentShardIds, from, to, records: [], trimmedUpTo: 0, readUpTo: 0, closedAt: undefined }
    this.shards.set(shardId, shard)
    return shard
  }

  get openShards(): string[] {
    return [...this.shards.values()].filter(({ closedAt }) => closedAt === undefined).map(({ shardId }) => shardId)
  }

  /** Puts a record into the open shard whose range has the hash key. */
  put(hashKey: number, content: Readonly<Record<string, unknown>>, now: number): ModelRecord {
    const shard = [...this.shards.values()].find(
      ({ closedAt, from, to }) => closedAt === undefined && from <= hashKey && hashKey < to,
    )!
    return this.append(shard.shardId, content, Buffer.from(JSON.stringify(content)), now)
  }

  append(shardId: string, content: Readonly<Record<string, unknown>>, data: Uint8Array, now: number): ModelRecord {
    const sequence = ++this.#sequence
    const record = { position: String(sequence), sequence, partitionKey: 'p', arrivedAt: now, data, content }
    this.#shard(shardId).records.push(record)
    return record
  }

  /** False when the range is too small. */
  split(shardId: string, now: number): boolean {
    const shard = this.#shard(shardId)
    const middle = (shard.from + shard.to) >> 1
    if (middle - shard.from < 2) return false
    shard.closedAt = now
    this.#open(shard.from, middle, [shardId])
    this.#open(middle, shard.to, [shardId])
    return true
  }

  /** Merges a shard with its right neighbour; false when it has none. */
  merge(shardId: string, now: number): boolean {
    const left = this.#shard(shardId)
    const right = [...this.shards.values()].find((s) => s.closedAt === undefined && s.from === left.to)
    if (right === undefined) return false
    left.closedAt = now
    right.closedAt = now
    this.#open(left.from, right.to, [left.shardId, right.shardId])
    return true
  }

  /** Takes a shard's records that arrived before `time`. */
  trim(shardId: string, time: number): void {
    const shard = this.#shard(shardId)
    for (const { arrivedAt, sequence } of shard.records) {
      if (arrivedAt < time && sequence > shard.trimmedUpTo) shard.trimmedUpTo = sequence
    }
  }

  read(shardId: string, after: number, most: number, now: number): Read {
    const shard = this.#shard(shardId)
    const { records, trimmedUpTo, closedAt } = shard
    const rest = records.filter(({ sequence }) => sequence > after && sequence > trimmedUpTo)
    const taken = rest.slice(0, most)
    const next = rest[taken.length]
    shard.readUpTo = Math.max(shard.readUpTo, taken.at(-1)?.sequence ?? 0)
    return {
      records: taken,
      millisBehindLatest: next === undefined ? 0 : Math.max(1, now - next.arrivedAt),
      isAtEnd: closedAt !== undefined && next === undefined,
    }
  }

  /** Records after a position that retention has taken. */
  trimmedAfter(shardId: string, after: number): readonly ModelRecord[] {
    const { records, trimmedUpTo } = this.#shard(shardId)
    return records.filter(({ sequence }) => sequence > after && sequence <= trimmedUpTo)
  }

  childrenOf(shardId: string): KnownShard[] {
    return [...this.shards.values()].filter(({ parentShardIds }) => parentShardIds.includes(shardId))
  }

  #shard(shardId: string): ModelShard {
    const shard = this.shards.get(shardId)
    if (shard === undefined) throw new Error(`no shard ${shardId}`)
    return shard
  }
}
