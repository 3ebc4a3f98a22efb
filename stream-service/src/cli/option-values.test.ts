import { expect, test } from 'vitest'
import { countValue, durationValue, rateValue, startValue } from './option-values.ts'

test.each([
  [rateValue, '100', 100],
  [rateValue, '0.5/s', 0.5],
  [countValue, '12', 12],
  [durationValue, '1.5s', 1_500],
  [startValue, 'latest', 'LATEST'],
  [startValue, 'TRIM_HORIZON', 'TRIM_HORIZON'],
  [startValue, 'trim-horizon', 'TRIM_HORIZON'],
  [startValue, '1700000000000', new Date(1_700_000_000_000)],
  [startValue, '2024-01-31T12:00:00', new Date('2024-01-31T12:00:00Z')],
  [startValue, '2024-01-31T12:00:00+01:00', new Date('2024-01-31T11:00:00Z')],
  [startValue, '2024-01-31', new Date('2024-01-31T00:00:00Z')],
])('%o takes %s', (parse, text, value) => {
  expect(parse(text)).toEqual(value)
})

test.each([
  [rateValue, '0'],
  [rateValue, '-1'],
  [rateValue, 'fast'],
  [countValue, '0'],
  [countValue, '1.5'],
  [durationValue, '20'],
  [durationValue, '0s'],
  [startValue, 'yesterday'],
  [startValue, '2999-01-01'],
])('%o refuses %s', (parse, text) => {
  expect(() => parse(text)).toThrow(/^(It must|A rate|A duration)/)
})
