// NDJSON as bytes: the panes are those of the oracle, and the same bytes whichever way the input is cut into blocks.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Emission } from '../../stream-service/src/engine/emission.ts'
import { Job } from '../../stream-service/src/engine/job.ts'
import { compileQuery } from '../../stream-service/src/queries/compile.ts'
import { parseQuery } from '../../stream-service/src/queries/parse-query.ts'
import { FieldPlan } from '../../stream-service/src/records/fields.ts'
import { refusedLine } from '../../stream-service/src/sinks/refused-line.ts'
import { replayBlocks } from '../../stream-service/src/sources/replay-file.ts'
import { aggregates, oracle } from './oracle.ts'

const runs = Number(process.env.PROPERTY_RUNS ?? 1_500)

const definition = {
  name: 'q',
  where: { not: [{ k: 'x' }] },
  time: { field: 'ts', unit: 'ms', outOfOrderness: '5ms' },
  keyBy: ['k'],
  window: { type: 'hopping', size: '10ms', every: '4ms' },
  allowedLateness: '3ms',
  aggregates,
}

const record = fc.record({
  ts: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: -20, max: 90 }) }, fc.constantFrom(null, '7', 1.5)),
  k: fc.constantFrom('a', 'é', '~\u{1f600}', 'x', 7, null),
  v: fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constantFrom(null, 'w', true)),
})
/** What stands between records in real files: other line ends, blank lines, lines that are no records. */
const noise = fc.constantFrom<Buffer>(
  Buffer.from('\n'),
  Buffer.from('\r\n'),
  Buffer.from(' \n'),
  Buffer.from('{"ts":1\n'),
  Buffer.from([0x22, 0xff, 0x22, 0x0a]),
  Buffer.from('[]\n'),
)

async function replayed(blocks: readonly Buffer[]) {
  const plan = new FieldPlan()
  const job = new Job({ queries: [compileQuery(parseQuery(definition, 'q'), plan)], plan })
  const emissions: Emission[] = []
  await replayBlocks(blocks, job, (some) => {
    emissions.push(...some)
  })
  return {
    lines: emissions.flatMap((emission) => (emission.kind === 'panes' ? emission.lines : [refusedLine(emission)])),
    ledger: job.ledger().queries.q!.total,
  }
}

test('any bytes give the oracle\u2019s panes, in the same bytes however they are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(record, fc.option(noise, { freq: 4 })), { maxLength: 40 }),
      fc.array(fc.nat(4_000), { maxLength: 12 }),
      async (parts, places) => {
        const bytes = Buffer.concat(
          parts.flatMap(([data, between]) => [Buffer.from(`${JSON.stringify(data)}\n`), between ?? Buffer.alloc(0)]),
        )
        const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
        const blocks = [...cuts, bytes.length].map((end, i) => bytes.subarray(i === 0 ? 0 : cuts[i - 1], end))

        const whole = await replayed([bytes])
        expect(await replayed(blocks)).toEqual(whole)

        const { panes, ledger } = oracle(
          {
            name: 'q',
            where: { not: [{ k: 'x' }] },
            outOfOrdernessMs: 5,
            keyBy: ['k'],
            window: { type: 'hopping', size: 10, every: 4, offset: 0 },
            allowedLatenessMs: 3,
          },
          parts.map(([data]) => ({ shard: 'input', data })),
        )
        const broken = parts.filter(
          ([, between]) => between !== null && !/^\s*$/.test(between.toString('latin1')),
        ).length
        expect(whole.ledger).toMatchObject({
          ...ledger,
          read: ledger.read + broken,
          rejected: ledger.rejected + broken,
        })
        const finals = new Map<string, unknown>()
        for (const line of whole.lines) {
          const pane = JSON.parse(line)
          if (pane.id !== undefined) finals.set(pane.id, rounded(pane.values))
        }
        expect(finals).toEqual(new Map([...panes].map(([id, values]) => [id, rounded(values)])))
      },
    ),
    { numRuns: runs },
  )
})

function rounded(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([name, v]) => [name, typeof v === 'number' ? Number(v.toPrecision(10)) : v]),
  )
}
