// Which shards ListShards returns.
import type { ShardFilter } from './api.ts'
import { invalidArgument } from './errors.ts'
import type { Shard } from './shard.ts'
import type { Stream } from './stream.ts'

/**
 * The shards of a stream that pass a filter, in the order of their ids. A shard is open during `[createdAt, closedAt)`.
 * Source: "ShardFilter", Kinesis API reference.
 *
 * The shards open at the trim horizon are those whose parents no longer exist. By instants alone a shard would be missed
 * that was closed in the very millisecond of the horizon (for a young stream: of its creation) and whose records of that
 * millisecond can still be read.
 */
export function filterShards(stream: Stream, filter: ShardFilter | undefined, now: number): Shard[] {
  const shards = stream.shards(now)
  const ids = new Set(shards.map((shard) => shard.id))
  switch (filter?.Type) {
    case undefined:
    case 'FROM_TRIM_HORIZON':
      return shards
    case 'AT_LATEST':
      return shards.filter((shard) => shard.isOpen)
    case 'AT_TRIM_HORIZON':
      return shards.filter((shard) => !shard.parentIds.some((parent) => ids.has(parent)))
    case 'AT_TIMESTAMP':
      return shards.filter((shard) => wasOpenAt(shard, timestampOf(filter)))
    case 'FROM_TIMESTAMP':
      return shards.filter((shard) => shard.isOpen || shard.closedAt! >= timestampOf(filter))
    case 'AFTER_SHARD_ID': {
      const { ShardId } = filter
      if (ShardId === undefined) throw invalidArgument('ShardFilter AFTER_SHARD_ID needs a ShardId.')
      return shards.filter((shard) => shard.id > ShardId)
    }
  }
}

function wasOpenAt(shard: Shard, at: number): boolean {
  return shard.createdAt <= at && (shard.closedAt === undefined || shard.closedAt > at)
}

function timestampOf(filter: ShardFilter): number {
  if (filter.Timestamp === undefined) throw invalidArgument(`ShardFilter ${filter.Type} needs a Timestamp.`)
  return filter.Timestamp
}
