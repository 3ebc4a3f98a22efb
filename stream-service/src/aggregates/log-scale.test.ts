import fc from 'fast-check'
import { expect, test } from 'vitest'
import { binOf, middleOf } from './log-scale.ts'

const magnitudes = fc.double({ min: Number.MIN_VALUE, max: Number.MAX_VALUE, noNaN: true })
const normal = fc.double({ min: 2 ** -1022, max: Number.MAX_VALUE, noNaN: true })

test('stands for each number within 1 % by the middle of its bin', () => {
  fc.assert(
    fc.property(normal, (value) => {
      const middle = middleOf(binOf(value), binOf(value))
      expect(Math.abs(middle / value - 1)).toBeLessThanOrEqual(0.01)
    }),
    { numRuns: 5000 },
  )
})

test('stands for each number within 2 % by the middle of two bins, and within 4 % of four', () => {
  const notTheGreatest = fc.double({ min: 2 ** -1022, max: 1e308, noNaN: true })
  fc.assert(
    fc.property(notTheGreatest, fc.nat(3), (value, before) => {
      const first = binOf(value) - before
      if (before < 2) expect(Math.abs(middleOf(first, first + 1) / value - 1)).toBeLessThanOrEqual(0.02)
      expect(Math.abs(middleOf(first, first + 3) / value - 1)).toBeLessThanOrEqual(0.04)
    }),
  )
})

test('gives a greater number no lower bin', () => {
  fc.assert(
    fc.property(magnitudes, magnitudes, (one, other) => {
      expect(Math.sign(binOf(one) - binOf(other)) * Math.sign(one - other)).toBeGreaterThanOrEqual(0)
    }),
  )
})

test('does not jump where exponents change', () => {
  for (let exponent = -1021; exponent < 1024; exponent++) {
    const power = 2 ** exponent
    expect(binOf(power) - binOf(power * (1 - 2 ** -53))).toBeLessThanOrEqual(1)
    expect(binOf(power * (1 + 2 ** -52)) - binOf(power)).toBeLessThanOrEqual(1)
  }
})

test('has a bin for every positive double', () => {
  expect(binOf(Number.MIN_VALUE)).toBe(-37_590)
  expect(binOf(1)).toBe(0)
  expect(binOf(Number.MAX_VALUE)).toBe(35_840)
  expect(middleOf(-37_590, -37_590)).toBe(Number.MIN_VALUE)
})
