// The mode --threads: the records of four shards through the whole service but for the network, with one thread and with two. The
// panes must be the same bytes each time.
import { join } from 'node:path'
import type { Found } from '../findings.ts'
import { inputFile } from '../inputs.ts'
import type { ThreadsOptions } from '../options.ts'
import { runProcess } from '../processes.ts'
import { median } from '../samples.ts'
import { describeTarget, isMet, type Target } from '../target.ts'
import { formatTable } from '../text-table.ts'
import type { ShardsOutcome } from './shards.ts'

const leastRatio = 1.7
const counts = [1, 2]
const queries = ['Q1', 'Q2', 'Q4']

export async function measureThreads(options: ThreadsOptions, say: (text: string) => void): Promise<Found> {
  const { records, runs, seed } = options
  const input = await inputFile('shop', { records, seed })
  const samples = new Map<string, ShardsOutcome[]>()
  const failures: string[] = []
  for (let run = 0; run < runs; run++) {
    for (const query of queries) {
      for (const count of run % 2 === 0 ? counts : counts.toReversed()) {
        const command = [process.execPath, join(import.meta.dirname, 'shards.ts'), query, input, `${count}`]
        const outcome = JSON.parse(await runProcess(command)) as ShardsOutcome
        const own = samples.get(`${query} ${count}`) ?? []
        samples.set(`${query} ${count}`, [...own, outcome])
        say(`run ${run + 1} of ${runs}  ${query}, ${count} threads: ${outcome.elapsedMs.toFixed(0)} ms`)
      }
    }
  }
  const elapsed = (query: string, count: number) =>
    median(samples.get(`${query} ${count}`)!.map(({ elapsedMs }) => elapsedMs))
  for (const query of queries) {
    const digests = new Set(counts.flatMap((count) => samples.get(`${query} ${count}`)!.map(({ digest }) => digest)))
    if (digests.size > 1) failures.push(`${query}: the panes depend on the number of threads`)
  }
  const targets = queries.map((query): Target => {
    const value = elapsed(query, 2) / elapsed(query, 1)
    return {
      name: `${query}, time of two threads over that of one`,
      value,
      most: 1 / leastRatio,
      unit: ' ×',
      digits: 2,
    }
  })
  const lines = queries.flatMap((query) =>
    counts.map((count) => {
      const own = samples.get(`${query} ${count}`)!
      const time = elapsed(query, count)
      return [
        query,
        `${count}`,
        time.toFixed(0),
        (elapsed(query, 1) / time).toFixed(2),
        perRecord(own, ({ cpuMs }) => cpuMs),
        perRecord(own, ({ mainCpuMs }) => mainCpuMs),
        `${own[0]!.panes}`,
      ]
    }),
  )
  const table = formatTable({
    headings: ['query', 'threads', 'ms', 'speed × one thread', 'CPU µs/record', 'of the main thread', 'panes'],
    textColumns: [0],
    lines,
  })
  return {
    text: [
      table,
      '',
      ...targets.map(describeTarget),
      `${records} records (seed ${seed}) in 4 shards, medians of ${runs}`,
    ],
    data: {
      records,
      runs,
      seed,
      samples: Object.fromEntries(samples),
      targets: targets.map((t) => ({ ...t, isMet: isMet(t) })),
    },
    failures,
  }
}

/** Microseconds, the median. */
function perRecord(samples: readonly ShardsOutcome[], ms: (sample: ShardsOutcome) => number): string {
  return median(samples.map((sample) => (1_000 * ms(sample)) / sample.records)).toFixed(2)
}
