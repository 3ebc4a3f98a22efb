// The mode --memory: the peak memory of the whole `millrace replay` process while many windows are open, one for each key,
// and as a baseline with a single key. What the process holds beside the keys is in both.
import type { Found } from '../findings.ts'
import type { MemoryOptions } from '../options.ts'
import { median } from '../samples.ts'
import { describeTarget, isMet, type Target } from '../target.ts'
import { formatTable } from '../text-table.ts'
import { type OpenWindows, replayOpenWindows } from './open-windows.ts'

const workloads = ['one-key', 'many-keys'] as const

/** So much is a megabyte in all figures of the benchmark, 2^20 bytes; the target is meant for so many keys. */
const targetMb = 250
const targetKeys = 1_000_000

interface Row {
  readonly workload: (typeof workloads)[number]
  readonly keys: number
  readonly panes: number
  readonly samples: readonly OpenWindows[]
  /** Medians over the runs. */
  readonly openPeakRssMb: number
  readonly peakRssMb: number
}

export async function measureMemory(options: MemoryOptions, say: (text: string) => void): Promise<Found> {
  const { records, runs, seed } = options
  const samples = workloads.map((): OpenWindows[] => [])
  for (let run = 0; run < runs; run++) {
    for (const [i, workload] of workloads.entries()) {
      const sample = await replayOpenWindows({ workload, records, seed })
      samples[i]!.push(sample)
      say(`run ${run + 1} of ${runs}  ${workload}: ${describe(sample)}`)
    }
  }
  const rows = workloads.map((workload, i): Row => rowOf(workload, samples[i]!))
  const target = targetOf(rows, records)
  return {
    text: [
      tableOf(rows),
      '',
      target === undefined ? `the target is for ${targetKeys} keys` : describeTarget(target),
      `${records} records (seed ${seed}), medians of ${runs} ${runs === 1 ? 'run' : 'runs'}`,
    ],
    data: { records, runs, seed, rows, target: target && { ...target, isMet: isMet(target) } },
    failures: rows.flatMap(({ workload, samples }) =>
      [...new Set(samples.flatMap(({ faults }) => faults))].map((fault) => `${workload} is wrong: ${fault}`),
    ),
  }
}

function rowOf(workload: Row['workload'], samples: readonly OpenWindows[]): Row {
  return {
    workload,
    keys: samples[0]!.keys,
    panes: samples[0]!.panes,
    samples,
    openPeakRssMb: median(samples.map(({ openPeakRssMb }) => openPeakRssMb)),
    peakRssMb: median(samples.map(({ peakRssMb }) => peakRssMb)),
  }
}

function targetOf(rows: readonly Row[], records: number): Target | undefined {
  if (records < targetKeys) return undefined
  const { keys, openPeakRssMb } = rows.find(({ workload }) => workload === 'many-keys')!
  return {
    name: `Peak RSS while ${keys} windows are open`,
    value: openPeakRssMb,
    most: targetMb,
    unit: ' MB',
    digits: 0,
  }
}

function describe({ openPeakRssMb, peakRssMb, faults }: OpenWindows): string {
  const wrong = faults.length === 0 ? '' : `, WRONG: ${faults.join('; ')}`
  return `${openPeakRssMb.toFixed(0)} MB while the windows are open, ${peakRssMb.toFixed(0)} MB to the end${wrong}`
}

function tableOf(rows: readonly Row[]): string {
  return formatTable({
    headings: ['keys', 'panes', 'peak RSS MB, windows open', 'from – to', 'to the end', 'output'],
    textColumns: [5],
    lines: rows.map(({ keys, panes, openPeakRssMb, peakRssMb, samples }) => [
      `${keys}`,
      `${panes}`,
      openPeakRssMb.toFixed(0),
      [Math.min, Math.max].map((of) => of(...samples.map((sample) => sample.openPeakRssMb)).toFixed(0)).join(' – '),
      peakRssMb.toFixed(0),
      samples.every(({ faults }) => faults.length === 0) ? 'ok' : 'WRONG',
    ]),
  })
}
