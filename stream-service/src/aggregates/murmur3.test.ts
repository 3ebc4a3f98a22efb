import { expect, test } from 'vitest'
import { hashScalar } from './murmur3.ts'

// The first 53 bits of MurmurHash3_x86_128 as the Python package mmh3 5.3.1 has it: mmh3.hash_bytes(bytes, seed,
// x64arch=False), with words 0 and 1 of the digest as low and high word. Text is UTF-8.
test.each([
  ['', 0],
  ['T', 3582282722334932],
  ['Th', 2778194999884392],
  ['The', 7855315899957113],
  ['The ', 3974330809917029],
  ['The q', 1216851093448672],
  ['The qu', 5817189648107572],
  ['The qui', 5206860267222587],
  ['The quic', 4256679385810954],
  ['The quick', 1354545624372851],
  ['The quick brown ', 8056121792081560],
  ['The quick brown fox 🦊 jumps', 6429033538488288],
  [0, 5472305255123582],
  [1, 3887405448141012],
  [-1, 5886279419270583],
  [0.1, 4605566936240367],
  [5e-324, 6009197384349894],
  [false, 7156083623040059],
  [true, 2944436613115551],
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
