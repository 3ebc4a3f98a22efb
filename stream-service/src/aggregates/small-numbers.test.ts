import fc from 'fast-check'
import { expect, test } from 'vitest'
import { inserted } from './small-numbers.ts'

test('puts a number in at any place, as splice does', () => {
  fc.assert(
    fc.property(fc.array(fc.integer(), { maxLength: 12 }), fc.nat(12), fc.double(), (numbers, place, value) => {
      const at = Math.min(place, numbers.length)
      expect(inserted(numbers.slice(), at, value)).toEqual(numbers.toSpliced(at, 0, value))
    }),
  )
})
