// What one looks at and what wakes one up: a dashboard in the order of a record's way, and few alarms, each named after
// its section under "When an alarm goes off" in infra/README.md.
import { Duration, Stack } from 'aws-cdk-lib'
import type * as apigateway from 'aws-cdk-lib/aws-apigateway'
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import type * as ecs from 'aws-cdk-lib/aws-ecs'
import * as iam from 'aws-cdk-lib/aws-iam'
import type * as kinesis from 'aws-cdk-lib/aws-kinesis'
import type * as firehose from 'aws-cdk-lib/aws-kinesisfirehose'
import type * as lambda from 'aws-cdk-lib/aws-lambda'
import * as logs from 'aws-cdk-lib/aws-logs'
import * as sns from 'aws-cdk-lib/aws-sns'
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions'
import { Construct } from 'constructs'
import type { StageConfig } from '../config.ts'

export interface ObservabilityProps {
  readonly stage: string
  readonly stream: kinesis.IStream
  readonly retention: Duration
  readonly api: apigateway.RestApi
  readonly eventsFunction: lambda.IFunction
  readonly panes: firehose.IDeliveryStream
  readonly refused: firehose.IDeliveryStream
  readonly exchange: kinesis.IStream | undefined
  readonly service: ecs.FargateService
  readonly serviceLogs: logs.ILogGroup
  readonly source: StageConfig['service']['source']
  readonly alarmEmail: string | undefined
}

interface AlarmOptions {
  readonly metric: cloudwatch.IMetric
  /** In alarm when the metric is at or above this; `below` turns it round. */
  readonly threshold: number
  readonly below?: true
  readonly minutes: number
  readonly says: string
  /** What silence means. Default: that all is well, or with `below` that nothing is. */
  readonly silence?: cloudwatch.TreatMissingData
}

export class Observability extends Construct {
  readonly topic: sns.Topic
  readonly alarms: readonly cloudwatch.Alarm[]
  private readonly stage: string

  constructor(scope: Construct, id: string, props: ObservabilityProps) {
    super(scope, id)
    this.stage = props.stage
    this.topic = this.createTopic(props.alarmEmail)
    const metrics = metricsOf(props)
    this.alarms = [
      ...this.createAlarms(metrics, props.retention),
      this.lossAlarm(props),
      ...(props.exchange === undefined ? [] : [this.exchangeAlarm(props.exchange)]),
      ...(props.source === 'kcl' && props.exchange === undefined ? [this.holdBackAlarm(props)] : []),
    ]
    this.createDashboard(metrics)
  }

  private createTopic(email: string | undefined): sns.Topic {
    const topic = new sns.Topic(this, 'Alarms', { displayName: `Millrace ${this.stage} alarms`, enforceSSL: true })
    // A topic policy replaces the default one, under which alarms of the account may publish.
    topic.addToResourcePolicy(
      new iam.PolicyStatement({
        principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    )
    if (email !== undefined) topic.addSubscription(new EmailSubscription(email))
    return topic
  }

  private createAlarms(metrics: Metrics, retention: Duration): readonly cloudwatch.Alarm[] {
    return [
      this.alarm('FallingBehind', {
        metric: metrics.iteratorAge,
        threshold: 60_000,
        minutes: 5,
        says: 'The service reads records more than a minute after they arrived.',
      }),
      this.alarm('NearRetention', {
        metric: metrics.iteratorAge,
        threshold: retention.toMilliseconds() / 4,
        minutes: 5,
        says: 'The service is a quarter of the retention behind: records will be lost unless it catches up.',
      }),
      this.alarm('WritesThrottled', {
        metric: metrics.writesThrottled,
        threshold: 1,
        minutes: 5,
        says: 'The stream refuses records for want of capacity; the way in answers 503 or 207.',
      }),
      this.alarm('RequestsFailing', {
        metric: metrics.requests5xx,
        threshold: 1,
        minutes: 5,
        says: 'For five minutes some requests failed for reasons that are not their own.',
      }),
      this.alarm('EventsFunctionErrors', {
        metric: metrics.functionErrors,
        threshold: 1,
        minutes: 1,
        says: 'The events function failed as a whole; its callers got a 502.',
      }),
      this.alarm('PanesDelayed', {
        metric: metrics.panesFreshness,
        threshold: 900,
        minutes: 5,
        says: 'The oldest pane that Firehose holds is older than 15 minutes.',
      }),
      this.alarm('RefusedDelayed', {
        metric: metrics.refusedFreshness,
        threshold: 900,
        minutes: 5,
        says: 'The oldest late or rejected record that Firehose holds is older than 15 minutes.',
      }),
      this.alarm('ServiceDown', {
        metric: metrics.runningSamples,
        threshold: 1,
        below: true,
        minutes: 5,
        says: 'No task of the stream service is running.',
      }),
    ]
  }

  private lossAlarm({ serviceLogs }: ObservabilityProps): cloudwatch.Alarm {
    const lost = serviceLogs.addMetricFilter('Lost', {
      ...this.logMetric('RecordsLost'),
      filterPattern: logs.FilterPattern.any(...lossMessages.map(saying)),
      metricValue: '1',
    })
    return this.alarm('RecordsLost', {
      metric: lost.metric({ period: Duration.minutes(1), statistic: 'Sum' }),
      threshold: 1,
      minutes: 1,
      says: 'Records, or messages between tasks, were lost before they were read: results are incomplete.',
    })
  }

  private exchangeAlarm(exchange: kinesis.IStream): cloudwatch.Alarm {
    return this.alarm('ExchangeBehind', {
      metric: exchange.metricGetRecordsIteratorAgeMilliseconds({ period: Duration.minutes(1), statistic: 'Maximum' }),
      threshold: 60_000,
      minutes: 5,
      says: 'Partial results are merged more than a minute after lanes gave them.',
    })
  }

  /** The service says when it begins to hold panes back and when it has ended: the metric is 1 and 0, and stays between. */
  private holdBackAlarm({ serviceLogs }: ObservabilityProps): cloudwatch.Alarm {
    const named = this.logMetric('PanesHeldBack')
    const begun = serviceLogs.addMetricFilter('HeldBack', {
      ...named,
      filterPattern: saying(holdBackMessages.begun),
      metricValue: '1',
    })
    serviceLogs.addMetricFilter('NotHeldBack', {
      ...named,
      filterPattern: saying(holdBackMessages.ended),
      metricValue: '0',
    })
    return this.alarm('PanesHeldBack', {
      // A task that starts says both within seconds, which is no reason to wake anybody.
      metric: begun.metric({ period: Duration.minutes(5), statistic: 'Minimum' }),
      threshold: 1,
      minutes: 1,
      silence: cloudwatch.TreatMissingData.IGNORE,
      says: 'The service holds panes back, because it does not hold all shards and has no exchange.',
    })
  }

  private logMetric(metricName: string) {
    return { metricNamespace: `Millrace/${this.stage}`, metricName }
  }

  private alarm(id: string, { metric, threshold, below, minutes, says, silence }: AlarmOptions): cloudwatch.Alarm {
    const alarm = new cloudwatch.Alarm(this, id, {
      alarmName: `millrace-${this.stage}-${id}`,
      alarmDescription: `${says} Runbook: "${id}" in infra/README.md.`,
      metric,
      threshold,
      evaluationPeriods: minutes,
      comparisonOperator: below
        ? cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
        : cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      // What counts something present is silent when there is nothing; what counts something bad is silent when all is well.
      treatMissingData:
        silence ?? (below ? cloudwatch.TreatMissingData.BREACHING : cloudwatch.TreatMissingData.NOT_BREACHING),
    })
    alarm.addAlarmAction(new SnsAction(this.topic))
    alarm.addOkAction(new SnsAction(this.topic))
    return alarm
  }

  private createDashboard(metrics: Metrics): void {
    const graph = (title: string, ...left: cloudwatch.IMetric[]) =>
      new cloudwatch.GraphWidget({ title, left, width: 8, height: 6 })
    const dashboard = new cloudwatch.Dashboard(this, 'Dashboard', {
      dashboardName: `millrace-${this.stage}`,
      defaultInterval: Duration.hours(3),
    })
    dashboard.addWidgets(
      new cloudwatch.AlarmStatusWidget({ title: 'Alarms', alarms: [...this.alarms], width: 24, height: 3 }),
    )
    dashboard.addWidgets(
      graph('Lag: age of the records read', metrics.iteratorAge),
      graph('Records in', metrics.recordsIn),
      graph('Bytes in', metrics.bytesIn),
    )
    dashboard.addWidgets(
      graph('API: requests, refused, failed', metrics.requests, metrics.requests4xx, metrics.requests5xx),
      graph('API: latency', metrics.latencyP50, metrics.latencyP99),
      graph('Events function: errors, throttles', metrics.functionErrors, metrics.functionThrottles),
    )
    dashboard.addWidgets(
      graph('Stream: refused puts', metrics.writesThrottled),
      graph('Firehose: age of the oldest line', metrics.panesFreshness, metrics.refusedFreshness),
      graph('Lines to Firehose', metrics.panesIn, metrics.refusedIn),
    )
    dashboard.addWidgets(
      graph('Service: running', metrics.runningSamples),
      graph('Service: CPU', metrics.cpu),
      graph('Service: memory', metrics.memory),
    )
  }
}

/** What the service logs when something is lost. */
export const lossMessages = [
  'records were lost to retention before they were read',
  'messages of the exchange were lost to retention before they were read',
  'the checkpoint is ahead of the saved state',
  'a record of the exchange is passed over',
] as const

/** What it logs when panes wait for shards that other tasks hold. */
export const holdBackMessages = {
  begun: 'panes are held back',
  ended: 'all shards are held here',
} as const

/** Lines of the service's log whose message begins so. */
function saying(message: string): logs.JsonPattern {
  return logs.FilterPattern.stringValue('$.msg', '=', `${message}*`)
}

type Metrics = ReturnType<typeof metricsOf>

function metricsOf({ stream, api, eventsFunction, panes, refused, service }: ObservabilityProps) {
  const period = Duration.minutes(1)
  const sum = { period, statistic: 'Sum' }
  const max = { period, statistic: 'Maximum' }
  return {
    iteratorAge: stream.metricGetRecordsIteratorAgeMilliseconds(max),
    recordsIn: stream.metricIncomingRecords(sum),
    bytesIn: stream.metricIncomingBytes(sum),
    writesThrottled: stream.metricWriteProvisionedThroughputExceeded(sum),
    requests: api.metricCount({ ...sum, label: 'requests' }),
    requests4xx: api.metricClientError({ ...sum, label: '4xx' }),
    requests5xx: api.metricServerError({ ...sum, label: '5xx' }),
    latencyP50: api.metricLatency({ period, statistic: 'p50', label: 'p50' }),
    latencyP99: api.metricLatency({ period, statistic: 'p99', label: 'p99' }),
    functionErrors: eventsFunction.metricErrors(sum),
    functionThrottles: eventsFunction.metricThrottles(sum),
    panesFreshness: panes.metric('DeliveryToS3.DataFreshness', { ...max, label: 'panes' }),
    refusedFreshness: refused.metric('DeliveryToS3.DataFreshness', { ...max, label: 'refused' }),
    panesIn: panes.metricIncomingRecords({ ...sum, label: 'panes' }),
    refusedIn: refused.metricIncomingRecords({ ...sum, label: 'refused' }),
    // ECS measures CPU of running tasks only ("Amazon ECS CloudWatch metrics" in the ECS guide): without a sample there is
    // no task. That costs nothing, unlike the task count of Container Insights.
    runningSamples: service.metricCpuUtilization({
      period,
      statistic: 'SampleCount',
      label: 'samples of a running task',
    }),
    cpu: service.metricCpuUtilization({ ...max }),
    memory: service.metricMemoryUtilization({ ...max }),
  }
}
