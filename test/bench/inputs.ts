// The files that all contestants work on, made once for each length and seed.
import { join } from 'node:path'
import { cacheFolder, hashOf, makeOnce } from './cache.ts'
import { judgeOf } from './expected.ts'
import type { Workload } from './generate.ts'
import { runProcess } from './processes.ts'
import type { Query } from './query.ts'

const generators = ['generate.ts', 'random.ts', 'shop-events.ts', 'nexmark-events.ts', 'key-events.ts']
const judges = ['query.ts', 'queries.ts', 'together/further-queries.ts', 'expected.ts', 'duckdb.ts']

export interface InputOptions {
  readonly records: number
  readonly seed: number
}

/** The path of a workload of that length. A short one is the beginning of a long one. */
export async function inputFile(workload: Workload, options: InputOptions): Promise<string> {
  const path = join(cacheFolder, `${workload}-${options.records}-${options.seed}-${hashOf(generators)}.ndjson`)
  await makeOnce(path, async (temporary) => {
    await runProcess(generatorCommand(workload, options, temporary))
  })
  return path
}

export function generatorCommand(workload: Workload, { records, seed }: InputOptions, output: string): string[] {
  const script = join(import.meta.dirname, 'generate.ts')
  return [process.execPath, script, workload, '--records', `${records}`, '--seed', `${seed}`, '--output', output]
}

/** The path of what a query's results over an input have to be. */
export async function expectedFile(query: Query, input: string): Promise<string> {
  const path = `${input.replace(/\.ndjson$/, '')}.${query.name}.${judgeOf(query)}-${hashOf(judges)}.ndjson`
  await makeOnce(path, async (temporary) => {
    const script = join(import.meta.dirname, 'expected.ts')
    await runProcess([process.execPath, script, query.name, input, temporary])
  })
  return path
}
