// `npm run mutants`: makes each mutation in a copy of the sources and sees whether the simulation finds it; fails when it does not.
// `--only TEXT` takes those with TEXT in their names, `--runs N` looks for longer.
import { execFile } from 'node:child_process'
import { parseArgs, promisify } from 'node:util'
import { type Mutation, mutations } from './list.ts'
import { inScratchCopy } from './scratch.ts'

export interface Verdict {
  readonly runs: number
  readonly cpuSeconds: string
  /** Where and how it was found; undefined when it was not. */
  readonly setting?: string
  readonly fault?: string
}

/** Looks for a mutation with at most `runs` runs of each setting. */
export function probe(mutation: Mutation, runs: number): Promise<Verdict> {
  return inScratchCopy(mutation, async (folder) => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['test/simulation/mutations/probe.ts', String(runs)],
      { cwd: folder },
    )
    return JSON.parse(stdout) as Verdict
  })
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { only: { type: 'string' }, runs: { type: 'string' } } })
  const runs = Number(values.runs ?? 300)
  const calm = await probe({ name: 'none', file: 'package.json', changes: [] }, runs)
  if (calm.fault !== undefined) throw new Error(`the sources fail as they are, in '${calm.setting}': ${calm.fault}`)
  for (const mutation of mutations.filter(({ name }) => name.includes(values.only ?? ''))) {
    const { runs: took, cpuSeconds, setting, fault } = await probe(mutation, runs)
    const how = fault === undefined ? 'NOT FOUND' : `found in '${setting}': ${fault.slice(0, 110)}`
    process.stdout.write(
      `${String(took).padStart(4)} runs ${cpuSeconds.padStart(6)} s  ${mutation.name}\n             ${how}\n`,
    )
    if (fault === undefined) process.exitCode = 1
  }
}
