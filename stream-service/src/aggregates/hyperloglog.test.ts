import { expect, test } from 'vitest'
import { addHash, decodeRegisters, emptyRegisters, encodeRegisters, estimate } from './hyperloglog.ts'

/** The register and rank that one hash, given as 53 binary digits, sets. */
function setBy(bits: string): { register: number; rank: number } {
  const registers = emptyRegisters()
  addHash(registers, Number.parseInt(bits, 2))
  const register = registers.findIndex((rank) => rank > 0)
  return { register, rank: registers[register]! }
}

// From the left: 21 bits of the high word, 18 and 14 of the low one. A run of zeros is read from the middle part on,
// from its left to its right, then through the first part.
const high = (left: string) => left.padEnd(21, '0')
const middle = (left: string) => left.padEnd(18, '0')
const register5 = '00000000000101'

test.each([
  ['1', '', 1],
  ['01', '1', 2],
  ['000000000000000001', '1', 18],
  ['', '1', 19],
  ['', '01', 20],
  ['', '000000000000000000001', 39],
  ['', '', 40],
])('ranks a hash that goes on with %j, then %j, as %i', (middleBits, highBits, rank) => {
  expect(setBy(high(highBits) + middle(middleBits) + register5)).toEqual({ register: 5, rank })
})

test('keeps the greatest rank', () => {
  const registers = emptyRegisters()
  for (const run of ['01', '001', '1']) addHash(registers, Number.parseInt(high('') + middle(run) + register5, 2))
  expect(registers[5]).toBe(3)
})

test('estimates none of no hashes, one of one, and infinitely many of full registers', () => {
  expect(estimate(emptyRegisters())).toBe(0)
  const one = emptyRegisters()
  addHash(one, 12345)
  expect(estimate(one)).toBeCloseTo(1, 3)
  expect(estimate(emptyRegisters().fill(40))).toBe(Number.POSITIVE_INFINITY)
})

/** Registers as evenly as chance has them on the whole after so many hashes: each rank in its exact share. */
function expectedRegisters(hashes: number): Uint8Array {
  return emptyRegisters().map((_, index, { length }) => {
    const share = (index + 0.5) / length
    let rank = 0
    while (rank < 40 && Math.exp((-hashes / length) * 2 ** -rank) < share) rank++
    return rank
  })
}

test.each([100, 1e4, 1e5, 1e7, 1e10, 1e13, 2 ** 52, 2 ** 54])('is unbiased for %d hashes', (hashes) => {
  expect(estimate(expectedRegisters(hashes)) / hashes).toBeCloseTo(1, 2)
})

test('decodes what it encoded, at every rank', () => {
  const registers = emptyRegisters().map((_, index) => index % 41)
  expect(decodeRegisters(encodeRegisters(registers))).toEqual(registers)
})
