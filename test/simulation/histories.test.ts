// Random histories against everything that has to hold. A failure prints the shortest history that fails, and a seed and a
// path: SIM_SEED=… SIM_PATH=… repeats it.
import fc from 'fast-check'
import { test } from 'vitest'
import { histories } from './arbitrary-history.ts'
import { expectToHold } from './simulate.ts'

const runs = Number(process.env.SIM_RUNS ?? 600)
const seed = process.env.SIM_SEED === undefined ? {} : { seed: Number(process.env.SIM_SEED) }
const path = process.env.SIM_PATH === undefined ? {} : { path: process.env.SIM_PATH }

test('one task, whatever happens to it', async () => {
  const holds = fc.asyncProperty(histories({ tasks: 1, partitions: 0 }), async (history) => {
    await expectToHold(history)
  })
  await fc.assert(holds, { numRuns: runs, ...seed, ...path, includeErrorInReport: true })
}, 300_000)
