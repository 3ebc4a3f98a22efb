// A kill at every operation of a task's first life, before and after the operation takes effect: everything holds each time.
import { expect, test } from 'vitest'
import { fixedHistories } from './fixed-histories.ts'
import { expectToHold } from './simulate.ts'

/** In CI the sweep takes every n-th operation; all of them with SIM_SWEEP=1. */
const stride = Number(process.env.SIM_SWEEP ?? 3)

test.each(fixedHistories)(
  '$name',
  async ({ history }) => {
    const calm = await expectToHold(history)
    const operations = calm.operationsOfFirstLife
    expect(operations).toBeGreaterThan(50)
    for (let at = 1; at <= operations; at += stride) {
      for (const when of ['before', 'after'] as const) await expectToHold(history, { kill: { at, when } })
    }
  },
  600_000,
)
