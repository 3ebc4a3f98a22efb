// The requests and responses of the Kinesis API as the model takes and gives them: the names of the API reference,
// instants as epoch milliseconds, data as `Payload`. Encodings (seconds, base64, CBOR) are the server's business.
import type { Payload } from './payload.ts'

export interface StreamIdentity {
  StreamName?: string | undefined
  StreamARN?: string | undefined
}

export interface CreateStreamInput {
  StreamName: string
  ShardCount?: number | undefined
  StreamModeDetails?: { StreamMode: 'PROVISIONED' | 'ON_DEMAND' } | undefined
  Tags?: Record<string, string> | undefined
  /** 1,024 to 10,240; default 1,024. */
  MaxRecordSizeInKiB?: number | undefined
}

export interface ListStreamsInput {
  Limit?: number | undefined
  ExclusiveStartStreamName?: string | undefined
  NextToken?: string | undefined
}

export interface DescribeStreamInput extends StreamIdentity {
  Limit?: number | undefined
  ExclusiveStartShardId?: string | undefined
}

export interface ShardFilter {
  Type: 'AFTER_SHARD_ID' | 'AT_TRIM_HORIZON' | 'FROM_TRIM_HORIZON' | 'AT_LATEST' | 'AT_TIMESTAMP' | 'FROM_TIMESTAMP'
  ShardId?: string | undefined
  Timestamp?: number | undefined
}

export interface ListShardsInput extends StreamIdentity {
  NextToken?: string | undefined
  ExclusiveStartShardId?: string | undefined
  MaxResults?: number | undefined
  StreamCreationTimestamp?: number | undefined
  ShardFilter?: ShardFilter | undefined
}

export interface PutRecordInput extends StreamIdentity {
  Data: Payload
  PartitionKey: string
  ExplicitHashKey?: string | undefined
  SequenceNumberForOrdering?: string | undefined
}

export interface PutRecordsEntry {
  Data: Payload
  PartitionKey: string
  ExplicitHashKey?: string | undefined
}

export interface PutRecordsInput extends StreamIdentity {
  Records: PutRecordsEntry[]
}

type ShardIteratorType = 'AT_SEQUENCE_NUMBER' | 'AFTER_SEQUENCE_NUMBER' | 'TRIM_HORIZON' | 'LATEST' | 'AT_TIMESTAMP'

export interface GetShardIteratorInput extends StreamIdentity {
  ShardId: string
  ShardIteratorType: ShardIteratorType
  StartingSequenceNumber?: string | undefined
  Timestamp?: number | undefined
}

export interface GetRecordsInput {
  ShardIterator: string
  Limit?: number | undefined
}

export interface SplitShardInput extends StreamIdentity {
  ShardToSplit: string
  NewStartingHashKey: string
}

export interface MergeShardsInput extends StreamIdentity {
  ShardToMerge: string
  AdjacentShardToMerge: string
}

export interface UpdateShardCountInput extends StreamIdentity {
  TargetShardCount: number
  ScalingType: 'UNIFORM_SCALING'
}

export interface RetentionPeriodInput extends StreamIdentity {
  RetentionPeriodHours: number
}

export interface UpdateMaxRecordSizeInput {
  StreamARN: string
  MaxRecordSizeInKiB: number
}

export interface AddTagsInput extends StreamIdentity {
  Tags: Record<string, string>
}

export interface RemoveTagsInput extends StreamIdentity {
  TagKeys: string[]
}

export interface ListTagsInput extends StreamIdentity {
  ExclusiveStartTagKey?: string | undefined
  Limit?: number | undefined
}

export interface HashKeyRangeDescription {
  StartingHashKey: string
  EndingHashKey: string
}

export interface ShardDescription {
  ShardId: string
  ParentShardId?: string
  AdjacentParentShardId?: string
  HashKeyRange: HashKeyRangeDescription
  SequenceNumberRange: {
    StartingSequenceNumber: string
    EndingSequenceNumber?: string
  }
}

export interface ChildShard {
  ShardId: string
  ParentShards: string[]
  HashKeyRange: HashKeyRangeDescription
}

export interface StreamFacts {
  StreamName: string
  StreamARN: string
  StreamStatus: 'ACTIVE'
  StreamModeDetails: { StreamMode: 'PROVISIONED' | 'ON_DEMAND' }
  StreamCreationTimestamp: number
}

export interface StreamSettings extends StreamFacts {
  RetentionPeriodHours: number
  EnhancedMonitoring: { ShardLevelMetrics: string[] }[]
  EncryptionType: 'NONE'
}

export interface StreamDescription extends StreamSettings {
  Shards: ShardDescription[]
  HasMoreShards: boolean
}

export interface StreamDescriptionSummary extends StreamSettings {
  OpenShardCount: number
  ConsumerCount: number
  MaxRecordSizeInKiB: number
}

export interface ListStreamsOutput {
  StreamNames: string[]
  HasMoreStreams: boolean
  NextToken?: string
  StreamSummaries: StreamFacts[]
}

export interface ListShardsOutput {
  Shards: ShardDescription[]
  NextToken?: string
}

export interface PutRecordOutput {
  ShardId: string
  SequenceNumber: string
  EncryptionType: 'NONE'
}

export type PutRecordsResult = { ShardId: string; SequenceNumber: string } | { ErrorCode: string; ErrorMessage: string }

export interface PutRecordsOutput {
  FailedRecordCount: number
  Records: PutRecordsResult[]
  EncryptionType: 'NONE'
}

interface DeliveredRecord {
  SequenceNumber: string
  ApproximateArrivalTimestamp: number
  Data: Payload
  PartitionKey: string
}

export interface GetRecordsOutput {
  Records: DeliveredRecord[]
  /** Null once a closed shard is read to its end. */
  NextShardIterator: string | null
  MillisBehindLatest: number
  /** Only at the end of a closed shard. */
  ChildShards?: ChildShard[]
}

export interface UpdateShardCountOutput {
  StreamName: string
  StreamARN: string
  CurrentShardCount: number
  TargetShardCount: number
}

export interface ListTagsOutput {
  Tags: { Key: string; Value: string }[]
  HasMoreTags: boolean
}
