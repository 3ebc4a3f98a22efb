// The mode --together: ten queries over one reading of a stream beside one of them alone, Q1. A record is read and parsed
// once, however many queries ask; each has its own windows. The two take turns, each run beginning with the other one.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { workFolder } from '../cache.ts'
import { contestants } from '../contestants.ts'
import type { Found } from '../findings.ts'
import { inputFile } from '../inputs.ts'
import { prepareJudging, runContestant, warmUpFile } from '../measure.ts'
import type { TogetherOptions } from '../options.ts'
import { queryNamed } from '../queries.ts'
import { microsOf } from '../report.ts'
import { median } from '../samples.ts'
import { describeTarget, isMet, type Target } from '../target.ts'
import { formatTable } from '../text-table.ts'
import type { Usage } from '../usage.ts'
import { furtherQueries } from './further-queries.ts'
import { OutputsOfMany } from './outputs-of-many.ts'

const targetRatio = 2.5

interface Lineup {
  readonly name: string
  readonly queries: readonly string[]
  /** By run. */
  readonly samples: Usage[]
}

export async function measureTogether(options: TogetherOptions, say: (text: string) => void): Promise<Found> {
  const { records, runs, seed } = options
  const q1 = queryNamed('Q1')
  const millrace = contestants.find(({ name }) => name === 'millrace')!
  const input = await inputFile('shop', { records, seed })
  const warmUp = await warmUpFile(q1, millrace, { records, seed })
  const one: Lineup = { name: 'Q1', queries: ['Q1'], samples: [] }
  const ten: Lineup = {
    name: 'Q1 and nine',
    queries: ['Q1', ...furtherQueries.map(({ name }) => name)],
    samples: [],
  }
  await prepareJudging(ten.queries.map((name) => ({ query: queryNamed(name), input })))
  const outputs = new OutputsOfMany(input)
  for (let run = 0; run < runs; run++) {
    for (const { name, queries, samples } of run % 2 === 0 ? [one, ten] : [ten, one]) {
      const output = join(workFolder, 'together.ndjson')
      samples[run] = await runContestant(millrace, { query: queries.join(), input, output, warmUp, records })
      await outputs.look(name, queries, output)
      rmSync(output)
      say(`run ${run + 1} of ${runs}  ${name}: ${microsOf(samples[run]!).toFixed(2)} µs a record`)
    }
  }
  // By run: both samples of a ratio saw the same machine.
  const ratios = ten.samples.map((sample, run) => microsOf(sample) / microsOf(one.samples[run]!))
  const target: Target = {
    name: 'CPU time of ten queries over that of one',
    value: median(ratios),
    most: targetRatio,
    isBelow: true,
    unit: ' ×',
    digits: 2,
  }
  return {
    text: [
      tableOf([one, ten], ratios, outputs),
      '',
      describeTarget(target),
      `${records} records (seed ${seed}), medians of ${runs} interleaved ${runs === 1 ? 'run' : 'runs'}`,
    ],
    data: { records, runs, seed, lineups: [one, ten], ratios, target: { ...target, isMet: isMet(target) } },
    failures: outputs.failures,
  }
}

function tableOf(lineups: readonly Lineup[], ratios: readonly number[], outputs: OutputsOfMany): string {
  return formatTable({
    headings: ['queries', 'CPU µs/record', 'from – to', '× one', 'from – to', 'panes', 'peak RSS MB', 'output'],
    textColumns: [0, 7],
    lines: lineups.map(({ name, queries, samples }) => {
      const cpu = samples.map(microsOf)
      const times = queries.length === 1 ? samples.map(() => 1) : ratios
      return [
        name,
        median(cpu).toFixed(2),
        range(cpu),
        median(times).toFixed(2),
        range(times),
        `${outputs.panesOf(name)}`,
        median(samples.map(({ peakRssMb }) => peakRssMb)).toFixed(0),
        outputs.isRight(name) ? 'ok' : 'WRONG',
      ]
    }),
  })
}

function range(numbers: readonly number[]): string {
  return [Math.min(...numbers), Math.max(...numbers)].map((number) => number.toFixed(2)).join(' – ')
}
