// The lease table as the Kinesis Client Library keeps it: an entry per shard with its owner, a counter that shows that the
// owner lives, and a checkpoint. Whoever has not renewed for a while loses its leases to others, and does not know it.
import { comparePositions, type Position } from '../../../stream-service/src/records/record.ts'
import type { KnownShard } from '../../../stream-service/src/sources/shard-source.ts'
import type { StreamModel } from './stream-model.ts'

type Checkpoint = 'TRIM_HORIZON' | 'SHARD_END' | Position

export interface Lease extends KnownShard {
  owner: string | undefined
  renewedAt: number
  checkpoint: Checkpoint
  /** Somebody asked for it: the owner saves, checkpoints and lets go. */
  isWanted: boolean
}

export interface Turn {
  /** Leases that this owner thought it had. */
  readonly lost: readonly string[]
  readonly gained: readonly { readonly shardId: string; readonly checkpoint: Checkpoint }[]
  /** Leases it is asked to hand over. */
  readonly wanted: readonly string[]
  /** All shards that were not read to their ends. */
  readonly open: readonly KnownShard[]
}

export class LeaseTable {
  readonly leases = new Map<string, Lease>()
  readonly #stream: StreamModel
  readonly failoverMs: number

  constructor(stream: StreamModel, failoverMs: number) {
    this.#stream = stream
    this.failoverMs = failoverMs
  }

  /** What a worker does every now and then: renews what it has, and takes what nobody has, up to its share. */
  turn(owner: string, held: ReadonlySet<string>, now: number): Turn {
    this.sync()
    const lost: string[] = []
    for (const shardId of held) {
      const lease = this.leases.get(shardId)!
      if (lease.owner === owner) lease.renewedAt = now
      else lost.push(shardId)
    }
    return { lost, gained: this.#take(owner, held, now), wanted: this.#wantedOf(owner), open: this.open() }
  }

  /** Entries for shards that have none. */
  sync(): void {
    for (const { shardId, parentShardIds } of this.#stream.shards.values()) {
      if (this.leases.has(shardId)) continue
      this.leases.set(shardId, {
        shardId,
        parentShardIds,
        owner: undefined,
        renewedAt: 0,
        checkpoint: 'TRIM_HORIZON',
        isWanted: false,
      })
    }
  }

  open(): KnownShard[] {
    return [...this.leases.values()]
      .filter(({ checkpoint }) => checkpoint !== 'SHARD_END')
      .map(({ shardId, parentShardIds }) => ({ shardId, parentShardIds }))
  }

  #take(owner: string, held: ReadonlySet<string>, now: number): Turn['gained'] {
    const open = [...this.leases.values()].filter((lease) => this.#mayBeRead(lease))
    const isLive = (lease: Lease) => lease.owner !== undefined && now - lease.renewedAt < this.failoverMs
    const owners = new Set([owner, ...open.filter(isLive).map((lease) => lease.owner)])
    const share = Math.ceil(open.length / owners.size)
    let has = open.filter((lease) => lease.owner === owner).length
    const gained: { shardId: string; checkpoint: Checkpoint }[] = []
    for (const lease of open) {
      if (has >= share) break
      // A session of this owner that is still ending has to be through before another begins.
      if (isLive(lease) || held.has(lease.shardId)) continue
      lease.owner = owner
      lease.renewedAt = now
      lease.isWanted = false
      has++
      gained.push({ shardId: lease.shardId, checkpoint: lease.checkpoint })
    }
    return gained
  }

  #mayBeRead({ checkpoint, parentShardIds }: Lease): boolean {
    return checkpoint !== 'SHARD_END' && parentShardIds.every((id) => this.leases.get(id)?.checkpoint === 'SHARD_END')
  }

  #wantedOf(owner: string): string[] {
    return [...this.leases.values()]
      .filter((lease) => lease.isWanted && lease.owner === owner)
      .map(({ shardId }) => shardId)
  }

  /** False when the lease is somebody else's by now. A checkpoint never goes back. */
  checkpoint(owner: string, shardId: string, upTo: Position | 'SHARD_END'): boolean {
    const lease = this.leases.get(shardId)!
    if (lease.owner !== owner) return false
    const { checkpoint } = lease
    if (checkpoint === 'SHARD_END') return true
    if (upTo === 'SHARD_END' || checkpoint === 'TRIM_HORIZON' || comparePositions(upTo, checkpoint) > 0)
      lease.checkpoint = upTo
    if (upTo === 'SHARD_END') lease.owner = undefined
    return true
  }

  release(owner: string, shardId: string): void {
    const lease = this.leases.get(shardId)!
    if (lease.owner === owner) lease.owner = undefined
  }

  releaseAll(owner: string): void {
    for (const shardId of this.leases.keys()) this.release(owner, shardId)
  }

  /** Takes a lease away from its owner, who does not know. */
  revoke(shardId: string): void {
    this.leases.get(shardId)!.owner = undefined
  }
}
