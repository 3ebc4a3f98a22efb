import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maxNumberBytes, writeNumber } from './number-text.ts'

const decimal = fc.tuple(fc.maxSafeInteger(), fc.nat(6)).map(([digits, places]) => digits / 10 ** places)
const edge = fc.constantFrom(
  0,
  -0,
  0.5,
  999.9995,
  2 ** 31,
  -(2 ** 31),
  1e15,
  1e15 - 0.5,
  123456789012.001,
  1e21,
  5e-324,
)

test('numbers are written as JavaScript writes them', () => {
  fc.assert(
    fc.property(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), decimal, fc.integer(), edge), (value) => {
      const bytes = Buffer.alloc(maxNumberBytes + 8, '#')
      const end = writeNumber(bytes, 4, value)
      expect(bytes.toString('latin1')).toBe(`####${value}`.padEnd(bytes.length, '#'))
      expect(end).toBe(4 + `${value}`.length)
    }),
    { numRuns: 5_000 },
  )
})
