import { expect, test } from 'vitest'
import type { CheckedEvent } from './check-event.ts'
import { partitionKeyOf } from './partition-key.ts'
import { fakeStream, post } from './testing.ts'

const keyOf = (fields: Record<string, unknown>, field?: string, requested?: string) =>
  partitionKeyOf(anEvent(fields), { field: field?.split('.'), requested })

function anEvent(fields: Record<string, unknown>): CheckedEvent {
  return { id: 'e1', type: 'a', text: JSON.stringify(fields), fields }
}

test('the key is what was asked for, else the field, else the id of the event', () => {
  expect(keyOf({ userId: 'u1' }, 'userId', 'asked')).toBe('asked')
  expect(keyOf({ userId: 'u1' }, 'userId', '')).toBe('u1')
  expect(keyOf({ user: { id: 5 } }, 'user.id')).toBe('5')
  expect(keyOf({ userId: '' }, 'userId')).toBe('e1')
  expect(keyOf({ userId: { a: 1 } }, 'userId')).toBe('e1')
  expect(keyOf({}, 'constructor.name')).toBe('e1')
  expect(keyOf({})).toBe('e1')
})

test('a key of 256 characters stays, however many bytes; a longer one is hashed', () => {
  expect(keyOf({ k: '😀'.repeat(256) }, 'k')).toBe('😀'.repeat(256))
  const hashed = keyOf({ k: 'x'.repeat(257) }, 'k')
  expect(hashed).toMatch(/^[0-9a-f]{64}$/)
  expect(keyOf({ k: 'x'.repeat(257) }, 'k')).toBe(hashed)
  expect(keyOf({ k: 'x'.repeat(258) }, 'k')).not.toBe(hashed)
})

test('keys with half a surrogate pair are hashed, and stay different', () => {
  expect(keyOf({ k: '\uD800' }, 'k')).toMatch(/^[0-9a-f]{64}$/)
  expect(keyOf({ k: '\uD800' }, 'k')).not.toBe(keyOf({ k: '\uD801' }, 'k'))
})

test('a request asks with a query parameter, or else with a header', async () => {
  const { client, stored } = fakeStream()
  const body = '{"type":"a"}'
  await post({ body, query: { partitionKey: 'q' }, headers: { 'X-Partition-Key': 'h' } }, client)
  await post({ body, headers: { 'X-Partition-Key': 'h' } }, client)
  expect(stored.map(({ partitionKey }) => partitionKey)).toEqual(['q', 'h'])
})
