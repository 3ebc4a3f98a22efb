import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Calendar } from './calendar.ts'

const instant = fc.oneof(fc.integer({ min: -500, max: 500 }), fc.integer({ min: -1e13, max: 1e13 }), fc.integer())
const step = fc.oneof(
  fc.record({ add: instant }),
  fc.record({ until: fc.oneof(instant, fc.constant(Number.POSITIVE_INFINITY)) }),
)

test('gives what a sorted list gives, however far apart, however late', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.constantFrom(1, 30_000, 10 ** 9), (steps, horizonMs) => {
      const calendar = new Calendar(horizonMs)
      const list: { readonly at: number; readonly item: number }[] = []
      let items = 0
      for (const each of steps) {
        if ('add' in each) {
          calendar.add(each.add, items)
          list.push({ at: each.add, item: items++ })
          continue
        }
        const due = list.filter(({ at }) => at <= each.until).sort((a, b) => a.at - b.at || a.item - b.item)
        const taken: (typeof list)[number][] = []
        for (let item = calendar.take(each.until); item >= 0; item = calendar.take(each.until))
          taken.push({ at: calendar.takenAt, item })
        expect(taken).toEqual(due)
        list.splice(0, list.length, ...list.filter(({ at }) => at > each.until))
        for (const { at } of list) expect(calendar.nextAt).toBeLessThanOrEqual(at)
        expect(calendar.nextAt === Number.POSITIVE_INFINITY).toBe(list.length === 0)
      }
    }),
    { numRuns: 300 },
  )
})
