import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { describeAggregatorLaws, notNumbers, Row } from './aggregator-laws.ts'
import { quantile } from './quantile.ts'

const doubles = fc.double({ noNaN: true, noDefaultInfinity: true })
const latencies = fc.integer({ min: 1, max: 5000 })
const changes = fc.double({ min: -100, max: 100, noNaN: true })

/** Around 64, where numbers kept become numbers counted. */
const upTo150 = fc.array(fc.oneof(latencies, changes, fc.constant(0), doubles), { maxLength: 150, size: 'max' })

/** All over the doubles, in more than 2,048 bins, so that bins join. */
const wide = fc
  .array(
    fc.record({
      from: fc.double({ min: -300, max: 300, noNaN: true }),
      count: fc.nat(2500),
      sign: fc.constantFrom(1, -1),
    }),
    {
      maxLength: 4,
    },
  )
  .map((runs) =>
    runs.flatMap(({ from, count, sign }) =>
      Array.from({ length: count }, (_, index) => sign * 10 ** Math.min(from + index * 0.01, 308)),
    ),
  )

describeAggregatorLaws('quantile 0.5', quantile(0.5), doubles, { skips: notNumbers })
describeAggregatorLaws('quantile 0.95 of up to 150 numbers', quantile(0.95), doubles, {
  lists: upTo150,
  skips: notNumbers,
})
describeAggregatorLaws('quantile 0.3 of numbers of all sizes', quantile(0.3), doubles, { lists: wide, runs: 30 })
describeAggregatorLaws('quantile 0', quantile(0), doubles, { skips: notNumbers })
describeAggregatorLaws('quantile 1', quantile(1), doubles, { skips: notNumbers })

const shares = [0, 0.001, 0.01, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1]

/** The element that the quantile stands for. */
function exactly(q: number, values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))]!
}

test('is the lower of two elements that q falls between', () => {
  expect(new Row(quantile(0.5), [40, 10, 30, 20]).result).toBe(20)
  expect(new Row(quantile(0.5), [40, 10, 30]).result).toBe(30)
  expect(new Row(quantile(0.95), [87, 12, 30]).result).toBe(30)
})

test('is an element of the values, the exact one, up to 64 of them', () => {
  fc.assert(
    fc.property(
      fc.array(doubles, { minLength: 1, maxLength: 64, size: 'max' }),
      fc.constantFrom(...shares),
      (values, q) => {
        expect(new Row(quantile(q), values).result as number).toBeCloseTo(exactly(q, values), 12)
      },
    ),
  )
  const sixtyFour = Array.from({ length: 64 }, (_, index) => 1000 + index)
  expect(new Row(quantile(0.5), sixtyFour).result).toBe(1031)
})

describe('over 20,000 values', () => {
  // Multiples of the golden ratio fill [0, 1) evenly, in an order that looks like chance.
  const even = Array.from({ length: 20_000 }, (_, index) => (index * 0.6180339887498949) % 1)
  const samples: Record<string, number[]> = {
    'of whole milliseconds': even.map((u) => Math.ceil(-120 * Math.log(1 - u))),
    'of a heavy tail': even.map((u) => (1 - u) ** -1.5),
    'evenly from 0 to 1': even,
    'of all signs': even.map((u) => (u - 0.4) ** 3 * 1000),
    'of losses': even.map((u) => -50 / (u + 0.01)),
    'with many zeros': even.map((u) => (u < 0.6 ? 0 : u)),
    'of epoch milliseconds': even.map((u) => 1_700_000_000_000 + u * 1e9),
    'over thirteen orders of magnitude': even.map((u) => 10 ** (u * 13 - 4)),
  }

  test.each(Object.keys(samples))('%s: every quantile is within one percent', (name) => {
    const values = samples[name]!
    const sorted = values.toSorted((a, b) => a - b)
    for (const q of shares) {
      const wanted = sorted[Math.floor(q * (values.length - 1))]!
      const found = new Row(quantile(q), values).result as number
      expect(Math.abs(found - wanted)).toBeLessThanOrEqual(Math.abs(wanted) * 0.01)
    }
  })
})

test('is within 1 % at both ends of the doubles', () => {
  for (const value of [5e-324, Number.MIN_VALUE * 3, 2.2250738585072014e-308, 1e300, Number.MAX_VALUE]) {
    const values = [...new Array(40).fill(-value), ...new Array(41).fill(value)]
    const low = new Row(quantile(0.25), values).result as number
    const high = new Row(quantile(0.75), values).result as number
    expect(low).toBe(-high)
    expect(Math.abs(high / value - 1)).toBeLessThanOrEqual(0.01 + 1e-9)
  }
})

test('is never outside of the values: the same number a hundred times is that number', () => {
  for (const value of [100, -100, 0, 0.1, 12345.678]) {
    expect(new Row(quantile(0.5), new Array(100).fill(value)).result).toBe(value)
  }
})

test.each([1, -1])('keeps to 2,048 bins, and to 2 %% once bins have joined, for numbers of sign %i', (sign) => {
  const values = Array.from({ length: 4000 }, (_, index) => sign * 1.0202 ** (index - 2000))
  const row = new Row(quantile(0.5), values)
  const { joined, bins } = row.snapshot.refs[0] as { joined: number; bins: number[] }

  expect(joined).toBe(1)
  expect(bins.length / 2).toBeLessThanOrEqual(2048)
  for (const q of shares) {
    const found = new Row(quantile(q), values).result as number
    expect(Math.abs(found / exactly(q, values) - 1)).toBeLessThan(0.02)
  }
})

test('is the same for any split of 64 numbers, which are kept, and of 65, which are counted', () => {
  const median = quantile(0.5)
  for (const count of [64, 65]) {
    const values = Array.from({ length: count }, (_, index) => 1001 + 10 * index)
    const results = values.map((_, cut) => {
      return new Row(median, values.slice(0, cut)).merge(new Row(median, values.slice(cut))).result as number
    })
    expect(new Set(results).size).toBe(1)
    expect(values.includes(results[0]!)).toBe(count === 64)
  }
})

test('reaches down and up to the numbers of either side of a merge', () => {
  const low = Array.from({ length: 70 }, (_, index) => 10 + index)
  const high = Array.from({ length: 70 }, (_, index) => 1000 + index)
  for (const q of [0.01, 0.99]) {
    const wanted = new Row(quantile(q), [...low, ...high]).result
    expect(new Row(quantile(q), low).merge(new Row(quantile(q), high)).result).toBe(wanted)
    expect(new Row(quantile(q), high).merge(new Row(quantile(q), low)).result).toBe(wanted)
  }
})

test.each([-0.1, 1.1, Number.NaN])('refuses q = %s', (q) => {
  expect(() => quantile(q)).toThrow(`quantile needs a q from 0 to 1, but it is ${q}`)
})
