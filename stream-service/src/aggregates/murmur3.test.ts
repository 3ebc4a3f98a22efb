import { expect, test } from 'vitest'
import { hashScalar } from './murmur3.ts'

// The first 53 bits of MurmurHash3_x86_128 as the Python package mmh3 5.3.1 has it: mmh3.hash_bytes(bytes, seed,
// x64arch=False), with words 0 and 1 of the digest as low and high word. Text is UTF-16LE.
test.each([
  ['', 0],
  ['T', 8880658937837302],
  ['Th', 1219639221684512],
  ['The', 8386143782828213],
  ['The ', 5497978994579095],
  ['The q', 2005758078007907],
  ['The qu', 5990492766562726],
  ['The qui', 8100760856541312],
  ['The quic', 4543519356128414],
  ['The quick', 274092584974461],
  ['The quick brown ', 841977997239906],
  ['The quick brown fox 🦊 jumps', 4652404909904095],
  [0, 5472305255123582],
  [1, 3887405448141012],
  [-1, 5886279419270583],
  [0.1, 4605566936240367],
  [5e-324, 6009197384349894],
  [false, 5705886583509971],
  [true, 5033310265241554],
])('hashes %j as the reference implementation does', (value, hash) => {
  expect(hashScalar(value)).toBe(hash)
})

test('takes -0 for 0', () => {
  expect(hashScalar(-0)).toBe(hashScalar(0))
})

test.each([[undefined], [null], [{}], [[]], [Number.NaN], [Number.POSITIVE_INFINITY]])(
  'has no hash for %s',
  (value) => {
    expect(hashScalar(value)).toBe(-1)
  },
)
