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
