// One stage of Millrace: the constructs, wired together in the order of a record's way. It knows no account or region and
// looks nothing up, so that it synthesizes offline and deploys wherever the CLI's credentials point.
import { CfnOutput, Stack, Tags } from 'aws-cdk-lib'
import type * as ecs from 'aws-cdk-lib/aws-ecs'
import type * as lambda from 'aws-cdk-lib/aws-lambda'
import type { Construct } from 'constructs'
import type { StageConfig } from '../config.ts'
import { Delivery } from '../constructs/delivery.ts'
import { ExchangeStream } from '../constructs/exchange.ts'
import { Ingest } from '../constructs/ingest.ts'
import { Network } from '../constructs/network.ts'
import { Observability } from '../constructs/observability.ts'
import { StreamService } from '../constructs/service.ts'
import { SnapshotBucket } from '../constructs/snapshot-bucket.ts'
import { StateFolder } from '../constructs/state-folder.ts'
import { EventStream } from '../constructs/stream.ts'

export interface MillraceStackProps {
  readonly config: StageConfig
  readonly eventsCode: lambda.Code
  readonly serviceImage: ecs.ContainerImage
}

export class MillraceStack extends Stack {
  constructor(scope: Construct, id: string, { config, eventsCode, serviceImage }: MillraceStackProps) {
    super(scope, id, {
      description: `Millrace ${config.stage}: windows over a Kinesis stream`,
      terminationProtection: config.retainData,
    })
    const { stage, retainData, logRetentionDays } = config

    const { stream, retention } = new EventStream(this, 'Stream', { config: config.stream, retainData })
    const { api, eventsFunction } = new Ingest(this, 'Ingest', {
      stage,
      config: config.ingest,
      stream,
      eventsCode,
      logRetentionDays,
    })
    const { bucket, panes, refused } = new Delivery(this, 'Delivery', {
      stage,
      config: config.delivery,
      retainData,
      logRetentionDays,
    })
    const network = new Network(this, 'Network', { ...config.network, logRetentionDays })
    const { vpc, serviceSecurityGroup } = network
    const snapshots = new SnapshotBucket(this, 'Snapshots', { retainData })
    const stateFolder = new StateFolder(this, 'State', { vpc, serviceSecurityGroup, retainData })
    const exchange =
      config.exchange && new ExchangeStream(this, 'Exchange', { config: config.exchange, retainData }).stream
    const { service, logGroup } = new StreamService(this, 'Service', {
      config: config.service,
      image: serviceImage,
      vpc,
      securityGroup: serviceSecurityGroup,
      stream,
      exchange,
      panes,
      refused,
      snapshots,
      stateFolder,
      logRetentionDays,
    })
    // A task that starts before its endpoints and mount targets cannot fetch its image, and the deployment is rolled back.
    service.node.addDependency(network, stateFolder)
    const { topic } = new Observability(this, 'Observability', {
      stage,
      stream,
      retention,
      api,
      eventsFunction,
      exchange,
      panes,
      refused,
      service,
      serviceLogs: logGroup,
      source: config.service.source,
      alarmEmail: config.alarmEmail,
    })

    this.output('EventsUrl', api.urlForPath('/events'))
    this.output('StreamName', stream.streamName)
    this.output('BucketName', bucket.bucketName)
    this.output('AlarmTopicArn', topic.topicArn)
    this.tag(config)
  }

  private output(id: string, value: string): void {
    new CfnOutput(this, id, { value })
  }

  private tag({ stage, tags }: StageConfig): void {
    const all = { service: 'millrace', stage, owner: tags.owner, 'cost-centre': tags.costCentre }
    for (const [name, value] of Object.entries(all)) Tags.of(this).add(name, value)
  }
}
