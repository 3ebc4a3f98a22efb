import { expect, test } from 'vitest'
import { actionsAllowedTo, stageTemplate, statementsOf } from '../testing/stage-template.ts'

const template = stageTemplate('dev', (config) => ({ ...config, service: { ...config.service, source: 'kcl' } }))
const [task] = Object.values(template.findResources('AWS::ECS::TaskDefinition'))

test('the service is told the source and the application, and has a folder for the socket of its daemon', () => {
  const [container] = task!.Properties.ContainerDefinitions
  expect(container.Environment).toEqual(
    expect.arrayContaining([
      { Name: 'MILLRACE_SOURCE', Value: 'kcl' },
      { Name: 'MILLRACE_KCL_APPLICATION', Value: 'Millrace-dev-kcl' },
    ]),
  )
  expect(container.MountPoints).toContainEqual({ SourceVolume: 'tmp', ContainerPath: '/tmp', ReadOnly: false })
})

test('the task may make and use the tables of its application, and no others', () => {
  const onTables = statementsOf(template).filter(({ actions }) =>
    actions.some((action) => action.startsWith('dynamodb:')),
  )
  expect(onTables).toHaveLength(1)
  const names = onTables[0]!.resources.map((arn) => /table\/([^"]+)/.exec(JSON.stringify(arn))?.[1])
  expect(names).toEqual(['Millrace-dev-kcl', 'Millrace-dev-kcl-CoordinatorState', 'Millrace-dev-kcl-WorkerMetricStats'])
  expect(actionsAllowedTo(template, /^ServiceTaskTaskRole/)).toEqual(
    expect.arrayContaining(['dynamodb:CreateTable', 'kinesis:SubscribeToShard']),
  )
})

test('without the source kcl there is nothing of it', () => {
  const direct = stageTemplate('dev')
  expect(actionsAllowedTo(direct, /^ServiceTaskTaskRole/).join()).not.toContain('dynamodb')
})
