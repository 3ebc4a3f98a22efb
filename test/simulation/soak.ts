// `npm run soak`: random histories until it is stopped, or for `--minutes N`; prints each that fails, as short as it gets, with
// the seed that repeats it. `--runs N` ends after so many, `--setting NAME` takes one of the settings only.
import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { holdsUnder, settings } from './settings.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    runs: { type: 'string' },
    setting: { type: 'string' },
    seed: { type: 'string' },
  },
})
const began = Date.now()
const until = began + Number(values.minutes ?? Number.POSITIVE_INFINITY) * 60_000
const most = Number(values.runs ?? Number.POSITIVE_INFINITY)
const chosen = settings.filter(({ name }) => values.setting === undefined || name === values.setting)
if (chosen.length === 0)
  throw new Error(`no setting ${values.setting}; there are ${settings.map(({ name }) => name).join(', ')}`)
let seed = Number(values.seed ?? Date.now() % 2 ** 31)
let runs = 0
let failures = 0
while (Date.now() < until && runs < most) {
  for (const setting of chosen) {
    const { name, histories } = setting
    const numRuns = Math.min(50, most - runs)
    if (numRuns <= 0) break
    const result = await fc.check(
      fc.asyncProperty(histories, (history) => holdsUnder(setting, history)),
      {
        seed,
        numRuns,
        interruptAfterTimeLimit: 120_000,
      },
    )
    runs += result.numRuns
    if (result.failed && result.counterexample !== null) {
      failures++
      const { errorInstance, counterexamplePath } = result
      process.stdout.write(`\nFAILED ${name}: SIM_SEED=${seed} SIM_PATH=${counterexamplePath}\n`)
      process.stdout.write(`${errorInstance instanceof Error ? errorInstance.message : errorInstance}\n`)
      process.stdout.write(`${JSON.stringify(result.counterexample[0])}\n`)
    }
  }
  seed = (seed + 1) % 2 ** 31
  const perSecond = (runs / (Date.now() - began)) * 1_000
  process.stderr.write(`${runs} runs, ${failures} failures, ${perSecond.toFixed(0)} runs/s\n`)
}
process.exitCode = failures > 0 ? 1 : 0
