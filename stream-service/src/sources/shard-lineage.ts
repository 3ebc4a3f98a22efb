// Which shards may be read, and from where. A stream's shards form a graph: a split has one parent and two children, a
// merge two parents and one child. A child begins only after all its parents are done, so that no record of a partition
// key is seen before an earlier one:
//
//     s1 ──┬─> s2 ──┐
//          └─> s3 ──┴─> s4        s4 waits for s2 and s3, which wait for s1
//
// Pure bookkeeping, no I/O: the direct source asks it what comes next.
import type { Position } from '../records/record.ts'
import type { KnownShard } from './shard-source.ts'

/** Where reading of a stream begins, for shards that nobody has read before. */
export type StartAt = 'TRIM_HORIZON' | 'LATEST' | Date

/** How far earlier runs came: the last position of each shard, or that it was read to its end. */
export type StartAfter = ReadonlyMap<string, Position | 'SHARD_END'>

/** Where reading of one shard begins. */
export type ShardStart =
  | { readonly from: 'after'; readonly position: Position }
  | { readonly from: 'trim-horizon' }
  | { readonly from: 'latest' }
  | { readonly from: 'time'; readonly at: Date }

export interface ListedShard extends KnownShard {
  /** It takes no more records: it was split, merged or is being closed. */
  readonly isClosed: boolean
}

export interface ReadyShard extends KnownShard {
  readonly start: ShardStart
}

interface Node extends ListedShard {
  state: 'waiting' | 'reading' | 'done'
  readonly start: ShardStart
}

export class ShardLineage {
  readonly #nodes = new Map<string, Node>()
  readonly #startAfter: StartAfter
  readonly #startAt: StartAt
  #isStarted = false

  constructor(startAfter: StartAfter, startAt: StartAt) {
    this.#startAfter = startAfter
    this.#startAt = startAt
  }

  /**
   * Takes in what a listing or a shard's end told. The first listing must be whole: it decides which shards were there
   * when reading began (they begin at `startAt`), and all that come later begin at their trim horizon.
   */
  learn(shards: readonly ListedShard[]): void {
    const known = new Map(shards.map((shard) => [shard.shardId, shard]))
    for (const shard of shards) {
      if (this.#nodes.has(shard.shardId)) continue
      const start = this.#isStarted ? this.#startOfLater(shard) : this.#startOfFirst(shard, known)
      this.#nodes.set(shard.shardId, {
        ...shard,
        state: start === 'done' ? 'done' : 'waiting',
        start: start === 'done' ? trimHorizon : start,
      })
    }
    if (!this.#isStarted) this.#skipAncestorsOfRead(known)
    this.#isStarted = true
  }

  /** Drops done shards that the stream has forgotten, so that a stream that is resharded for years stays small here. */
  forgetAllBut(listedIds: ReadonlySet<string>): void {
    for (const [id, node] of this.#nodes) if (node.state === 'done' && !listedIds.has(id)) this.#nodes.delete(id)
  }

  knowsAll(shardIds: readonly string[]): boolean {
    return shardIds.every((id) => this.#nodes.has(id))
  }

  /** The shards that are not done, in the order of listing. */
  open(): KnownShard[] {
    return [...this.#nodes.values()].filter(({ state }) => state !== 'done').map(asKnown)
  }

  /** Takes the shards that may begin: not begun, and with no parent that is still waiting or being read. */
  takeReady(): ReadyShard[] {
    const ready = [...this.#nodes.values()].filter(
      ({ state, parentShardIds }) => state === 'waiting' && parentShardIds.every((id) => this.#isDone(id)),
    )
    for (const node of ready) node.state = 'reading'
    return ready.map((node) => ({ ...asKnown(node), start: node.start }))
  }

  /** The shard was read to its end, and whoever read it is through with it. */
  done(shardId: string): void {
    const node = this.#nodes.get(shardId)
    if (node) node.state = 'done'
  }

  /** Positions of earlier runs in shards that the stream no longer has: what came after them was lost to retention. */
  lostTo(listed: readonly ListedShard[]): Array<{ shardId: string; after: Position }> {
    const accounted = new Set(listed.map(({ shardId }) => shardId))
    // A child that was begun shows that its parents had been read to their ends.
    for (const shard of listed) {
      if (this.#startAfter.has(shard.shardId)) for (const id of shard.parentShardIds) accounted.add(id)
    }
    return [...this.#startAfter].flatMap(([shardId, after]) =>
      after === 'SHARD_END' || accounted.has(shardId) ? [] : [{ shardId, after }],
    )
  }

  /** A parent that the stream no longer lists was trimmed away by retention: nothing is left to wait for. */
  #isDone(shardId: string): boolean {
    const node = this.#nodes.get(shardId)
    return node === undefined || node.state === 'done'
  }

  #startOfLater(shard: ListedShard): ShardStart | 'done' {
    return this.#earlier(shard.shardId) ?? trimHorizon
  }

  #startOfFirst(shard: ListedShard, known: ReadonlyMap<string, ListedShard>): ShardStart | 'done' {
    const earlier = this.#earlier(shard.shardId)
    if (earlier !== undefined) return earlier
    // Its parent was read in an earlier run, so all of it is new.
    if (this.#hasReadAncestor(shard, known)) return trimHorizon
    if (this.#startAt === 'TRIM_HORIZON') return trimHorizon
    if (this.#startAt !== 'LATEST') return { from: 'time', at: this.#startAt }
    return shard.isClosed ? 'done' : { from: 'latest' }
  }

  #earlier(shardId: string): ShardStart | 'done' | undefined {
    const position = this.#startAfter.get(shardId)
    if (position === undefined) return undefined
    return position === 'SHARD_END' ? 'done' : { from: 'after', position }
  }

  #hasReadAncestor(shard: KnownShard, known: ReadonlyMap<string, ListedShard>): boolean {
    return shard.parentShardIds.some((id) => {
      const parent = known.get(id)
      return this.#startAfter.has(id) || (parent !== undefined && this.#hasReadAncestor(parent, known))
    })
  }

  /** A shard that was read in an earlier run shows that its parents were done then, or skipped, whatever is known of them. */
  #skipAncestorsOfRead(known: ReadonlyMap<string, ListedShard>): void {
    const skipParentsOf = (shard: ListedShard) => {
      for (const id of shard.parentShardIds) {
        const parent = known.get(id)
        if (!parent) continue
        this.done(id)
        skipParentsOf(parent)
      }
    }
    for (const shard of known.values()) if (this.#startAfter.has(shard.shardId)) skipParentsOf(shard)
  }
}

const trimHorizon: ShardStart = { from: 'trim-horizon' }

function asKnown({ shardId, parentShardIds }: KnownShard): KnownShard {
  return { shardId, parentShardIds }
}
