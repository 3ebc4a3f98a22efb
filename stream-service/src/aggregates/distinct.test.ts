import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { describeAggregatorLaws, notScalars, Row } from './aggregator-laws.ts'
import { distinct } from './distinct.ts'

const scalars = fc.oneof(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), fc.boolean())

/** `count` values that no other set of another name has. */
function users(count: number, name = 'user'): string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index}`)
}

const runsOfNumbers = fc
  .array(fc.record({ from: fc.nat(2000), count: fc.nat(400) }), { maxLength: 6 })
  .map((runs) => runs.flatMap(({ from, count }) => Array.from({ length: count }, (_, index) => from + index)))

describeAggregatorLaws('distinct of a few values', distinct, scalars, { overNothing: 0, skips: notScalars })
describeAggregatorLaws('distinct of many values', distinct, scalars, { overNothing: 0, lists: runsOfNumbers, runs: 40 })

test('counts each value once', () => {
  expect(new Row(distinct, ['a', 'b', 'a', 'a']).result).toBe(2)
})

test('tells values of different types apart, but not 0 and -0', () => {
  expect(new Row(distinct, [1, '1', true, 'true', 0, -0, '', '0', false]).result).toBe(8)
})

test('is what a Set says as long as there are at most 512 different values', () => {
  fc.assert(
    fc.property(fc.array(scalars, { maxLength: 512, size: 'max' }), (values) => {
      expect(new Row(distinct, values).result).toBe(new Set(values).size)
    }),
    { numRuns: 50 },
  )
})

test('is exact for 512 values, and above that for the 513th', () => {
  expect(new Row(distinct, users(512)).result).toBe(512)
  expect(new Row(distinct, users(512)).addAll(users(512)).result).toBe(512)
  expect(Math.abs((new Row(distinct, users(513)).result as number) - 513)).toBeLessThanOrEqual(13)
})

test('is never below 513 once there are more than 512 values', () => {
  for (let set = 0; set < 50; set++) {
    expect(new Row(distinct, users(513, `set${set}`)).result).toBeGreaterThanOrEqual(513)
  }
})

describe('the estimate', () => {
  const standardError = 1.04 / Math.sqrt(16_384)
  const sets = 25

  test.each([600, 2_000, 10_000, 40_000, 80_000])('of %i values is off by 0.8 % as a rule, and unbiased', (count) => {
    const errors = Array.from({ length: sets }, (_, set) => {
      return (new Row(distinct, users(count, `set${set}`)).result as number) / count - 1
    })
    const bias = errors.reduce((sum, error) => sum + error) / sets
    const deviation = Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / sets)

    expect(deviation).toBeLessThan(1.4 * standardError)
    expect(Math.abs(bias)).toBeLessThan((3 * standardError) / Math.sqrt(sets))
    for (const error of errors) expect(Math.abs(error)).toBeLessThan(4 * standardError)
  })

  test('of a million integers in a row is within 2.4 %', () => {
    const row = new Row(distinct)
    for (let value = 0; value < 1_000_000; value++) row.add(value, 0)
    expect(Math.abs((row.result as number) / 1e6 - 1)).toBeLessThan(3 * standardError)
  })
})

test('keeps its registers as one digit each in a snapshot', () => {
  const { refs } = new Row(distinct, users(600)).snapshot
  expect(refs[0]).toMatch(/^[A-Za-z0-9+/]{16384}$/)
})
