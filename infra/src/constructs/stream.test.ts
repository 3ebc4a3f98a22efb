import { App, Stack } from 'aws-cdk-lib'
import { Match, Template } from 'aws-cdk-lib/assertions'
import { expect, test } from 'vitest'
import { EventStream, type EventStreamProps } from './stream.ts'

test('a provisioned stream has its shards, is encrypted, and goes with the stack', () => {
  const template = synthesize({ capacity: { mode: 'provisioned', shards: 3 }, retentionHours: 24 }, false)
  template.hasResource('AWS::Kinesis::Stream', {
    DeletionPolicy: 'Delete',
    Properties: {
      ShardCount: 3,
      StreamModeDetails: { StreamMode: 'PROVISIONED' },
      RetentionPeriodHours: 24,
      StreamEncryption: { EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' },
      DesiredShardLevelMetrics: Match.absent(),
    },
  })
})

test('an on-demand stream has no shard count; retained, it stays when the stack goes', () => {
  const template = synthesize({ capacity: { mode: 'on-demand' }, retentionHours: 168, shardLevelMetrics: true }, true)
  template.hasResource('AWS::Kinesis::Stream', {
    DeletionPolicy: 'Retain',
    Properties: {
      ShardCount: Match.absent(),
      StreamModeDetails: { StreamMode: 'ON_DEMAND' },
      RetentionPeriodHours: 168,
      DesiredShardLevelMetrics: Match.arrayWith(['IncomingBytes', 'IteratorAgeMilliseconds']),
    },
  })
})

test('the retention is there for others to measure against', () => {
  const construct = new EventStream(
    new Stack(),
    'Stream',
    props({ capacity: { mode: 'on-demand' }, retentionHours: 48 }),
  )
  expect(construct.retention.toDays()).toBe(2)
})

type Config = Omit<EventStreamProps['config'], 'shardLevelMetrics'> & { shardLevelMetrics?: boolean }

function props(config: Config, retainData = false): EventStreamProps {
  return { config: { shardLevelMetrics: false, ...config }, retainData }
}

function synthesize(config: Config, retainData: boolean): Template {
  const stack = new Stack(new App(), 'Test')
  new EventStream(stack, 'Stream', props(config, retainData))
  return Template.fromStack(stack)
}
