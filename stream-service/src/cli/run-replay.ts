// What `millrace replay` does once its options are known.
import { existsSync } from 'node:fs'
import type { Emission, PanesEmission, RefusedEmission } from '../engine/emission.ts'
import { Job } from '../engine/job.ts'
import { imbalance, type LaneLedger, type Ledger } from '../engine/ledger.ts'
import { compileQuery } from '../queries/compile.ts'
import { QueryError } from '../queries/parse-query.ts'
import type { QuerySpec } from '../queries/query-spec.ts'
import { readQueryFiles } from '../query-files.ts'
import { FieldPlan } from '../records/fields.ts'
import { refusedLine } from '../sinks/refused-line.ts'
import { InputError } from '../sources/input-file.ts'
import { replayFile } from '../sources/replay-file.ts'
import { replayScenario, ScenarioError } from '../sources/scenario.ts'
import { badUsage, CommandError } from './exit.ts'
import { LineOutput, OutputError } from './output.ts'
import { type NamedPath, sameFile } from './same-file.ts'

export interface ReplayRun {
  readonly query: readonly string[]
  readonly input: string
  readonly output: string
  readonly ledger?: string
  readonly late?: string
  readonly rejected?: string
  readonly scenario?: boolean
  readonly drain?: boolean
  readonly quiet?: boolean
}

/** How many refused records are told one by one on standard error before only their number is. */
const toldOneByOne = 5

export async function runReplay(run: ReplayRun): Promise<void> {
  const queries = readQueries(run)
  const plan = new FieldPlan()
  const outputs = openOutputs(run)
  const tally = { panes: 0, refused: 0 }
  const onPanes = ({ bytes, count }: PanesEmission) => {
    tally.panes += count
    outputs.panes.write(bytes)
  }
  const job = new Job({ queries: queries.map((query) => compileQuery(query, plan)), plan, onPanes })
  const onEmissions = async (emissions: readonly Emission[]) => {
    for (const emission of emissions) {
      if (emission.kind === 'panes') continue
      const output = emission.kind === 'late' ? outputs.late : outputs.rejected
      output?.writeLine(refusedLine(emission))
      if (emission.kind === 'rejected' && !run.quiet && tally.refused++ < toldOneByOne) tell(run.input, emission)
    }
    for (const output of [outputs.panes, outputs.late, outputs.rejected]) await output?.flush()
  }
  try {
    const records = run.scenario
      ? await replayScenario(run.input, job, { drain: run.drain === true, onEmissions })
      : await replayFile(run.input, job, onEmissions)
    const ledger = job.ledger()
    outputs.ledger?.writeLine(JSON.stringify(ledger, null, 2))
    await closeAll(outputs)
    if (!run.quiet) summarize(run, job, ledger, { records, panes: tally.panes, refused: tally.refused })
  } catch (error) {
    if (error instanceof InputError) throw new CommandError(isMissing(error) ? 2 : 1, error.message, { cause: error })
    if (error instanceof ScenarioError) throw badUsage(error.message)
    if (error instanceof OutputError) throw new CommandError(1, error.message, { cause: error })
    throw error
  }
}

function readQueries(run: ReplayRun): QuerySpec[] {
  let queries: QuerySpec[]
  try {
    queries = readQueryFiles(run.query)
  } catch (error) {
    if (error instanceof QueryError) throw badUsage(error.message)
    throw error
  }
  const byArrival = queries.find(({ time }) => time.from === 'arrival')
  if (byArrival !== undefined && !run.scenario) {
    throw badUsage(
      `query '${byArrival.name}' uses arrival time, and a plain file has none; name a time field, or use --scenario`,
    )
  }
  return queries
}

interface Outputs {
  readonly panes: LineOutput
  readonly ledger: LineOutput | undefined
  readonly late: LineOutput | undefined
  readonly rejected: LineOutput | undefined
}

function openOutputs(run: ReplayRun): Outputs {
  refuseSharedFiles(run)
  // Opening an output empties it; a mistyped input must not cost anybody their results.
  if (run.input !== '-' && !existsSync(run.input)) throw badUsage(`${run.input}: there is no such file`)
  const openOptional = (path: string | undefined) => (path === undefined ? undefined : LineOutput.open(path))
  try {
    return {
      panes: LineOutput.open(run.output),
      ledger: openOptional(run.ledger),
      late: openOptional(run.late),
      rejected: openOptional(run.rejected),
    }
  } catch (error) {
    if (error instanceof OutputError) throw badUsage(error.message)
    throw error
  }
}

/** Opening an output empties it, so this comes before the first of them is opened. */
function refuseSharedFiles(run: ReplayRun): void {
  const taken: NamedPath[] = run.query.map((path) => ({ flag: '--query', path }))
  taken.push({ flag: '--input', path: run.input })
  for (const name of ['output', 'ledger', 'late', 'rejected'] as const) {
    const path = run[name]
    if (path === undefined) continue
    const output = { flag: `--${name}`, path }
    const other = sameFile(output, taken)
    if (other !== undefined) throw badUsage(`${output.flag} and ${other.flag} name the same file, ${path}`)
    taken.push(output)
  }
}

async function closeAll(outputs: Outputs): Promise<void> {
  for (const output of [outputs.panes, outputs.ledger, outputs.late, outputs.rejected]) await output?.close()
}

function isMissing(error: InputError): boolean {
  return ['ENOENT', 'EISDIR'].includes((error.cause as NodeJS.ErrnoException).code ?? '')
}

function tell(input: string, { shardId, position, reason, detail, query }: RefusedEmission): void {
  const file = input === '-' ? 'standard input' : input
  process.stderr.write(`${file}:${position}: ${reason} (query '${query}', shard ${shardId}): ${detail}\n`)
}

function summarize(
  run: ReplayRun,
  job: Job,
  ledger: Ledger,
  totals: { readonly records: number; readonly panes: number; readonly refused: number },
): void {
  const say = (text: string) => process.stderr.write(`${text}\n`)
  if (totals.refused > toldOneByOne) {
    const hint = run.rejected === undefined ? '; --rejected FILE writes them all' : ''
    say(`… and ${totals.refused - toldOneByOne} more rejected records${hint}`)
  }
  if (totals.records === 0) say(`${run.input}: no records`)
  for (const { query, skipped } of job.queries) {
    const { total } = ledger.queries[query.name]!
    say(`${query.name}: ${describe(total)}`)
    query.layout.columns.forEach(({ name }, i) => {
      if (skipped[i]! > 0) say(`${query.name}: ${name} skipped ${skipped[i]} records without a usable value`)
    })
  }
  say(`${plural(totals.records, 'record')}, ${plural(totals.panes, 'pane')}`)
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}

function describe(total: LaneLedger): string {
  const { read, aggregated, filtered, late, rejected, pending } = total
  const balance = imbalance(total) === 0 ? 'balanced' : `OUT OF BALANCE by ${imbalance(total)}`
  return `read ${read} = aggregated ${aggregated} + filtered ${filtered} + late ${late} + rejected ${rejected} + pending ${pending}, ${balance}`
}
