// The mode without a name: what a windowed query costs per record, beside JSON.parse alone and beside other engines.
import { type Contestant, contestants } from './contestants.ts'
import type { Found } from './findings.ts'
import { type Measuring, measure, measureFlatness } from './measure.ts'
import type { ComparisonOptions } from './options.ts'
import { queries } from './queries.ts'
import { describeFlatness, describeRuns, type Findings, failures, rowsOf, table } from './report.ts'
import { Unavailable } from './unavailable.ts'

export async function compare(options: ComparisonOptions, say: (text: string) => void): Promise<Found> {
  const { ready, skipped } = await prepare(options.contestants, say)
  const measuring: Measuring = { options: { ...options, contestants: ready }, say }
  const cells = await measure(measuring)
  const findings: Findings = { cells, skipped, flatness: await flatnessOf(measuring) }
  const { records, runs, seed } = options
  const rows = rowsOf(cells)
  return {
    text: [
      table(rows),
      '',
      ...(findings.flatness === undefined ? [] : [describeFlatness(findings.flatness)]),
      `${records} records (seed ${seed}), ${describeRuns(cells)}`,
      ...skipped.map(({ contestant, reason }) => `skipped ${contestant}: ${reason}`),
    ],
    data: { records, runs, seed, rows, ...findings },
    failures: failures(findings),
  }
}

async function prepare(
  wanted: readonly Contestant[],
  say: (text: string) => void,
): Promise<{ ready: Contestant[]; skipped: Findings['skipped'] }> {
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
