import { expect, test } from 'vitest'
import { readConfig } from './config.ts'

test('the stream is all that must be set', () => {
  expect(readConfig({ MILLRACE_STREAM: 'orders' })).toEqual({
    streamName: 'orders',
    partitionKeyField: undefined,
    eventSchema: 'any',
    source: '/millrace/events',
  })
  expect(readConfig({ MILLRACE_STREAM: 'orders', PARTITION_KEY_FIELD: 'user.id' }).partitionKeyField).toEqual([
    'user',
    'id',
  ])
})

test('all faults are told together', () => {
  expect(() => readConfig({ EVENT_SCHEMA: 'mine' })).toThrow(/MILLRACE_STREAM[\s\S]*EVENT_SCHEMA/)
})
