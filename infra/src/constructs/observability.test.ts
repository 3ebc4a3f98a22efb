import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Match, type Template } from 'aws-cdk-lib/assertions'
import { expect, test } from 'vitest'
import { stageTemplate, withSeveralTasks } from '../testing/stage-template.ts'
import { holdBackMessages, lossMessages } from './observability.ts'

const template = stageTemplate('production')
const alarms = alarmsOf(template)
const several = stageTemplate('production', withSeveralTasks)
const alone = stageTemplate('production', (config) => ({ ...config, service: { ...config.service, source: 'kcl' } }))

test('there are alarms for lag, loss, throttling, errors, delivery and a missing task', () => {
  expect(alarms.map(({ AlarmName }) => AlarmName).sort()).toEqual([
    'millrace-production-EventsFunctionErrors',
    'millrace-production-FallingBehind',
    'millrace-production-NearRetention',
    'millrace-production-PanesDelayed',
    'millrace-production-RecordsLost',
    'millrace-production-RefusedDelayed',
    'millrace-production-RequestsFailing',
    'millrace-production-ServiceDown',
    'millrace-production-WritesThrottled',
  ])
})

test('every alarm tells the topic, and has a section in the runbook', () => {
  const runbook = readFileSync(path.join(import.meta.dirname, '../../README.md'), 'utf8')
  for (const alarm of [...alarms, ...alarmsOf(several), ...alarmsOf(alone)]) {
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

test('a loss that the service logs is an alarm at once', () => {
  const [filter] = filtersOf(template)
  for (const message of lossMessages) expect(filter!.FilterPattern).toContain(`$.msg = "${message}*"`)
  expect(alarmsOf(template).find(({ AlarmName }) => AlarmName.endsWith('RecordsLost'))).toMatchObject({
    Namespace: 'Millrace/production',
    MetricName: 'RecordsLost',
    Threshold: 1,
    EvaluationPeriods: 1,
    TreatMissingData: 'notBreaching',
  })
})

test('that panes are held back stays an alarm until the service says that they are not', () => {
  const values = filtersOf(alone).map(({ FilterPattern, MetricTransformations: [to] }) => [
    FilterPattern,
    to.MetricName,
    to.MetricValue,
  ])
  expect(values.slice(1)).toEqual([
    [`{ $.msg = "${holdBackMessages.begun}*" }`, 'PanesHeldBack', '1'],
    [`{ $.msg = "${holdBackMessages.ended}*" }`, 'PanesHeldBack', '0'],
  ])
  expect(alarmsOf(alone).find(({ AlarmName }) => AlarmName.endsWith('PanesHeldBack'))).toMatchObject({
    Statistic: 'Minimum',
    TreatMissingData: 'ignore',
  })
})

test('an exchange that is read late is an alarm; with one, no panes are held back', () => {
  const names = alarmsOf(several).map(({ AlarmName }) => AlarmName)
  expect(names).toContain('millrace-production-ExchangeBehind')
  expect(names).not.toContain('millrace-production-PanesHeldBack')
})

test('what the filters look for is what the service says', () => {
  const sources = path.join(import.meta.dirname, '../../../stream-service/src')
  const texts = ['main.ts', 'tasks/lanes.ts', 'tasks/exchange-link.ts', 'tasks/own-merge.ts'].map((file) =>
    readFileSync(path.join(sources, file), 'utf8'),
  )
  for (const message of [...lossMessages, ...Object.values(holdBackMessages)]) {
    expect(texts.some((text) => text.includes(`'${message}`))).toBe(true)
  }
})

function alarmsOf(of: Template) {
  return Object.values(of.findResources('AWS::CloudWatch::Alarm')).map(({ Properties }) => Properties)
}

function filtersOf(of: Template) {
  return Object.values(of.findResources('AWS::Logs::MetricFilter')).map(({ Properties }) => Properties)
}
