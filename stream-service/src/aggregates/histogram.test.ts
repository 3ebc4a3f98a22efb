import fc from 'fast-check'
import { expect, test } from 'vitest'
import { describeAggregatorLaws, notNumbers, Row } from './aggregator-laws.ts'
import { histogram } from './histogram.ts'

describeAggregatorLaws('histogram', histogram([-10, 0, 2.5, 100]), fc.double({ min: -200, max: 200, noNaN: true }), {
  skips: notNumbers,
})

test('counts a value at a bound above it', () => {
  expect(new Row(histogram([10, 20]), [9, 10, 11, 19, 20, 21]).result).toEqual([1, 3, 2])
})

test('has one count more than bounds', () => {
  expect(new Row(histogram([10]), [9]).result).toEqual([1, 0])
  expect(new Row(histogram([]), [9, 10]).result).toEqual([2])
})

test('puts every value where a look at all bounds in turn puts it', () => {
  const bounds = fc
    .uniqueArray(fc.integer({ min: -20, max: 20 }), { maxLength: 12 })
    .map((some) => some.sort((a, b) => a - b))
  fc.assert(
    fc.property(bounds, fc.array(fc.integer({ min: -25, max: 25 }), { minLength: 1 }), (limits, values) => {
      const counts = new Array(limits.length + 1).fill(0)
      for (const value of values) counts[limits.filter((limit) => limit <= value).length]++
      expect(new Row(histogram(limits), values).result).toEqual(counts)
    }),
  )
})

test.each([[[2, 1]], [[1, 1]], [[-0, 0]], [[Number.NaN]], [[1, Number.POSITIVE_INFINITY]]])(
  'refuses bounds %j',
  (bounds) => {
    expect(() => histogram(bounds)).toThrow(
      /^histogram bounds must be finite and strictly increasing, but bounds\[\d\] is /,
    )
  },
)
