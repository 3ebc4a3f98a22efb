// The stream service on Fargate. A shard has one owner: with the source `direct` there is one task, never two, and a deployment
// stops the old one, which writes its snapshots, before it starts the new one from them. With `kcl` and an exchange there may be
// several, of which a deployment replaces half at a time.
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import type * as ec2 from 'aws-cdk-lib/aws-ec2'
import * as ecs from 'aws-cdk-lib/aws-ecs'
import type * as kinesis from 'aws-cdk-lib/aws-kinesis'
import type * as firehose from 'aws-cdk-lib/aws-kinesisfirehose'
import * as logs from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import type { StageConfig } from '../config.ts'
import { useKcl } from './kcl.ts'
import type { SnapshotBucket } from './snapshot-bucket.ts'
import { type StateFolder, serviceUserId } from './state-folder.ts'

export interface StreamServiceProps {
  readonly config: StageConfig['service']
  readonly image: ecs.ContainerImage
  readonly vpc: ec2.IVpc
  readonly securityGroup: ec2.ISecurityGroup
  readonly stream: kinesis.IStream
  readonly exchange: kinesis.IStream | undefined
  readonly panes: firehose.IDeliveryStream
  readonly refused: firehose.IDeliveryStream
  readonly snapshots: SnapshotBucket
  readonly stateFolder: StateFolder
  readonly logRetentionDays: logs.RetentionDays
}

const httpPort = 8080
const stateDir = '/state'

export class StreamService extends Construct {
  readonly service: ecs.FargateService
  readonly logGroup: logs.LogGroup

  constructor(scope: Construct, id: string, props: StreamServiceProps) {
    super(scope, id)
    const { config, stream, exchange } = props
    this.logGroup = new logs.LogGroup(this, 'Logs', {
      retention: props.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    })
    const task = new ecs.FargateTaskDefinition(this, 'Task', {
      cpu: config.cpu,
      memoryLimitMiB: config.memoryMiB,
      runtimePlatform: {
        cpuArchitecture: ecs.CpuArchitecture.ARM64,
        operatingSystemFamily: ecs.OperatingSystemFamily.LINUX,
      },
      volumes: [props.stateFolder.volume('state')],
    })
    const container = this.addContainer(task, props)
    grantNeeds(task, props)
    if (config.source === 'kcl') useKcl(this, { task, container, stream, exchange })

    this.service = new ecs.FargateService(this, 'Service', {
      // `as`: the library's classes say `T | undefined` where their interfaces say `?: T`; exact optional types tell them apart.
      cluster: new ecs.Cluster(this, 'Cluster', { vpc: props.vpc }) as ecs.ICluster,
      taskDefinition: task,
      platformVersion: ecs.FargatePlatformVersion.LATEST,
      desiredCount: config.tasks,
      minHealthyPercent: config.tasks === 1 ? 0 : 50,
      maxHealthyPercent: 100,
      // Rebalancing would start the second task before it stops the first.
      availabilityZoneRebalancing: ecs.AvailabilityZoneRebalancing.DISABLED,
      circuitBreaker: { enable: true, rollback: true },
      vpcSubnets: { subnets: props.vpc.isolatedSubnets },
      securityGroups: [props.securityGroup],
      assignPublicIp: false,
      enableECSManagedTags: true,
      propagateTags: ecs.PropagatedTagSource.SERVICE,
    })
    props.snapshots.grantReadWrite(task.taskRole)
    props.stateFolder.grantReadWrite(task.taskRole)
  }

  private addContainer(task: ecs.FargateTaskDefinition, props: StreamServiceProps): ecs.ContainerDefinition {
    const container = task.addContainer('service', {
      image: props.image,
      user: `${serviceUserId}:${serviceUserId}`,
      readonlyRootFilesystem: true,
      linuxParameters: new ecs.LinuxParameters(this, 'Linux', { initProcessEnabled: true }),
      // Fargate's maximum; the service needs a few seconds to write its snapshots.
      stopTimeout: Duration.seconds(120),
      healthCheck: {
        command: ['CMD', 'node', '-e', healthProbe],
        interval: Duration.seconds(30),
        timeout: Duration.seconds(5),
        retries: 3,
        startPeriod: Duration.seconds(60),
      },
      logging: ecs.LogDrivers.awsLogs({
        streamPrefix: 'service',
        logGroup: this.logGroup,
        // Better to lose a log line than to stop the stream while CloudWatch Logs is away.
        mode: ecs.AwsLogDriverMode.NON_BLOCKING,
      }),
      environment: {
        NODE_ENV: 'production',
        NODE_OPTIONS: '--enable-source-maps',
        AWS_REGION: Stack.of(this).region,
        LOG_LEVEL: props.config.logLevel,
        MILLRACE_STREAM: props.stream.streamName,
        MILLRACE_PANES_FIREHOSE: props.panes.deliveryStreamName,
        MILLRACE_REFUSED_FIREHOSE: props.refused.deliveryStreamName,
        MILLRACE_STATE_DIR: stateDir,
        MILLRACE_SNAPSHOT_BUCKET: props.snapshots.bucketName,
        // Each is a request that is paid for; panes that may be revised wait for one.
        MILLRACE_SNAPSHOT_INTERVAL_MS: '5000',
        MILLRACE_HTTP_PORT: String(httpPort),
        MILLRACE_START_AT: props.config.startAt,
        ...(props.exchange && { MILLRACE_EXCHANGE_STREAM: props.exchange.streamName }),
      },
    })
    container.addMountPoints({ sourceVolume: 'state', containerPath: stateDir, readOnly: false })
    return container
  }
}

/** The rights of the running service: read the stream, read and write the exchange, write to the two delivery streams. */
function grantNeeds(task: ecs.FargateTaskDefinition, { stream, exchange, panes, refused }: StreamServiceProps): void {
  const reading = [
    'kinesis:DescribeStreamSummary',
    'kinesis:ListShards',
    'kinesis:GetShardIterator',
    'kinesis:GetRecords',
  ]
  stream.grant(task.taskRole, ...reading)
  exchange?.grant(task.taskRole, ...reading, 'kinesis:PutRecords')
  for (const delivery of [panes, refused]) delivery.grant(task.taskRole, 'firehose:PutRecordBatch')
}

const healthProbe = `fetch('http://127.0.0.1:${httpPort}/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`
