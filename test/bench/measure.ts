// The runs: round after round every query, every contestant, each round beginning with another one, so that what else the
// machine does falls on all of them alike. Each contestant's first output is checked.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { workFolder } from './cache.ts'
import type { Cell } from './cell.ts'
import type { Contestant } from './contestants.ts'
import { expectedFile, generatorCommand, type InputOptions, inputFile } from './inputs.ts'
import { Judge } from './judge.ts'
import type { ComparisonOptions } from './options.ts'
import { ProcessError, runProcess, startProcess } from './processes.ts'
import type { Query } from './query.ts'
import type { Usage } from './usage.ts'

export interface Measuring {
  readonly options: ComparisonOptions
  /** Hears of every measurement. */
  say(text: string): void
}

export async function measure({ options, say }: Measuring): Promise<Cell[]> {
  const { queries, contestants, records, seed } = options
  const lineups = []
  for (const query of queries) {
    const input = await inputFile(query.workload, { records, seed })
    const lineup = contestants
      .filter((contestant) => contestant.answers?.(query) ?? true)
      .map((contestant) => ({
        contestant,
        cell: cellFor(query, contestant),
        runs: options.runs ?? usualRunsOf(query, contestant),
      }))
    lineups.push({ query, input, lineup })
  }
  await prepareJudging(lineups.filter(({ lineup }) => lineup.some(({ contestant }) => !contestant.isUnchecked)))
  const judge = new Judge(say)
  const rounds = Math.max(...lineups.flatMap(({ lineup }) => lineup.map(({ runs }) => runs)))
  for (let round = 0; round < rounds; round++) {
    for (const { query, input, lineup } of lineups) {
      for (let i = 0; i < lineup.length; i++) {
        const { contestant, cell, runs } = lineup[(i + round) % lineup.length]!
        if (cell.failure !== undefined || round >= runs) continue
        const output = join(workFolder, `${query.name}-${contestant.name}.ndjson`)
        const warmUp = await warmUpFile(query, contestant, options)
        try {
          cell.samples[round] = await runContestant(contestant, {
            query: query.name,
            input,
            output,
            warmUp,
            records,
          })
          await judge.look({ cell, contestant, query, input, output })
        } catch (error) {
          cell.failure = error instanceof ProcessError ? error.message : `${error}`
        }
        rmSync(output, { force: true })
        say(`run ${round + 1} of ${runs}  ${query.name}  ${contestant.name}: ${describe(cell, round)}`)
      }
    }
  }
  await judge.settle()
  return lineups.flatMap(({ lineup }) => lineup.map(({ cell }) => cell))
}

/** Fewer of what takes long, so that the whole is done in three minutes. */
function usualRunsOf(query: Query, contestant: Contestant): number {
  return query.isLong && contestant.isSupplement ? 1 : 3
}

/** Works out what is expected, two queries at a time: nothing is on the clock yet. */
export async function prepareJudging(
  wanted: readonly { readonly query: Query; readonly input: string }[],
): Promise<void> {
  const waiting = [...wanted]
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      await expectedFile(next.query, next.input)
  }
  await Promise.all([work(), work()])
}

function cellFor(query: Query, contestant: Contestant): Cell {
  return { query: query.name, contestant: contestant.name, samples: [], faults: undefined, failure: undefined }
}

function describe({ samples, failure }: Cell, round: number): string {
  if (failure !== undefined) return `failed: ${failure}`
  const { cpuMs, records } = samples[round]!
  return `${((1_000 * cpuMs) / records).toFixed(2)} µs a record`
}

/** The input of the warm-up; empty for a contestant that has none. */
export async function warmUpFile(
  query: Query,
  contestant: Contestant,
  { records, seed }: InputOptions,
): Promise<string> {
  if (contestant.warmUpRecords === 0) return ''
  return inputFile(query.workload, { records: Math.min(records, contestant.warmUpRecords), seed })
}

/** Runs a contestant to its end. `query` is the name of a query, or what else the contestant takes in its place. */
export async function runContestant(
  contestant: Contestant,
  run: {
    readonly query: string
    readonly input: string
    readonly output: string
    readonly warmUp: string
    readonly records: number
  },
): Promise<Usage> {
  const printed = await runProcess([...contestant.command(), run.query, run.input, run.output], {
    env: { BENCH_WARMUP: run.warmUp },
  })
  return usageIn(printed, run.records)
}

function usageIn(printed: string, records: number): Usage {
  const line = printed.trim().split('\n').at(-1)!
  let usage: Usage
  try {
    usage = JSON.parse(line)
  } catch {
    throw new ProcessError(`its last line is not what it used: ${line.slice(0, 200)}`, printed)
  }
  for (const name of ['records', 'wallMs', 'cpuMs', 'peakRssMb'] as const) {
    if (!(usage[name] >= 0)) throw new ProcessError(`its last line has no ${name}: ${line.slice(0, 200)}`, printed)
  }
  if (usage.records !== records) throw new ProcessError(`it read ${usage.records} records, not ${records}`, printed)
  return usage
}

/** The memory of one contestant over an input and over one three times as long. */
export interface Flatness {
  readonly query: string
  readonly contestant: string
  readonly runs: readonly { readonly records: number; readonly peakRssMb: number }[]
}

/** The input comes through a pipe, as it is made: the longer one needs no room on the disk. */
export async function measureFlatness(
  { options: { records, seed }, say }: Measuring,
  contestant: Contestant,
  query: Query,
): Promise<Flatness> {
  const runs: { records: number; peakRssMb: number }[] = []
  for (const length of [records, 3 * records]) {
    const input = startProcess(generatorCommand(query.workload, { records: length, seed }, '-'))
    const output = join(workFolder, 'flatness.ndjson')
    const printed = await runProcess([...contestant.command(), query.name, '-', output], { input })
    const { peakRssMb } = usageIn(printed, length)
    runs.push({ records: length, peakRssMb })
    rmSync(output, { force: true })
    say(`memory  ${query.name}  ${contestant.name}: ${length} records, ${peakRssMb.toFixed(0)} MB`)
  }
  return { query: query.name, contestant: contestant.name, runs }
}
