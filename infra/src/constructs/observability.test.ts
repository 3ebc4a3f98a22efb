import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Match } from 'aws-cdk-lib/assertions'
import { expect, test } from 'vitest'
import { stageTemplate } from '../testing/stage-template.ts'

const template = stageTemplate('production')
const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(({ Properties }) => Properties)

test('there are alarms for lag, loss, throttling, errors, delivery and a missing task', () => {
  expect(alarms.map(({ AlarmName }) => AlarmName).sort()).toEqual([
    'millrace-production-EventsFunctionErrors',
    'millrace-production-FallingBehind',
    'millrace-production-NearRetention',
    'millrace-production-PanesDelayed',
    'millrace-production-RefusedDelayed',
    'millrace-production-RequestsFailing',
    'millrace-production-ServiceDown',
    'millrace-production-WritesThrottled',
  ])
})

test('every alarm tells the topic, and has a section in the runbook', () => {
  const runbook = readFileSync(path.join(import.meta.dirname, '../../README.md'), 'utf8')
  for (const alarm of alarms) {
    expect(alarm.AlarmActions, alarm.AlarmName).toEqual([{ Ref: expect.stringMatching(/^ObservabilityAlarms/) }])
    expect(runbook).toContain(`### ${alarm.AlarmName.replace('millrace-production-', '')}\n`)
  }
})

test('a silent task count is an alarm; silence about errors is not', () => {
  const missing = (name: string) => alarms.find(({ AlarmName }) => AlarmName.endsWith(name))
  expect(missing('ServiceDown')).toMatchObject({
    TreatMissingData: 'breaching',
    ComparisonOperator: 'LessThanThreshold',
    Threshold: 1,
    EvaluationPeriods: 5,
  })
  expect(missing('EventsFunctionErrors')).toMatchObject({
    TreatMissingData: 'notBreaching',
    ComparisonOperator: 'GreaterThanOrEqualToThreshold',
  })
})

test('loss is near when the service is a quarter of the retention behind', () => {
  const sevenDaysMs = 7 * 24 * 3600 * 1000
  template.hasResourceProperties('AWS::CloudWatch::Alarm', {
    AlarmName: 'millrace-production-NearRetention',
    MetricName: 'GetRecords.IteratorAgeMilliseconds',
    Statistic: 'Maximum',
    Threshold: sevenDaysMs / 4,
  })
})

test('alarms of this account may publish to the topic, over TLS only', () => {
  template.hasResourceProperties('AWS::SNS::TopicPolicy', {
    PolicyDocument: {
      Statement: Match.arrayWith([
        Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        Match.objectLike({
          Effect: 'Allow',
          Action: 'sns:Publish',
          Principal: { Service: 'cloudwatch.amazonaws.com' },
          Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
        }),
      ]),
    },
  })
})

test('alarms are mailed where an address is configured', () => {
  template.resourceCountIs('AWS::SNS::Subscription', 0)
  const mailed = stageTemplate('dev', (config) => ({ ...config, alarmEmail: 'oncall@example.com' }))
  mailed.hasResourceProperties('AWS::SNS::Subscription', { Protocol: 'email', Endpoint: 'oncall@example.com' })
})

test('the dashboard shows lag, way in, delivery and service', () => {
  const [dashboard] = Object.values(template.findResources('AWS::CloudWatch::Dashboard'))
  const body = JSON.stringify(dashboard!.Properties.DashboardBody)
  for (const metric of [
    'GetRecords.IteratorAgeMilliseconds',
    'IncomingRecords',
    '5XXError',
    'DeliveryToS3.DataFreshness',
    'CPUUtilization',
  ]) {
    expect(body).toContain(metric)
  }
})
