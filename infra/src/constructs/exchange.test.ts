import { expect, test } from 'vitest'
import { actionsAllowedTo, stageTemplate, statementsOf, withSeveralTasks } from '../testing/stage-template.ts'

const template = stageTemplate('dev', withSeveralTasks)
const [exchangeId] = Object.keys(template.findResources('AWS::Kinesis::Stream')).filter((id) => /^Exchange/.test(id))

test('the exchange has its shards, takes big records, is encrypted as the stream is, and goes with the stack', () => {
  expect(template.findResources('AWS::Kinesis::Stream')[exchangeId!]).toMatchObject({
    DeletionPolicy: 'Delete',
    Properties: {
      ShardCount: 2,
      StreamModeDetails: { StreamMode: 'PROVISIONED' },
      RetentionPeriodHours: 48,
      MaxRecordSizeInKiB: 10_240,
      StreamEncryption: { EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' },
    },
  })
})

test('another number of shards makes another stream, since this one must not be split', () => {
  const wider = stageTemplate('dev', (config) => ({
    ...withSeveralTasks(config),
    exchange: { shards: 4, retentionHours: 48 },
  }))
  expect(Object.keys(wider.findResources('AWS::Kinesis::Stream'))).not.toContain(exchangeId)
})

test('production keeps it when the stack goes', () => {
  const production = stageTemplate('production', withSeveralTasks)
  production.allResources('AWS::Kinesis::Stream', { DeletionPolicy: 'Retain' })
})

test('the service is told of it, and runs as many tasks as the stage says, never fewer than half of them', () => {
  const [task] = Object.values(template.findResources('AWS::ECS::TaskDefinition'))
  expect(task!.Properties.ContainerDefinitions[0].Environment).toContainEqual({
    Name: 'MILLRACE_EXCHANGE_STREAM',
    Value: { Ref: exchangeId },
  })
  template.hasResourceProperties('AWS::ECS::Service', {
    DesiredCount: 3,
    DeploymentConfiguration: { MinimumHealthyPercent: 50, MaximumPercent: 100 },
  })
})

test('the task may read it and put records on it, and put none on the stream', () => {
  const puts = statementsOf(template).filter(
    ({ holder, actions }) => /^ServiceTaskTaskRole/.test(holder) && actions.includes('kinesis:PutRecords'),
  )
  expect(puts).toEqual([
    expect.objectContaining({
      actions: [
        'kinesis:DescribeStreamSummary',
        'kinesis:ListShards',
        'kinesis:GetShardIterator',
        'kinesis:GetRecords',
        'kinesis:PutRecords',
      ],
      resources: [{ 'Fn::GetAtt': [exchangeId, 'Arn'] }],
    }),
  ])
})

test('its application of the KCL has tables and a consumer of its own', () => {
  const own = statementsOf(template).filter(({ holder }) => /^ServiceTaskTaskRole/.test(holder))
  const names = own
    .filter(({ actions }) => actions.some((action) => action.startsWith('dynamodb:')))
    .flatMap(({ resources }) => resources.map((arn) => /table\/([^"]+)/.exec(JSON.stringify(arn))?.[1]))
  expect(names).toEqual(
    ['Millrace-dev-kcl', 'Millrace-dev-kcl-exchange'].flatMap((application) => [
      application,
      `${application}-CoordinatorState`,
      `${application}-WorkerMetricStats`,
    ]),
  )
  const consumers = own.filter(({ actions }) => actions.includes('kinesis:SubscribeToShard'))
  expect(JSON.stringify(consumers.at(-1)!.resources)).toContain('/consumer/Millrace-dev-kcl-exchange:*')
})

test('without an exchange there is nothing of it', () => {
  const alone = stageTemplate('dev')
  alone.resourceCountIs('AWS::Kinesis::Stream', 1)
  expect(actionsAllowedTo(alone, /^ServiceTaskTaskRole/)).not.toContain('kinesis:PutRecords')
})
