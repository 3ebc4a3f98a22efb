import fc from 'fast-check'
import { expect, test } from 'vitest'
import { describeAggregatorLaws, notScalars, Row } from './aggregator-laws.ts'
import { topK } from './top-k.ts'

// Fewer than the 100 counters of topK(3), so that counts are exact.
const pages = fc.oneof(
  fc.nat(30).map((n) => `/p/${n}`),
  fc.integer({ min: -3, max: 20 }),
  fc.boolean(),
)

describeAggregatorLaws('topK', topK(3), pages, {
  lists: fc.array(pages, { maxLength: 200, size: 'max' }),
  skips: notScalars,
})

test('lists the k most frequent values, the most frequent first', () => {
  expect(new Row(topK(2), ['a', 'b', 'b', 'c', 'c', 'c']).result).toEqual([
    { value: 'c', count: 3, error: 0 },
    { value: 'b', count: 2, error: 0 },
  ])
})

test('lists all values when there are fewer than k', () => {
  expect(new Row(topK(10), ['a']).result).toEqual([{ value: 'a', count: 1, error: 0 }])
})

test('orders equal counts by value: numbers, then strings by code unit, then booleans', () => {
  const values = [true, 'b', 10, 'a', 9, false, 'B', '10', -1, 'ä']
  const result = new Row(topK(20), values).result as { value: unknown }[]
  expect(result.map(({ value }) => value)).toEqual([-1, 9, 10, '10', 'B', 'a', 'b', 'ä', false, true])
})

test('tells values of different types apart, but not 0 and -0', () => {
  expect(new Row(topK(3), [1, '1', '1', -0, 0, -0]).result).toEqual([
    { value: 0, count: 3, error: 0 },
    { value: '1', count: 2, error: 0 },
    { value: 1, count: 1, error: 0 },
  ])
})

test('finds the frequent ones among far more values than it has counters, split over partials or not', () => {
  const values: string[] = []
  for (let i = 0; i < 30_000; i++)
    values.push(i % 2 === 0 ? `rare-${i}` : `page-${Math.floor(8 ** ((i * 0.6180339887498949) % 1))}`)
  const partials = [0, 1, 2].map(
    (part) =>
      new Row(
        topK(5),
        values.filter((_, index) => index % 3 === part),
      ),
  )

  for (const row of [new Row(topK(5), values), new Row(topK(5)).merge(...partials)]) {
    const top = row.result as { value: string; count: number; error: number }[]
    expect(top.map(({ value }) => value)).toEqual(['page-1', 'page-2', 'page-3', 'page-4', 'page-5'])
    for (const { value, count, error } of top) {
      const actual = values.filter((one) => one === value).length
      expect(count).toBeGreaterThanOrEqual(actual)
      expect(count - error).toBeLessThanOrEqual(actual)
    }
  }
})

test.each([0, -1, 1.5, Number.NaN])('refuses k = %s', (k) => {
  expect(() => topK(k)).toThrow(`topK needs a positive integer k, but it is ${k}`)
})
