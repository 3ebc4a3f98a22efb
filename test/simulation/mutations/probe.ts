// Runs in a scratch copy: looks for a failure of the simulation, for at most so many runs of each setting, and prints how many runs
// that took.
import fc from 'fast-check'
import type { History } from '../history.ts'
import { holdsUnder, settings } from '../settings.ts'

const [most = '300', seed = '1'] = process.argv.slice(2)
const began = process.cpuUsage()
const took = () => {
  const { user, system } = process.cpuUsage(began)
  return ((user + system) / 1e6).toFixed(1)
}
const made = settings.map((setting) => ({
  setting,
  histories: fc.sample(setting.histories, { numRuns: Number(most), seed: Number(seed) }) as readonly History[],
}))
let runs = 0
for (let i = 0; i < Number(most); i++) {
  for (const { setting, histories } of made) {
    runs++
    try {
      await holdsUnder(setting, histories[i]!)
    } catch (error) {
      const [fault = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
      process.stdout.write(`${JSON.stringify({ runs, cpuSeconds: took(), setting: setting.name, fault })}\n`)
      process.exit(0)
    }
  }
}
process.stdout.write(`${JSON.stringify({ runs, cpuSeconds: took() })}\n`)
