import fc from 'fast-check'
import { expect, test } from 'vitest'
import { describeAggregatorLaws, isClose, notNumbers, Row } from './aggregator-laws.ts'
import { countRecords, countValues } from './count.ts'
import { first, last } from './ends.ts'
import { max, min } from './extremes.ts'
import { stddev, stddevPop } from './spread.ts'
import { avg, sum } from './sum.ts'

const numbers = fc.double({ min: -1e6, max: 1e6, noNaN: true })
const numeric = { skips: notNumbers }
const rounded = { skips: notNumbers, isSame: isClose }
const anyValue = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.array(fc.integer()))
const present = { skips: [undefined, null] }

describeAggregatorLaws('count of records', countRecords, fc.anything(), { overNothing: 0 })
describeAggregatorLaws('count of values', countValues, anyValue, { ...present, overNothing: 0 })
describeAggregatorLaws('sum', sum, numbers, rounded)
describeAggregatorLaws('avg', avg, numbers, rounded)
describeAggregatorLaws('min', min, numbers, numeric)
describeAggregatorLaws('max', max, numbers, numeric)
describeAggregatorLaws('stddev', stddev, numbers, rounded)
describeAggregatorLaws('stddevPop', stddevPop, numbers, rounded)
describeAggregatorLaws('first', first, anyValue, present)
describeAggregatorLaws('last', last, anyValue, present)

test('sum keeps through a merge what large numbers push out of it', () => {
  expect(new Row(sum, [1e16, 1]).merge(new Row(sum, [-1e16, 1])).result).toBe(2)
})
