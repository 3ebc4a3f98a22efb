// The constraints of every request, from the Kinesis Data Streams API reference (2013-12-02).
import type { Constraint } from './constraint.ts'
import { blob, instant, integer, list, required, structure, text, textMap, unsupportedFlag } from './constraint.ts'

const RECORD_BYTES_MAX = 10 * 1024 * 1024
const SHARD_ITERATOR_TYPES = [
  'AFTER_SEQUENCE_NUMBER',
  'LATEST',
  'AT_TIMESTAMP',
  'AT_SEQUENCE_NUMBER',
  'TRIM_HORIZON',
] as const
const SHARD_FILTER_TYPES = [
  'AFTER_SHARD_ID',
  'AT_TRIM_HORIZON',
  'FROM_TRIM_HORIZON',
  'AT_LATEST',
  'AT_TIMESTAMP',
  'FROM_TIMESTAMP',
]

const name = text({ min: 1, max: 128, pattern: '[a-zA-Z0-9_.-]+' })
const sequenceNumber = text({ pattern: '0|([1-9]\\d{0,128})' })
const hashKey = text({ pattern: '0|([1-9]\\d{0,38})' })
const token = text({ min: 1, max: 1_048_576 })
const tags = textMap({
  max: 200,
  key: text({ min: 1, max: 128 }),
  value: text({ min: 0, max: 256 }),
})
const tagKey = text({ min: 1, max: 128 })
const maxRecordKiB = integer({ min: 1_024, max: 10_240 })
const identity = {
  StreamName: name,
  StreamARN: text({
    min: 1,
    max: 2048,
    pattern: 'arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+',
  }),
}
const record = {
  Data: required(blob({ maxBytes: RECORD_BYTES_MAX })),
  PartitionKey: required(text({ min: 1, max: 256 })),
  ExplicitHashKey: hashKey,
}

export const requestShapes = {
  createStream: structure({
    StreamName: required(name),
    ShardCount: integer({ min: 1, max: 100_000 }),
    StreamModeDetails: structure({
      StreamMode: required(text({ oneOf: ['PROVISIONED', 'ON_DEMAND'] })),
    }),
    Tags: tags,
    MaxRecordSizeInKiB: maxRecordKiB,
  }),
  streamOnly: structure(identity),
  listStreams: structure({
    Limit: integer({ min: 1, max: 10_000 }),
    ExclusiveStartStreamName: name,
    NextToken: token,
  }),
  describeStream: structure({
    ...identity,
    Limit: integer({ min: 1, max: 10_000 }),
    ExclusiveStartShardId: name,
  }),
  listShards: structure({
    ...identity,
    NextToken: token,
    ExclusiveStartShardId: name,
    MaxResults: integer({ min: 1, max: 10_000 }),
    StreamCreationTimestamp: instant(),
    ShardFilter: structure({
      Type: required(text({ oneOf: SHARD_FILTER_TYPES })),
      ShardId: name,
      Timestamp: instant(),
    }),
  }),
  putRecord: structure({
    ...identity,
    ...record,
    SequenceNumberForOrdering: sequenceNumber,
    DryRun: unsupportedFlag(),
  }),
  putRecords: structure({
    ...identity,
    Records: required(list(structure(record), { min: 1, max: 500 })),
    DryRun: unsupportedFlag(),
  }),
  getShardIterator: structure({
    ...identity,
    ShardId: required(name),
    ShardIteratorType: required(text({ oneOf: SHARD_ITERATOR_TYPES })),
    StartingSequenceNumber: sequenceNumber,
    Timestamp: instant(),
    DryRun: unsupportedFlag(),
  }),
  getRecords: structure({
    ShardIterator: required(text({ min: 1, max: 512 })),
    Limit: integer({ min: 1, max: 10_000 }),
    DryRun: unsupportedFlag(),
  }),
  splitShard: structure({
    ...identity,
    ShardToSplit: required(name),
    NewStartingHashKey: required(hashKey),
  }),
  mergeShards: structure({
    ...identity,
    ShardToMerge: required(name),
    AdjacentShardToMerge: required(name),
  }),
  updateShardCount: structure({
    ...identity,
    TargetShardCount: required(integer({ min: 1, max: 100_000 })),
    ScalingType: required(text({ oneOf: ['UNIFORM_SCALING'] })),
  }),
  retentionPeriod: structure({
    ...identity,
    RetentionPeriodHours: required(integer({ min: 24, max: 8_760 })),
  }),
  updateMaxRecordSize: structure({
    StreamARN: required(identity.StreamARN),
    MaxRecordSizeInKiB: required(maxRecordKiB),
  }),
  addTags: structure({ ...identity, Tags: required(tags) }),
  removeTags: structure({
    ...identity,
    TagKeys: required(list(tagKey, { min: 1, max: 50 })),
  }),
  listTags: structure({
    ...identity,
    ExclusiveStartTagKey: tagKey,
    Limit: integer({ min: 1, max: 50 }),
  }),
} satisfies Record<string, Constraint>
