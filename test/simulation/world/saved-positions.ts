// What the shelf says of how far a shard's records are saved.
import { comparePositions, type Position } from '../../../stream-service/src/records/record.ts'
import { MemoryStore, type SnapshotShelf } from '../../../stream-service/src/state/memory-store.ts'

/** A complaint when records up to `upTo` are not in the newest durable snapshot of the shard. */
export async function unsavedBefore(
  shelf: SnapshotShelf,
  shardId: string,
  upTo: Position | 'SHARD_END',
): Promise<string | undefined> {
  const saved = await savedPosition(shelf, shardId)
  const isSaved =
    saved === 'SHARD_END' || (saved !== undefined && upTo !== 'SHARD_END' && comparePositions(saved, upTo) >= 0)
  return isSaved ? undefined : `${shardId} was checkpointed up to ${upTo}, but is saved up to ${saved ?? 'nothing'}`
}

async function savedPosition(shelf: SnapshotShelf, shardId: string): Promise<Position | 'SHARD_END' | undefined> {
  const snapshot = await new MemoryStore({ shelf }).load('service')
  if (snapshot === undefined) return undefined
  const { job } = snapshot.state as unknown as {
    readonly job: {
      readonly shards: readonly { readonly shardId: string; readonly status: string; readonly position: string | null }[]
    }
  }
  const shard = job.shards.find((each) => each.shardId === shardId)
  if (shard === undefined) return undefined
  return shard.status === 'ended' ? 'SHARD_END' : (shard.position ?? undefined)
}
