// The internal stream between tasks: lanes put what they give their merges on it, and each of its shards is a part of the keys,
// merged by the task that holds it. Its shards have to stay as they are, so it is provisioned, and its name in the template tells
// their number: another number makes another stream, where an update would split the shards of this one.
import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import * as kinesis from 'aws-cdk-lib/aws-kinesis'
import { Construct } from 'constructs'
import type { StageConfig } from '../config.ts'

export interface ExchangeStreamProps {
  readonly config: NonNullable<StageConfig['exchange']>
  readonly retainData: boolean
}

export class ExchangeStream extends Construct {
  readonly stream: kinesis.Stream

  constructor(scope: Construct, id: string, { config, retainData }: ExchangeStreamProps) {
    super(scope, id)
    this.stream = new kinesis.Stream(this, `Of${config.shards}`, {
      streamMode: kinesis.StreamMode.PROVISIONED,
      shardCount: config.shards,
      retentionPeriod: Duration.hours(config.retentionHours),
      encryption: kinesis.StreamEncryption.MANAGED,
      removalPolicy: retainData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    })
    // What a lane gives of a window is one record, which may exceed the default of 1 MiB.
    const resource = this.stream.node.defaultChild as kinesis.CfnStream
    resource.maxRecordSizeInKiB = 10_240
  }
}
