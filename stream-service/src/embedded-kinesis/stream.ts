// One stream: its shards, open and closed, and how they split and merge.
//
//   open:   [ 0 ........ 2 ][ 5 ..... 3 ]        sorted by hash key, together the whole space, no overlap
//   closed: 1 -> 2, 3    4 -> ...                kept until retention has passed since they were closed
//
// Every change of shards goes through `split` and `merge`, uniform scaling too, so a shard has one parent or two, never
// more, as in AWS.
import type { HashKey, HashKeyRange } from './hash-key.ts'
import { uniformRanges } from './hash-key.ts'
import { Shard } from './shard.ts'

/** The account in ARNs and messages; there is only one. */
export const ACCOUNT = '000000000000'
const HOUR_MS = 3_600_000
const DEFAULT_RETENTION_HOURS = 24

export interface StreamOrigin {
  readonly name: string
  readonly region: string
  readonly createdAt: number
  readonly shardCount: number
  readonly mode: 'PROVISIONED' | 'ON_DEMAND'
  readonly maxRecordKiB: number
  /** Overrides the retention in hours, so that a long run in memory stays small. */
  readonly retentionMs: number | undefined
}

export class Stream {
  readonly name: string
  readonly arn: string
  /** How messages name the stream, as the service does. */
  readonly label: string
  readonly createdAt: number
  readonly mode: 'PROVISIONED' | 'ON_DEMAND'
  readonly tags = new Map<string, string>()
  maxRecordKiB: number
  retentionHours = DEFAULT_RETENTION_HOURS
  readonly #retentionMs: number | undefined
  readonly #shards = new Map<string, Shard>()
  /** Sorted by hash key. */
  #open: Shard[]
  #shardsMade = 0
  #reshards = 0

  constructor(origin: StreamOrigin) {
    this.name = origin.name
    this.arn = `arn:aws:kinesis:${origin.region}:${ACCOUNT}:stream/${origin.name}`
    this.label = `stream ${origin.name} under account ${ACCOUNT}`
    this.createdAt = origin.createdAt
    this.mode = origin.mode
    this.maxRecordKiB = origin.maxRecordKiB
    this.#retentionMs = origin.retentionMs
    this.#open = uniformRanges(origin.shardCount).map((range) => this.#addShard(range, [], origin.createdAt))
  }

  get openShards(): readonly Shard[] {
    return this.#open
  }

  /** All shards that still exist, in the order of their ids. */
  shards(now: number): Shard[] {
    this.trim(now)
    return [...this.#shards.values()]
  }

  /** The shard of that id with its expired records gone; undefined when it never was or is expired itself. */
  shard(id: string, now: number): Shard | undefined {
    const shard = this.#shards.get(id)
    if (shard === undefined || shard.isExpired(this.trimHorizon(now))) return undefined
    shard.trimBefore(this.trimHorizon(now))
    return shard
  }

  /** The open shard that owns a hash key. */
  shardOf(key: HashKey): Shard {
    const open = this.#open
    let low = 0
    let high = open.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (open[middle]!.firstKey <= key) low = middle
      else high = middle - 1
    }
    return open[low]!
  }

  /** Records that arrived before this instant are gone. */
  trimHorizon(now: number): number {
    return now - (this.#retentionMs ?? this.retentionHours * HOUR_MS)
  }

  /** Forgets expired records and shards everywhere. Calls trim what they touch; this is for shards nobody touches. */
  trim(now: number): void {
    const horizon = this.trimHorizon(now)
    for (const shard of this.#shards.values()) {
      shard.trimBefore(horizon)
      if (shard.isExpired(horizon)) this.#shards.delete(shard.id)
    }
  }

  /** Closes a shard; its children are `[start, at - 1]` and `[at, end]`. The caller has checked that both exist. */
  split(shard: Shard, at: bigint, now: number): void {
    const ranges = [
      { start: shard.range.start, end: at - 1n },
      { start: at, end: shard.range.end },
    ]
    this.#replace([shard], ranges, now)
  }

  /** Closes two adjacent shards; their child has both ranges, and its parents are in the order of the arguments. */
  merge(shard: Shard, adjacent: Shard, now: number): void {
    const [low, high] = shard.range.start < adjacent.range.start ? [shard, adjacent] : [adjacent, shard]
    this.#replace([shard, adjacent], [{ start: low.range.start, end: high.range.end }], now)
  }

  /**
   * Makes `count` shards of equal width: first splits at every new boundary, then merges what lies within one new range.
   * Like AWS it leaves short-lived empty shards in between when one count is no multiple of the other.
   */
  scaleUniformly(count: number, now: number): void {
    const ranges = uniformRanges(count)
    for (const { start } of ranges) {
      const owner = this.#open.find((shard) => shard.range.start <= start && start <= shard.range.end)!
      if (owner.range.start !== start) this.split(owner, start, now)
    }
    for (const range of ranges) {
      const within = () =>
        this.#open.filter((shard) => shard.range.start >= range.start && shard.range.end <= range.end)
      for (let parts = within(); parts.length > 1; parts = within()) this.merge(parts[0]!, parts[1]!, now)
    }
  }

  #replace(parents: Shard[], ranges: HashKeyRange[], now: number): void {
    this.#reshards++
    const at = Math.max(now, ...parents.map((parent) => parent.createdAt))
    for (const parent of parents) parent.close(at)
    const children = ranges.map((range) => this.#addShard(range, parents, at))
    this.#open = [...this.#open.filter((shard) => shard.isOpen), ...children].sort((a, b) =>
      a.firstKey < b.firstKey ? -1 : 1,
    )
  }

  #addShard(range: HashKeyRange, parents: Shard[], createdAt: number): Shard {
    const shard = new Shard({
      index: this.#shardsMade++,
      range,
      parents,
      createdAt,
      reshard: this.#reshards,
    })
    this.#shards.set(shard.id, shard)
    return shard
  }
}
