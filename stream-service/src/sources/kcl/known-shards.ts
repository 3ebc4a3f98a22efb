// The shards of a stream and which of them were read to their ends, by anybody: what ListShards says of the lineage, and
// what the lease table says of the work.
import type { ListedShard } from '../shard-lineage.ts'
import type { KnownShard } from '../shard-source.ts'
import type { Lease } from './lease-table.ts'

export class KnownShards {
  readonly #shards = new Map<string, ListedShard>()
  readonly #children = new Map<string, Set<string>>()
  readonly #leases = new Map<string, Lease>()
  /** Read to their ends here, whatever the lease table says yet. */
  readonly #ended = new Set<string>()

  constructor(ended: Iterable<string>) {
    for (const shardId of ended) this.#ended.add(shardId)
  }

  learnShards(listed: readonly ListedShard[]): void {
    this.#shards.clear()
    this.#children.clear()
    for (const shard of listed) {
      this.#shards.set(shard.shardId, shard)
      for (const parentId of shard.parentShardIds) {
        const children = this.#children.get(parentId) ?? new Set()
        this.#children.set(parentId, children.add(shard.shardId))
      }
    }
  }

  learnLeases(leases: readonly Lease[]): void {
    this.#leases.clear()
    for (const lease of leases) this.#leases.set(lease.shardId, lease)
  }

  has(shardId: string): boolean {
    return this.#shards.has(shardId)
  }

  parentsOf(shardId: string): readonly string[] {
    return this.#shards.get(shardId)?.parentShardIds ?? []
  }

  /** The consumer has checkpointed the shard's end. */
  end(shardId: string): void {
    this.#ended.add(shardId)
  }

  /** The shards that are not read to their ends, in the order of listing. */
  open(): KnownShard[] {
    return [...this.#shards.values()]
      .filter(({ shardId }) => !this.#isDone(shardId))
      .map(({ shardId, parentShardIds }) => ({ shardId, parentShardIds }))
  }

  /**
   * The KCL removes the lease of a shard that is done when its children are being read, and makes leases of children when
   * a parent ends. So a shard without a lease is done when a descendant has one, and waits for its parents otherwise.
   */
  #isDone(shardId: string): boolean {
    if (this.#ended.has(shardId)) return true
    const lease = this.#leases.get(shardId)
    if (lease !== undefined) return lease.checkpoint === 'SHARD_END'
    return [...(this.#children.get(shardId) ?? [])].some((child) => this.#leases.has(child) || this.#isDone(child))
  }
}
