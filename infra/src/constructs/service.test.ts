import { Match } from 'aws-cdk-lib/assertions'
import { expect, test } from 'vitest'
import { actionsAllowedTo, stageTemplate, statementsOf } from '../testing/stage-template.ts'

const template = stageTemplate('dev')

test('there is one task, never two, and a deployment that does not come up is rolled back', () => {
  template.hasResourceProperties('AWS::ECS::Service', {
    DesiredCount: 1,
    AvailabilityZoneRebalancing: 'DISABLED',
    DeploymentConfiguration: {
      MinimumHealthyPercent: 0,
      MaximumPercent: 100,
      DeploymentCircuitBreaker: { Enable: true, Rollback: true },
    },
  })
})

test('a task waits for the endpoints that its image comes through and for its file system', () => {
  const [service] = Object.values(template.findResources('AWS::ECS::Service'))
  const waitsFor = Object.keys(template.findResources('AWS::EC2::VPCEndpoint')).concat(
    Object.keys(template.findResources('AWS::EFS::MountTarget')),
  )
  expect(service!.DependsOn).toEqual(expect.arrayContaining(waitsFor))
})

test('the container runs as nobody special, on a read-only root, with time to write its snapshots', () => {
  expect(container()).toMatchObject({
    User: '1000:1000',
    ReadonlyRootFilesystem: true,
    StopTimeout: 120,
    LinuxParameters: { InitProcessEnabled: true },
    HealthCheck: { Command: ['CMD', 'node', '-e', expect.stringContaining('http://127.0.0.1:8080/health')] },
  })
  template.hasResourceProperties('AWS::ECS::TaskDefinition', { RuntimePlatform: { CpuArchitecture: 'ARM64' } })
})

test('the service is told its stream, where its lines go, and where its snapshots are', () => {
  const environment = container().Environment.map(({ Name, Value }: { Name: string; Value: unknown }) => [Name, Value])
  expect(Object.fromEntries(environment)).toEqual({
    NODE_ENV: 'production',
    NODE_OPTIONS: '--enable-source-maps',
    AWS_REGION: { Ref: 'AWS::Region' },
    LOG_LEVEL: 'info',
    MILLRACE_STREAM: { Ref: expect.stringMatching(/^Stream/) },
    MILLRACE_PANES_FIREHOSE: { Ref: expect.stringMatching(/^DeliveryPanes/) },
    MILLRACE_REFUSED_FIREHOSE: { Ref: expect.stringMatching(/^DeliveryRefused/) },
    MILLRACE_STATE_DIR: '/state',
    MILLRACE_SNAPSHOT_BUCKET: { Ref: expect.stringMatching(/^SnapshotsBucket/) },
    MILLRACE_SNAPSHOT_INTERVAL_MS: '5000',
    MILLRACE_HTTP_PORT: '8080',
    MILLRACE_START_AT: 'TRIM_HORIZON',
  })
})

test('the task may read the stream, write lines, replace its snapshots and mount its folder: nothing else', () => {
  expect(actionsAllowedTo(template, /^ServiceTaskTaskRole/)).toEqual([
    'elasticfilesystem:ClientMount',
    'elasticfilesystem:ClientWrite',
    'firehose:PutRecordBatch',
    'kinesis:DescribeStreamSummary',
    'kinesis:GetRecords',
    'kinesis:GetShardIterator',
    'kinesis:ListShards',
    's3:GetObject',
    's3:ListBucket',
    's3:PutObject',
  ])
})

test('snapshots outlive the task in a bucket of their own, closed and encrypted, below one prefix', () => {
  const [id] = Object.keys(template.findResources('AWS::S3::Bucket')).filter((name) => name.startsWith('Snapshots'))
  const bucket = template.findResources('AWS::S3::Bucket')[id!]!.Properties
  expect(bucket).toMatchObject({
    BucketEncryption: { ServerSideEncryptionConfiguration: [expect.anything()] },
    PublicAccessBlockConfiguration: { BlockPublicAcls: true, RestrictPublicBuckets: true },
    LifecycleConfiguration: { Rules: [{ ExpirationInDays: 400, Status: 'Enabled' }] },
  })
  const own = statementsOf(template).filter(({ holder }) => holder.startsWith('ServiceTask'))
  const objects = own.find(({ actions }) => actions.includes('s3:PutObject'))
  expect(objects?.resources).toEqual([{ 'Fn::Join': ['', [{ 'Fn::GetAtt': [id, 'Arn'] }, '/snapshots/*']] }])
})

test('the state folder outlives the task: an encrypted file system, mounted with the rights of the task', () => {
  expect(container().MountPoints).toEqual([{ SourceVolume: 'state', ContainerPath: '/state', ReadOnly: false }])
  template.hasResourceProperties('AWS::ECS::TaskDefinition', {
    Volumes: [
      {
        Name: 'state',
        EFSVolumeConfiguration: {
          TransitEncryption: 'ENABLED',
          AuthorizationConfig: { IAM: 'ENABLED', AccessPointId: Match.anyValue() },
        },
      },
    ],
  })
  template.hasResourceProperties('AWS::EFS::AccessPoint', { PosixUser: { Uid: '1000', Gid: '1000' } })
  template.hasResourceProperties('AWS::EFS::FileSystem', {
    Encrypted: true,
    FileSystemPolicy: { Statement: [Match.objectLike({ Effect: 'Deny' })] },
  })
})

function container() {
  const [task] = Object.values(template.findResources('AWS::ECS::TaskDefinition'))
  return task!.Properties.ContainerDefinitions[0]
}
