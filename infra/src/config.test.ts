import { expect, test } from 'vitest'
import { parseStageConfig, stageConfig } from './config.ts'

test('a stage that does not exist is answered with those that do', () => {
  expect(() => stageConfig('prod')).toThrow('unknown stage "prod": one of dev, staging, production')
})

test('all faults of a configuration are told together, unknown properties included', () => {
  const config = stageConfig('dev')
  const broken = { ...config, logRetentionDays: 8, stream: { ...config.stream, retentionHours: 23 }, colour: 'red' }
  expect(() => parseStageConfig(broken)).toThrow(
    /logRetentionDays[\s\S]*retentionHours|retentionHours[\s\S]*logRetentionDays/,
  )
  expect(() => parseStageConfig(broken)).toThrow('"colour"')
})

test('production is neither open to anybody nor without retained data; development may be both', () => {
  const open = <T extends ReturnType<typeof stageConfig>>(config: T) => ({
    ...config,
    retainData: false,
    ingest: { ...config.ingest, authorization: 'none' },
  })
  expect(() => parseStageConfig(open(stageConfig('production')))).toThrow(/keeps its data[\s\S]*not open to anybody/)
  expect(parseStageConfig(open(stageConfig('dev'))).ingest.authorization).toBe('none')
})

test('several tasks need the source kcl, an exchange, and the memory for its second daemon', () => {
  const { service, ...rest } = stageConfig('dev')
  const exchange = { shards: 2, retentionHours: 24 }
  const several = { ...service, tasks: 2, source: 'kcl', memoryMiB: 2048 } as const
  const refusal = (config: object) => () => parseStageConfig({ ...rest, ...config })
  expect(refusal({ service: { ...several, source: 'direct' }, exchange })).toThrow(/several tasks need the source kcl/)
  expect(refusal({ service: several })).toThrow(/several tasks need an exchange/)
  expect(refusal({ service: { ...several, memoryMiB: 1024 }, exchange })).toThrow(/at least 2048 with an exchange/)
  expect(refusal({ service, exchange })).toThrow(/an exchange is for the source kcl/)
  expect(parseStageConfig({ ...rest, service: several, exchange }).service.tasks).toBe(2)
  // One task may have an exchange, or it could never become two.
  expect(parseStageConfig({ ...rest, service: { ...several, tasks: 1 }, exchange }).exchange).toEqual(exchange)
})
