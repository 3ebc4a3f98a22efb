import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Fields } from '../records/fields.ts'
import { parseIsoTime, timeReader } from './event-time.ts'

describe('event time', () => {
  test.each([
    ['ms', 1.9, 1],
    ['ms', -1.5, -2],
    ['ms', 8.64e15, 8.64e15],
    ['ms', 8.64e15 + 1_000, Number.NaN],
    ['ms', '1', Number.NaN],
    ['ms', Number.POSITIVE_INFINITY, Number.NaN],
    // 1.001 * 1000 is 1000.9999999999999 in doubles, and means 1001.
    ['s', 1.001, 1_001],
    ['s', 1.0019, 1_001],
    ['s', 1_700_000_000.123, 1_700_000_000_123],
    ['us', 1_999, 1],
    ['ns', -1, -1],
    ['iso', 0, Number.NaN],
    ['iso', '1970-01-01T00:00:01Z', 1_000],
  ] as const)('unit %s reads %s as %s', (unit, value, expected) => {
    const fields = new Fields(1)
    fields.set(0, value)
    expect(timeReader(unit)(fields, 0)).toBe(expected)
  })
})

describe('ISO 8601', () => {
  test('agrees with Date.parse on every instant it writes', () => {
    fc.assert(
      fc.property(fc.date({ noInvalidDate: true }), (date) => {
        expect(parseIsoTime(date.toISOString())).toBe(date.getTime())
      }),
    )
  })

  test.each([
    ['2026-11-24', '2026-11-24T00:00:00.000Z'],
    ['2026-11-24T08:00', '2026-11-24T08:00:00.000Z'],
    ['2026-11-24 08:00:00', '2026-11-24T08:00:00.000Z'],
    ['2026-11-24T08:00:00.1239+02:00', '2026-11-24T06:00:00.123Z'],
    ['2026-11-24T08:00:00-0530', '2026-11-24T13:30:00.000Z'],
    ['2026-11-24T08:00:00+02', '2026-11-24T06:00:00.000Z'],
    ['2024-02-29T23:59:59,5z', '2024-02-29T23:59:59.500Z'],
    ['2026-11-24T24:00:00Z', '2026-11-25T00:00:00.000Z'],
    ['0001-01-01', '0001-01-01T00:00:00.000Z'],
  ])('reads %s as %s', (text, expected) => {
    expect(new Date(parseIsoTime(text)).toISOString()).toBe(expected)
  })

  test.each([
    '2026-02-29',
    '2026-13-01',
    '2026-00-10',
    '2026-11-31',
    '2026-11-24T24:00:01Z',
    '2026-11-24T08:60Z',
    '2026-11-24T08:00:61Z',
    '2026-11-24T08Z',
    '2026-11-24T08:00:00+24:00',
    '2026-11-24T08:00:00 +02:00x',
    '24.11.2026',
    '2026-W48-2',
    '-000000-01-01',
    '+275760-09-14',
    'now',
    '',
  ])('refuses %s', (text) => {
    expect(parseIsoTime(text)).toBeNaN()
  })
})
