// What a run found, for people and as data.
import type { Cell } from './cell.ts'
import type { Flatness } from './measure.ts'
import { median } from './samples.ts'
import { formatTable } from './text-table.ts'

export interface Findings {
  readonly cells: readonly Cell[]
  readonly flatness: Flatness | undefined
  /** Contestants that could not run here, and why. */
  readonly skipped: readonly { readonly contestant: string; readonly reason: string }[]
}

export interface Row {
  readonly query: string
  readonly contestant: string
  /** Medians over the runs. */
  readonly cpuMicrosPerRecord: number
  readonly timesFloor: number
  readonly recordsPerSecond: number
  readonly peakRssMb: number
  readonly cpuMicrosRange: readonly [number, number]
  readonly output: 'ok' | 'WRONG' | 'failed' | 'unchecked'
}

/** Rows without samples are left out; `failures` tells of them. */
export function rowsOf(cells: readonly Cell[]): Row[] {
  return cells.flatMap((cell) => {
    const samples = cell.samples.filter((sample) => sample !== undefined)
    if (samples.length === 0) return []
    const floor = cells.find(({ query, contestant }) => query === cell.query && contestant === 'floor')
    const cpu = samples.map(microsOf)
    // By round: both samples of a ratio saw the same machine.
    const ratios = cell.samples.flatMap((sample, round) => {
      const parse = floor?.samples[round]
      return parse === undefined ? [] : [microsOf(sample) / microsOf(parse)]
    })
    return {
      query: cell.query,
      contestant: cell.contestant,
      cpuMicrosPerRecord: median(cpu),
      timesFloor: median(ratios),
      recordsPerSecond: median(samples.map(({ records, wallMs }) => (1_000 * records) / wallMs)),
      peakRssMb: median(samples.map(({ peakRssMb }) => peakRssMb)),
      cpuMicrosRange: [Math.min(...cpu), Math.max(...cpu)],
      output: verdictOn(cell),
    }
  })
}

function verdictOn({ faults, failure }: Cell): Row['output'] {
  if (failure !== undefined) return 'failed'
  if (faults === undefined) return 'unchecked'
  return faults.length === 0 ? 'ok' : 'WRONG'
}

/** CPU time a record. */
export function microsOf({ cpuMs, records }: { readonly cpuMs: number; readonly records: number }): number {
  return (1_000 * cpuMs) / records
}

/** One line for each thing that is not as it should be. */
export function failures({ cells }: Findings): string[] {
  return cells.flatMap(({ query, contestant, faults, failure }) => [
    ...(failure === undefined ? [] : [`${query} ${contestant} failed: ${failure}`]),
    ...(faults ?? []).map((fault) => `${query} ${contestant} is wrong: ${fault}`),
  ])
}

const headings = ['query', 'contestant', 'CPU µs/record', 'from – to', '× floor', 'records/s', 'peak RSS MB', 'output']
const textColumns = [0, 1, 7]

export function table(rows: readonly Row[]): string {
  const lines = rows.map((row) => [
    row.query,
    row.contestant,
    row.cpuMicrosPerRecord.toFixed(2),
    row.cpuMicrosRange.map((micros) => micros.toFixed(2)).join(' – '),
    row.timesFloor.toFixed(2),
    `${Math.round(row.recordsPerSecond / 1_000)}k`,
    row.peakRssMb.toFixed(0),
    row.output === 'unchecked' ? '–' : row.output,
  ])
  return formatTable({ headings, textColumns, lines, isGrouped: true })
}

export function describeFlatness({ query, contestant, runs }: Flatness): string {
  const [short, long] = runs as [Flatness['runs'][number], Flatness['runs'][number]]
  const told = runs.map(({ records, peakRssMb }) => `${peakRssMb.toFixed(0)} MB over ${records} records`).join(', ')
  return `Peak RSS of ${contestant} on ${query}, input piped: ${told} (× ${(long.peakRssMb / short.peakRssMb).toFixed(2)})`
}

/** How many runs there were; where they differ, of what there were fewer. */
export function describeRuns(cells: readonly Cell[]): string {
  const most = Math.max(0, ...cells.map(({ samples }) => samples.length))
  const fewer = cells.filter(({ samples }) => samples.length < most).map(({ samples }) => samples.length)
  const told = fewer.length === 0 ? `${most}` : `${Math.min(...fewer)} to ${most}`
  return `medians of ${told} interleaved ${most === 1 ? 'run' : 'runs'}`
}
