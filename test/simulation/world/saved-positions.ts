// What the shelf says of shards: how far their records are saved, and the books of those that were read to their ends.
import type { LaneLedger } from '../../../stream-service/src/engine/ledger.ts'
import { comparePositions, type Position } from '../../../stream-service/src/records/record.ts'
import { MemoryStore, type SnapshotShelf } from '../../../stream-service/src/state/memory-store.ts'
import { laneName } from '../../../stream-service/src/tasks/snapshot-names.ts'

interface LaneNote {
  readonly position: Position | 'SHARD_END' | null
  readonly ended?: { readonly ledgers: Readonly<Record<string, LaneLedger>> }
}

async function noteOf(shelf: SnapshotShelf, shardId: string): Promise<LaneNote | undefined> {
  const found = await new MemoryStore({ shelf }).note(laneName(shardId))
  return found?.note as unknown as LaneNote | undefined
}

export async function savedPosition(
  shelf: SnapshotShelf,
  shardId: string,
): Promise<Position | 'SHARD_END' | undefined> {
  return (await noteOf(shelf, shardId))?.position ?? undefined
}

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

/** By query; undefined for a shard that has not ended. */
export async function endedBooks(
  shelf: SnapshotShelf,
  shardId: string,
): Promise<Readonly<Record<string, LaneLedger>> | undefined> {
  return (await noteOf(shelf, shardId))?.ended?.ledgers
}
