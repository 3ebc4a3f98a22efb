// The Kinesis stream that everything goes through: encrypted, and kept in production when the stack goes.
import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import * as kinesis from 'aws-cdk-lib/aws-kinesis'
import { Construct } from 'constructs'
import type { StageConfig } from '../config.ts'

export interface EventStreamProps {
  readonly config: StageConfig['stream']
  readonly retainData: boolean
}

export class EventStream extends Construct {
  readonly stream: kinesis.Stream
  readonly retention: Duration

  constructor(scope: Construct, id: string, { config, retainData }: EventStreamProps) {
    super(scope, id)
    const { capacity } = config
    this.retention = Duration.hours(config.retentionHours)
    this.stream = new kinesis.Stream(this, 'Stream', {
      ...(capacity.mode === 'on-demand'
        ? { streamMode: kinesis.StreamMode.ON_DEMAND }
        : { streamMode: kinesis.StreamMode.PROVISIONED, shardCount: capacity.shards }),
      retentionPeriod: this.retention,
      // The AWS managed key: no monthly fee, and readers and writers of this account need no rights on it.
      encryption: kinesis.StreamEncryption.MANAGED,
      ...(config.shardLevelMetrics && { shardLevelMetrics: [...hotShardMetrics] }),
      removalPolicy: retainData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    })
  }
}

/** What shows a hot shard: its share of the load, what it refused, and how far behind its readers are. */
const hotShardMetrics = [
  kinesis.ShardLevelMetrics.INCOMING_BYTES,
  kinesis.ShardLevelMetrics.INCOMING_RECORDS,
  kinesis.ShardLevelMetrics.WRITE_PROVISIONED_THROUGHPUT_EXCEEDED,
  kinesis.ShardLevelMetrics.READ_PROVISIONED_THROUGHPUT_EXCEEDED,
  kinesis.ShardLevelMetrics.ITERATOR_AGE_MILLISECONDS,
] as const
