import { sampleEventSchema } from '@millrace/shared/events'
import { expect, test } from 'vitest'
import { sampleEvent } from './sample-events.ts'

const nowMs = 1_700_000_000_000
const events = Array.from({ length: 20_000 }, (_, index) => sampleEvent({ seed: 1, index, nowMs }))
const share = (holds: (event: (typeof events)[number]) => boolean) => events.filter(holds).length / events.length

test('the same seed and number give the same event, another seed another', () => {
  expect(sampleEvent({ seed: 7, index: 3, nowMs })).toEqual(sampleEvent({ seed: 7, index: 3, nowMs }))
  expect(sampleEvent({ seed: 8, index: 3, nowMs })).not.toEqual(sampleEvent({ seed: 7, index: 3, nowMs }))
  expect(sampleEvent({ seed: 7, index: 3, nowMs: nowMs + 5 }).ts).toBe(sampleEvent({ seed: 7, index: 3, nowMs }).ts + 5)
})

test('events keep to the schema and have about 250 bytes', () => {
  for (const event of events.slice(0, 500)) expect(() => sampleEventSchema.parse(event)).not.toThrow()
  const bytes = events.reduce((sum, event) => sum + JSON.stringify(event).length, 0) / events.length
  expect(bytes).toBeGreaterThan(200)
  expect(bytes).toBeLessThan(300)
})

test('event times lie up to 3 s before now, and are out of order', () => {
  const delays = events.map(({ ts }) => nowMs - ts)
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(0)
  expect(Math.max(...delays)).toBeLessThanOrEqual(3_000)
  expect(delays.reduce((sum, delay) => sum + delay, 0) / delays.length).toBeCloseTo(200, -1)
})

test('types, pages and values are spread as documented', () => {
  expect(share(({ type }) => type === 'page_view')).toBeCloseTo(0.7, 1)
  expect(share(({ type }) => type === 'purchase')).toBeCloseTo(0.05, 1)
  expect(share(({ page }) => page === '/p/1') / share(({ page }) => page === '/p/10')).toBeGreaterThan(5)
  expect(events.every(({ type, value }) => (type === 'purchase' ? value >= 5 : value === 0))).toBe(true)
  expect(new Set(events.map(({ userId }) => userId)).size).toBeGreaterThan(1_000)
})
