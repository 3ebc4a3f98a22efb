// The runs: round after round every query, every contestant, each round beginning with another one, so that what else the
// machine does falls on all of them alike. Each contestant's first output is checked.
import { createHash } from 'node:crypto'
import { createReadStream, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { workFolder } from './cache.ts'
import type { Contestant } from './contestants.ts'
import { expectedFile, generatorCommand, inputFile } from './inputs.ts'
import type { BenchOptions } from './options.ts'
import { ProcessError, runProcess, startProcess } from './processes.ts'
import type { Query } from './queries.ts'
import type { Usage } from './usage.ts'

/** What one contestant did with one query. */
export interface Cell {
  readonly query: string
  readonly contestant: string
  /** By round. */
  readonly samples: Usage[]
  /** What was wrong with its output; undefined when it was not looked at. */
  faults: readonly string[] | undefined
  /** Why it did not come to its end. */
  failure: string | undefined
}

export interface Measuring {
  readonly options: BenchOptions
  /** Hears of every measurement. */
  say(text: string): void
}

export async function measure({ options, say }: Measuring): Promise<Cell[]> {
  const { queries, contestants, records, seed, runs } = options
  const lineups = []
  for (const query of queries) {
    const input = await inputFile(query.workload, { records, seed })
    const lineup = contestants
      .filter((contestant) => contestant.answers?.(query) ?? true)
      .map((contestant) => ({ contestant, cell: cellFor(query, contestant) }))
    lineups.push({ query, input, lineup })
  }
  await prepareJudging(lineups.filter(({ lineup }) => lineup.some(({ contestant }) => !contestant.isUnchecked)))
  const judge = new Judge()
  for (let round = 0; round < runs; round++) {
    for (const { query, input, lineup } of lineups) {
      for (let i = 0; i < lineup.length; i++) {
        const { contestant, cell } = lineup[(i + round) % lineup.length]!
        if (cell.failure !== undefined) continue
        const output = join(workFolder, `${query.name}-${contestant.name}.ndjson`)
        const warmUp = await warmUpFile(query, contestant, options)
        try {
          cell.samples[round] = await runContestant(contestant, { query, input, output, warmUp, records })
          await judge.look({ cell, contestant, query, input, output })
        } catch (error) {
          cell.failure = error instanceof ProcessError ? error.message : `${error}`
        }
        rmSync(output, { force: true })
        say(`run ${round + 1} of ${runs}  ${query.name}  ${contestant.name}: ${describe(cell, round)}`)
      }
    }
  }
  return lineups.flatMap(({ lineup }) => lineup.map(({ cell }) => cell))
}

/** Works out what is expected, two queries at a time: nothing is on the clock yet. */
async function prepareJudging(wanted: readonly { readonly query: Query; readonly input: string }[]): Promise<void> {
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

function describe({ samples, faults, failure }: Cell, round: number): string {
  if (failure !== undefined) return `failed: ${failure}`
  const { cpuMs, records } = samples[round]!
  const wrong = faults === undefined || faults.length === 0 ? '' : `, WRONG: ${faults.join('; ')}`
  return `${((1_000 * cpuMs) / records).toFixed(2)} µs a record${wrong}`
}

async function warmUpFile(query: Query, contestant: Contestant, { records, seed }: BenchOptions): Promise<string> {
  if (contestant.warmUpRecords === 0) return ''
  return inputFile(query.workload, { records: Math.min(records, contestant.warmUpRecords), seed })
}

async function runContestant(
  contestant: Contestant,
  run: {
    readonly query: Query
    readonly input: string
    readonly output: string
    readonly warmUp: string
    readonly records: number
  },
): Promise<Usage> {
  const printed = await runProcess([...contestant.command(), run.query.name, run.input, run.output], {
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

interface Looked {
  readonly cell: Cell
  readonly contestant: Contestant
  readonly query: Query
  readonly input: string
  readonly output: string
}

/** Looks at outputs. Equal outputs are looked at once; a contestant that is deterministic must give the same bytes each time. */
class Judge {
  readonly #verdicts = new Map<string, readonly string[]>()
  readonly #firstDigests = new Map<Cell, string>()

  async look({ cell, contestant, query, input, output }: Looked): Promise<void> {
    if (contestant.isUnchecked) return
    const isFirst = cell.faults === undefined
    if (!isFirst && !contestant.isDeterministic) return
    const digest = `${query.name} ${await digestOf(output)}`
    const first = this.#firstDigests.get(cell)
    if (first === undefined) this.#firstDigests.set(cell, digest)
    else if (first !== digest) cell.faults = [...cell.faults!, 'other bytes than in the first run']
    if (!isFirst) return
    let verdict = this.#verdicts.get(digest)
    if (verdict === undefined) {
      verdict = await verdictOf(query, input, output)
      this.#verdicts.set(digest, verdict)
    }
    cell.faults = verdict
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}

/** In a process of its own, so that its memory does not stay. */
async function verdictOf(query: Query, input: string, output: string): Promise<string[]> {
  const script = join(import.meta.dirname, 'verify.ts')
  const command = [process.execPath, script, query.name, await expectedFile(query, input), output]
  try {
    return JSON.parse(await runProcess(command)) as string[]
  } catch (error) {
    if (error instanceof ProcessError && error.output.startsWith('[')) return JSON.parse(error.output) as string[]
    throw error
  }
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
