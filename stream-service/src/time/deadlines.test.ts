import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Deadlines } from './deadlines.ts'

test('items come out by instant, and in the order of adding among equal ones', () => {
  const step = fc.oneof({ weight: 3, arbitrary: fc.record({ add: fc.nat(9) }) }, fc.record({ take: fc.nat(12) }))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const deadlines = new Deadlines<number>()
      const model: { at: number; n: number }[] = []
      for (const [n, what] of steps.entries()) {
        if ('add' in what) {
          deadlines.add(what.add, n)
          model.push({ at: what.add, n })
        } else {
          model.sort((a, b) => a.at - b.at || a.n - b.n)
          const due = model[0] !== undefined && model[0].at <= what.take ? model.shift() : undefined
          expect(deadlines.take(what.take)).toBe(due?.n)
          if (due !== undefined) expect(deadlines.takenAt).toBe(due.at)
        }
        expect(deadlines.nextAt).toBe(Math.min(...model.map(({ at }) => at)))
      }
    }),
  )
})
