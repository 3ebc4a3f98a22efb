// Random histories against everything that has to hold. A failure prints the shortest history that fails, and a seed and a
// path: SIM_SEED=… SIM_PATH=… repeats it.
import fc from 'fast-check'
import { test } from 'vitest'
import { holdsUnder, settings } from './settings.ts'

const { SIM_RUNS, SIM_SEED, SIM_PATH } = process.env
const numRuns = Number(SIM_RUNS ?? 250)
const seed = SIM_SEED === undefined ? {} : { seed: Number(SIM_SEED) }
const path = SIM_PATH === undefined ? {} : { path: SIM_PATH }

test.each(settings)(
  '$name',
  async (setting) => {
    const holds = fc.asyncProperty(setting.histories, (history) => holdsUnder(setting, history))
    await fc.assert(holds, { numRuns, ...seed, ...path, includeErrorInReport: true })
  },
  600_000,
)
