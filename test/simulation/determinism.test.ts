// A seed stands for one run: the same history gives the same trace, to the last byte, and another seed gives another.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { settings } from './settings.ts'
import { simulate } from './simulate.ts'

test.each(settings)('$name: the same seed twice gives the same trace', async ({ histories, options }) => {
  for (const history of fc.sample(histories, { numRuns: 8, seed: 1 })) {
    const first = await simulate(history, options)
    const second = await simulate(history, options)
    expect(second.scheduler.traceHash).toBe(first.scheduler.traceHash)
    expect(second.scheduler.happened).toBe(first.scheduler.happened)
  }
})

test('another seed gives another trace', async () => {
  const [history] = fc.sample(settings[0]!.histories, { numRuns: 1, seed: 1 })
  const one = await simulate({ ...history!, seed: 1 })
  const other = await simulate({ ...history!, seed: 2 })
  expect(other.scheduler.traceHash).not.toBe(one.scheduler.traceHash)
})
