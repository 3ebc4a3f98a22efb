import { expect, expectTypeOf, test } from 'vitest'
import { type SampleEvent, sampleEventSchema } from './events.ts'

const event: SampleEvent = {
  eventId: 'e1',
  type: 'purchase',
  userId: 'u1',
  page: '/p/7',
  country: 'DE',
  value: 12.5,
  ts: 1_700_000_040_000,
}

test('a sample event may have fields of its own, and may lack a latency', () => {
  expect(sampleEventSchema.safeParse({ ...event, ua: 'Mozilla', latencyMs: 87 }).success).toBe(true)
  expect(sampleEventSchema.safeParse(event).success).toBe(true)
})

test('a field of the wrong type is named', () => {
  const result = sampleEventSchema.safeParse({ ...event, type: 'purchsae', value: '12.5', ts: 1.5 })
  expect(result.error?.issues.map(({ path }) => path.join('.'))).toEqual(['type', 'value', 'ts'])
})

test('the type knows its fields and no others', () => {
  expectTypeOf<SampleEvent['type']>().toEqualTypeOf<'page_view' | 'click' | 'purchase' | 'search'>()
  expectTypeOf<keyof SampleEvent>().toEqualTypeOf<
    'eventId' | 'type' | 'userId' | 'page' | 'country' | 'value' | 'latencyMs' | 'ts'
  >()
})
