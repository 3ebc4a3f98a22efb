import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KeyTable, type SavedKey } from './key-table.ts'

const value = fc.oneof(
  fc.string({ maxLength: 9 }),
  fc.string({ unit: 'grapheme', maxLength: 5 }),
  fc.integer({ min: -50, max: 50 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
)
const key: fc.Arbitrary<SavedKey> = fc.oneof(value, fc.array(value, { maxLength: 3 }))
const step = fc.oneof(
  { weight: 20, arbitrary: fc.record({ key }) },
  { weight: 1, arbitrary: fc.record({ keepEvery: fc.integer({ min: 1, max: 4 }) }) },
)

test('a key has one number, which is its own for as long as it is kept', () => {
  fc.assert(
    fc.property(fc.array(step, { size: 'medium' }), (steps) => {
      const table = new KeyTable()
      const numbers = new Map<string, number>()
      for (const each of steps) {
        if ('key' in each) {
          // -0 is 0, as JSON has it too.
          const text = JSON.stringify(each.key)
          const number = table.restore(each.key)
          expect(numbers.get(text) ?? number).toBe(number)
          numbers.set(text, number)
          expect(JSON.stringify(table.save(number))).toBe(text)
        } else {
          const kept = [...numbers].filter((_, i) => i % each.keepEvery === 0)
          table.sweep(({ mark }) => {
            for (const [, number] of kept) mark(number)
          })
          numbers.clear()
          for (const [text, number] of kept) numbers.set(text, number)
        }
        expect(new Set(numbers.values()).size).toBe(numbers.size)
      }
      for (const [text, number] of numbers) expect(JSON.stringify(table.save(number))).toBe(text)
      const packed = table.pack([...numbers.values()])
      const other = new KeyTable()
      const texts: string[] = []
      other.unpack(packed, (number) => texts.push(JSON.stringify(other.save(number))))
      expect(texts).toEqual([...numbers.keys()])
    }),
    { numRuns: 500 },
  )
})
