// What is told of a measurement of latency.
import type { Found } from '../findings.ts'
import type { LatencyOptions } from '../options.ts'
import { percentile } from '../samples.ts'
import { describeTarget, isMet, type Target } from '../target.ts'
import { formatTable } from '../text-table.ts'
import type { PaneDelays } from './pane-delays.ts'

const targetMs = 300

export interface MeasuredLatency extends PaneDelays {
  readonly shards: number
  readonly pollIntervalMs: number
  readonly records: number
  /** How long it took to put them. */
  readonly putMs: number
  /** Of the service, meanwhile; the peak from its start. */
  readonly cpuMs: number
  readonly cpuShare: number
  readonly peakRssMb: number
}

export function foundLatency({ seconds, seed }: LatencyOptions, measured: MeasuredLatency): Found {
  const { delaysMs, faults, shards, pollIntervalMs, records, putMs, cpuMs, cpuShare, peakRssMb } = measured
  const recordsPerSecond = (1_000 * records) / putMs
  const cpuMicrosPerRecord = (1_000 * cpuMs) / records
  const delayMs = {
    p50: percentile(delaysMs, 0.5),
    p95: percentile(delaysMs, 0.95),
    p99: percentile(delaysMs, 0.99),
    max: percentile(delaysMs, 1),
  }
  const target: Target = { name: 'p99', value: delayMs.p99, most: targetMs, unit: ' ms', digits: 0 }
  const cells: readonly (readonly [heading: string, cell: string])[] = [
    ['panes', `${delaysMs.length}`],
    ...Object.entries(delayMs).map(([name, ms]): [string, string] => [`${name} ms`, ms.toFixed(0)]),
    ['service CPU', `${(100 * cpuShare).toFixed(0)} % of a core`],
    ['CPU µs/record', cpuMicrosPerRecord.toFixed(1)],
    ['peak RSS MB', peakRssMb.toFixed(0)],
    ['output', faults.length === 0 ? 'ok' : 'WRONG'],
  ]
  return {
    text: [
      formatTable({
        headings: cells.map(([heading]) => heading),
        textColumns: [8],
        lines: [cells.map(([, cell]) => cell)],
      }),
      '',
      describeTarget(target),
      `${records} records (seed ${seed}), ${recordsPerSecond.toFixed(0)} a second over ${shards} shards, polled every ${pollIntervalMs} ms`,
    ],
    data: {
      seconds,
      seed,
      shards,
      pollIntervalMs,
      records,
      recordsPerSecond,
      panes: delaysMs.length,
      delayMs,
      service: { cpuShare, cpuMicrosPerRecord, peakRssMb },
      target: { ...target, isMet: isMet(target) },
    },
    failures: faults.map((fault) => `latency is wrong: ${fault}`),
  }
}
