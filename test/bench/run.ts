// `npm run bench`: what a windowed query costs per record, beside JSON.parse alone and beside other engines. docs/performance.md
// says what is measured and how; --help lists the options.
import { mkdirSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { removeWork, workFolder } from './cache.ts'
import { type Contestant, contestants } from './contestants.ts'
import { type Measuring, measure, measureFlatness } from './measure.ts'
import { type BenchOptions, help, parseOptions, UsageError } from './options.ts'
import { killAll, ProcessError } from './processes.ts'
import { queries } from './queries.ts'
import { describeFlatness, type Findings, failures, rowsOf, table } from './report.ts'
import { Unavailable } from './unavailable.ts'

async function main(argv: readonly string[]): Promise<number> {
  let options: BenchOptions | undefined
  try {
    options = parseOptions(argv)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`bench: ${error.message}\n(run with --help for all options)\n`)
    return 2
  }
  if (options === undefined) {
    process.stdout.write(help)
    return 0
  }
  process.on('SIGINT', () => stop(130))
  process.on('SIGTERM', () => stop(143))
  removeWork()
  mkdirSync(workFolder, { recursive: true })
  try {
    return await bench(options)
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error
    process.stderr.write(`bench: ${error.message}\n`)
    return 1
  } finally {
    killAll()
    removeWork()
  }
}

function stop(code: number): void {
  killAll()
  removeWork()
  process.exit(code)
}

async function bench(options: BenchOptions): Promise<number> {
  const load = loadavg()[0]!
  const cores = availableParallelism()
  if (load > cores / 2)
    say(`the machine is busy (load ${load.toFixed(1)} on ${cores} cores): expect high and uneven figures`)
  const startedAt = performance.now()
  const { ready, skipped } = await prepare(options.contestants)
  const measuring: Measuring = { options: { ...options, contestants: ready }, say }
  const cells = await measure(measuring)
  const findings: Findings = { cells, skipped, flatness: await flatnessOf(measuring) }
  const seconds = Math.round((performance.now() - startedAt) / 1_000)
  const machine = { node: process.version, cores, loadBefore: load }
  if (options.json)
    process.stdout.write(`${JSON.stringify(asData(findings, options, { ...machine, seconds }), null, 2)}\n`)
  else
    tell(
      findings,
      options,
      `Node ${process.version.slice(1)}, ${cores} cores, load ${load.toFixed(1)} before, ${seconds} s`,
    )
  return failures(findings).length > 0 ? 1 : 0
}

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

async function prepare(wanted: readonly Contestant[]): Promise<{ ready: Contestant[]; skipped: Findings['skipped'] }> {
  const ready: Contestant[] = []
  const skipped: { contestant: string; reason: string }[] = []
  for (const contestant of wanted) {
    try {
      await contestant.prepare?.()
      ready.push(contestant)
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      skipped.push({ contestant: contestant.name, reason: error.message })
      say(`skipped ${contestant.name}: ${error.message}`)
    }
  }
  return { ready, skipped }
}

/** The whole process, as a user runs it, over Q1: the query whose open windows are the same however long the input is. */
async function flatnessOf(measuring: Measuring): Promise<Findings['flatness']> {
  const { options } = measuring
  const isAsked = options.queries.some(({ name }) => name === 'Q1') && options.contestants.some(isMillrace)
  const cli = contestants.find(({ name }) => name === 'millrace-cli')!
  return isAsked ? measureFlatness(measuring, cli, queries.find(({ name }) => name === 'Q1')!) : undefined
}

function isMillrace({ name }: Contestant): boolean {
  return name.startsWith('millrace')
}

function tell(findings: Findings, { records, runs, seed }: BenchOptions, machine: string): void {
  const lines = [
    table(rowsOf(findings.cells)),
    '',
    ...(findings.flatness === undefined ? [] : [describeFlatness(findings.flatness)]),
    `${records} records (seed ${seed}), medians of ${runs} interleaved ${runs === 1 ? 'run' : 'runs'}; ${machine}`,
    ...findings.skipped.map(({ contestant, reason }) => `skipped ${contestant}: ${reason}`),
    ...failures(findings),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

function asData(findings: Findings, { records, runs, seed }: BenchOptions, machine: object): object {
  return { records, runs, seed, machine, rows: rowsOf(findings.cells), failures: failures(findings), ...findings }
}

process.exitCode = await main(process.argv.slice(2))
