// Several queries over one stream: whatever is shared between them, and however many records are taken at once, what comes out
// is what comes when each record is taken alone, in the same order, and each query's part is what it gives without the others.
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Emission } from '../../stream-service/src/engine/emission.ts'
import { Job } from '../../stream-service/src/engine/job.ts'
import { compileQuery } from '../../stream-service/src/queries/compile.ts'
import { parseQuery } from '../../stream-service/src/queries/parse-query.ts'
import { FieldPlan } from '../../stream-service/src/records/fields.ts'
import type { StreamRecord } from '../../stream-service/src/records/record.ts'

const runs = Number(process.env.PROPERTY_RUNS ?? 400)

const ms = (least: number, greatest: number) => fc.integer({ min: least, max: greatest }).map((value) => `${value}ms`)

const definition = fc.record({
  where: fc.constantFrom<unknown>(
    {},
    { k: 'a' },
    { k: { in: ['a', 'bb', 5] } },
    { k: { prefix: 'b' } },
    { j: 'x', v: { gte: 0 } },
    { not: [{ k: 'a' }] },
  ),
  time: fc.record({
    field: fc.constant('ts'),
    unit: fc.constant('ms'),
    outOfOrderness: ms(0, 60),
    maxAhead: fc.constantFrom('40ms', '10m'),
  }),
  keyBy: fc.constantFrom<string[]>([], ['k'], ['k', 'j'], ['j']),
  window: fc.oneof(
    fc.record({ type: fc.constant('tumbling'), size: ms(5, 400) }),
    fc.record({ type: fc.constant('hopping'), size: ms(5, 200), every: ms(5, 250) }),
    fc.record({ type: fc.constant('session'), gap: ms(1, 60) }),
    fc.record({ type: fc.constant('count'), size: fc.integer({ min: 1, max: 30 }) }),
  ),
  allowedLateness: fc.constantFrom('0ms', '0ms', '30ms'),
  aggregates: fc.constantFrom<unknown>(
    { n: { fn: 'count' } },
    { n: { fn: 'count' }, s: { fn: 'sum', field: 'v' }, m: { fn: 'max', field: 'v' } },
    { d: { fn: 'distinct', field: 'k' }, q: { fn: 'quantile', field: 'v', q: 0.5 } },
    { t: { fn: 'topK', field: 'k', k: 2 }, f: { fn: 'first', field: 'k' } },
  ),
})

const record = fc.record({
  shard: fc.constantFrom('s1', 's1', 's2'),
  /** How far the event time is behind the beat, and how much the record arrives after it. */
  delay: fc.oneof({ weight: 9, arbitrary: fc.nat(50) }, fc.nat(600)),
  arrives: fc.constantFrom(undefined, 0, 100, -100),
  text: fc.oneof(
    {
      weight: 30,
      arbitrary: fc.record({
        k: fc.constantFrom<unknown>('a', 'bb', 'b/c', 'é', 'q"', 'a longer text of more than sixteen bytes', 5, true),
        j: fc.constantFrom('x', 'y', 1),
        v: fc.constantFrom<unknown>(-1, 0.5, 3, 7, 'x', null),
      }),
    },
    fc.record({ k: fc.constantFrom(null, [1]), v: fc.constant(1) }),
    fc.constantFrom('no JSON', ''),
  ),
})

test('queries over one stream', () => {
  fc.assert(
    fc.property(
      fc.array(definition, { minLength: 1, maxLength: 4 }),
      fc.array(record, { maxLength: 300 }),
      fc.integer({ min: 2, max: 300 }),
      (definitions, records, batch) => {
        const named = definitions.map((each, i) => ({ ...each, name: `q${i}` }))
        const shards = [...new Set(records.map(({ shard }) => shard))]
        const streams = shards.map((shard) => ({ shard, records: streamOf(records, shard) }))
        const together = outputOf(named, streams, batch, batch)
        expect(together).toEqual(outputOf(named, streams, batch, 1))
        expect(together).toEqual(outputOf(named, oneByOne(streams), batch, batch))
        for (const each of named) {
          const own = together.filter(([query]) => query === each.name)
          expect(own).toEqual(outputOf([each], streams, batch, batch))
        }
      },
    ),
    { numRuns: runs },
  )
})

interface Stream {
  readonly shard: string
  readonly records: readonly StreamRecord[]
}

function streamOf(
  records: readonly (typeof record extends fc.Arbitrary<infer R> ? R : never)[],
  shard: string,
): StreamRecord[] {
  const stream: StreamRecord[] = []
  records.forEach(({ shard: own, delay, arrives, text }, i) => {
    if (own !== shard) return
    const ts = 1_000 + 3 * i - delay
    const data = Buffer.from(typeof text === 'string' ? text : JSON.stringify({ ...text, ts }))
    stream.push({
      position: `${i}`,
      partitionKey: '',
      arrivedAt: arrives === undefined ? undefined : ts + arrives,
      data,
    })
  })
  return stream
}

/** Records that have to be unzipped are taken alone. */
function oneByOne(streams: readonly Stream[]): Stream[] {
  return streams.map(({ shard, records }) => ({
    shard,
    records: records.map((each) => ({ ...each, data: gzipSync(each.data) })),
  }))
}

/** All that comes out, in order, each with the query it belongs to. The shards take turns: so many records, cut as told. */
function outputOf(
  definitions: readonly object[],
  streams: readonly Stream[],
  turn: number,
  batch: number,
): [query: string, what: string][] {
  const plan = new FieldPlan()
  const queries = definitions.map((each) => compileQuery(parseQuery(JSON.parse(JSON.stringify(each)), 'q'), plan))
  const job = new Job({ queries, plan })
  const emissions: Emission[] = [...job.declare(streams.map(({ shard }) => ({ shardId: shard, parentShardIds: [] })))]
  for (let first = 0; streams.some(({ records }) => first < records.length); first += turn) {
    for (const { shard, records } of streams) {
      const own = records.slice(first, first + turn)
      for (let at = 0; at < own.length; at += batch)
        emissions.push(...job.accept(shard, own.slice(at, at + batch), 0, 0))
    }
  }
  emissions.push(...job.drain())
  const told = emissions.flatMap((emission): [string, string][] =>
    emission.kind === 'panes'
      ? emission.lines.map((line): [string, string] => [emission.query, line])
      : [[emission.query, `${emission.kind} ${emission.position} ${emission.detail}`]],
  )
  const { queries: ledgers } = job.ledger()
  return [...told, ...queries.map(({ name }): [string, string] => [name, JSON.stringify(ledgers[name])])]
}
