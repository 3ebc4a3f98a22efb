// How streams and shards are described in responses.
import type { ChildShard, HashKeyRangeDescription, ShardDescription, StreamFacts, StreamSettings } from './api.ts'
import type { HashKeyRange } from './hash-key.ts'
import type { Shard } from './shard.ts'
import type { Stream } from './stream.ts'

export function describeStreamFacts(stream: Stream): StreamFacts {
  return {
    StreamName: stream.name,
    StreamARN: stream.arn,
    StreamStatus: 'ACTIVE',
    StreamModeDetails: { StreamMode: stream.mode },
    StreamCreationTimestamp: stream.createdAt,
  }
}

export function describeStreamSettings(stream: Stream): StreamSettings {
  return {
    ...describeStreamFacts(stream),
    RetentionPeriodHours: stream.retentionHours,
    EnhancedMonitoring: [{ ShardLevelMetrics: [] }],
    EncryptionType: 'NONE',
  }
}

export function describeShard(shard: Shard): ShardDescription {
  const [parent, adjacentParent] = shard.parentIds
  const ending = shard.endingSequenceNumber
  return {
    ShardId: shard.id,
    ...(parent !== undefined && { ParentShardId: parent }),
    ...(adjacentParent !== undefined && {
      AdjacentParentShardId: adjacentParent,
    }),
    HashKeyRange: describeRange(shard.range),
    SequenceNumberRange: {
      StartingSequenceNumber: shard.startingSequenceNumber,
      ...(ending !== undefined && { EndingSequenceNumber: ending }),
    },
  }
}

/** A child as GetRecords names it at the end of its parent. */
export function describeChild(child: Shard): ChildShard {
  return {
    ShardId: child.id,
    ParentShards: [...child.parentIds],
    HashKeyRange: describeRange(child.range),
  }
}

function describeRange(range: HashKeyRange): HashKeyRangeDescription {
  return {
    StartingHashKey: String(range.start),
    EndingHashKey: String(range.end),
  }
}
