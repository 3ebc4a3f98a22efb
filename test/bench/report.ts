// What a run found, for people and as data.
import type { Cell, Flatness } from './measure.ts'

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

function microsOf({ cpuMs, records }: { readonly cpuMs: number; readonly records: number }): number {
  return (1_000 * cpuMs) / records
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2
}

/** One line for each thing that is not as it should be. */
export function failures({ cells }: Findings): string[] {
  return cells.flatMap(({ query, contestant, faults, failure }) => [
    ...(failure === undefined ? [] : [`${query} ${contestant} failed: ${failure}`]),
    ...(faults ?? []).map((fault) => `${query} ${contestant} is wrong: ${fault}`),
  ])
}

const headings = ['query', 'contestant', 'CPU µs/record', 'from – to', '× floor', 'records/s', 'peak RSS MB', 'output']
/** The columns with text; the others have numbers and stand to the right. */
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
  const all = [headings, ...lines]
  const widths = headings.map((_, column) => Math.max(...all.map((line) => line[column]!.length)))
  const format = (line: readonly string[]) =>
    line
      .map((cell, i) => (textColumns.includes(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd()
  return all.map((line, i) => (i > 1 && line[0] !== all[i - 1]![0] ? `\n${format(line)}` : format(line))).join('\n')
}

export function describeFlatness({ query, contestant, runs }: Flatness): string {
  const [short, long] = runs as [Flatness['runs'][number], Flatness['runs'][number]]
  const told = runs.map(({ records, peakRssMb }) => `${peakRssMb.toFixed(0)} MB over ${records} records`).join(', ')
  return `Peak RSS of ${contestant} on ${query}, input piped: ${told} (× ${(long.peakRssMb / short.peakRssMb).toFixed(2)})`
}
