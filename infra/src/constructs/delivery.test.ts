import { App, Stack } from 'aws-cdk-lib'
import { Match, Template } from 'aws-cdk-lib/assertions'
import { expect, test } from 'vitest'
import { actionsAllowedTo } from '../testing/stage-template.ts'
import { Delivery } from './delivery.ts'

const stack = new Stack(new App(), 'Test')
new Delivery(stack, 'Delivery', {
  stage: 'dev',
  config: { bufferSeconds: 60, bufferMiB: 16, expireAfterDays: 30 },
  retainData: false,
  logRetentionDays: 7,
})
const template = Template.fromStack(stack)

test.each(['panes', 'refused'])(
  '%s go gzipped to a prefix of their own, failures to another, encrypted and logged',
  (kind) => {
    template.hasResourceProperties('AWS::KinesisFirehose::DeliveryStream', {
      DeliveryStreamName: `millrace-dev-${kind}`,
      DeliveryStreamType: 'DirectPut',
      DeliveryStreamEncryptionConfigurationInput: { KeyType: 'AWS_OWNED_CMK' },
      ExtendedS3DestinationConfiguration: {
        CompressionFormat: 'GZIP',
        FileExtension: '.ndjson.gz',
        Prefix: Match.stringLikeRegexp(`^${kind}/`),
        ErrorOutputPrefix: Match.stringLikeRegexp(`^errors/${kind}/`),
        BufferingHints: { IntervalInSeconds: 60, SizeInMBs: 16 },
        CloudWatchLoggingOptions: { Enabled: true, LogGroupName: Match.anyValue(), LogStreamName: Match.anyValue() },
      },
    })
  },
)

test('Firehose may put objects into the bucket, but not delete them', () => {
  expect(actionsAllowedTo(template, /^DeliveryPanesRole/)).toEqual([
    'logs:PutLogEvents',
    's3:AbortMultipartUpload',
    's3:GetBucketLocation',
    's3:GetObject',
    's3:ListBucket',
    's3:ListBucketMultipartUploads',
    's3:PutObject',
  ])
})

test('objects expire, and so do uploads that were never finished', () => {
  template.hasResourceProperties('AWS::S3::Bucket', {
    LifecycleConfiguration: {
      Rules: [
        {
          Status: 'Enabled',
          ExpirationInDays: 30,
          AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
        },
      ],
    },
  })
})
