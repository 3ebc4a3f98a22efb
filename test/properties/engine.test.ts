// The engine against the oracle over random queries, disorder, lateness, shards, interleavings and batch cuts.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Emission } from '../../stream-service/src/engine/emission.ts'
import { Job } from '../../stream-service/src/engine/job.ts'
import { imbalance } from '../../stream-service/src/engine/ledger.ts'
import { compileQuery } from '../../stream-service/src/queries/compile.ts'
import { parseQuery } from '../../stream-service/src/queries/parse-query.ts'
import type { Condition } from '../../stream-service/src/queries/where.ts'
import { FieldPlan } from '../../stream-service/src/records/fields.ts'
import type { StreamRecord } from '../../stream-service/src/records/record.ts'
import { aggregates, type OracleQuery, type OracleRecord, oracle } from './oracle.ts'
import { savedAndLoaded } from './saved.ts'

const runs = Number(process.env.PROPERTY_RUNS ?? 1_500)

const duration = (least: number, greatest: number) => fc.integer({ min: least, max: greatest })

const window: fc.Arbitrary<OracleQuery['window']> = fc.oneof(
  fc.record({
    type: fc.constant('tumbling' as const),
    size: duration(1, 40),
    offset: fc.integer({ min: -40, max: 40 }),
  }),
  fc.record({
    type: fc.constant('hopping' as const),
    size: duration(1, 40),
    every: duration(1, 30),
    offset: fc.integer({ min: -40, max: 40 }),
  }),
  fc
    .record({ steps: duration(1, 5), step: duration(1, 10), offset: fc.integer({ min: -40, max: 40 }) })
    .map(({ steps, step, offset }) => ({ type: 'cumulative' as const, size: steps * step, step, offset })),
  fc.record({ type: fc.constant('session' as const), gap: duration(1, 20) }),
  fc.record({ type: fc.constant('count' as const), size: duration(1, 5) }),
)

const where: fc.Arbitrary<Condition | undefined> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  fc.constantFrom<Condition>(
    { v: { gte: 0 } },
    { k: { in: ['a', 5, true] } },
    { k: { ne: 'a' } },
    { or: [{ v: { lt: 3 } }, { k: { prefix: 'b' } }] },
    { not: [{ v: { exists: false } }, { k: null }] },
    { v: null },
  ),
)

const query: fc.Arbitrary<OracleQuery> = fc
  .record({
    name: fc.constantFrom('q', 'a query/1~'),
    where,
    outOfOrdernessMs: duration(0, 20),
    keyBy: fc.constantFrom([], ['k'], ['k', 'j']),
    window,
    allowedLatenessMs: fc.oneof(fc.constant(0), duration(1, 30)),
  })
  .filter(({ window: w }) => !('offset' in w) || Math.abs(w.offset) < w.size)
  .map(({ where: condition, ...rest }) => (condition === undefined ? rest : { ...rest, where: condition }))

const value = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -9, max: 9 }) },
  fc.constantFrom('x', true, null, undefined),
)
const key = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('a', 'b', '5', 5, true, 0, -0) },
  fc.constantFrom(null, undefined, {}, []),
)
const disorderly = fc.array(
  fc.record({
    shard: fc.constantFrom('s1', 's2', 's3'),
    data: fc.record({
      ts: fc.oneof(
        { weight: 20, arbitrary: fc.integer({ min: -60, max: 200 }) },
        fc.constantFrom('1', null, undefined),
      ),
      k: key,
      j: fc.constantFrom('x', 1),
      v: value,
    }),
  }),
  { maxLength: 60 },
)

/** Event times that move on, each record at most `disorder` behind the newest of its shard. */
function inTime(records: readonly OracleRecord[], disorder: number): OracleRecord[] {
  const newest = new Map<string, number>()
  return records.map(({ shard, data }, i) => {
    const max = newest.get(shard) ?? 0
    const jitter = typeof data.ts === 'number' ? Math.abs(data.ts) : 0
    const ts = Math.max(max - (jitter % (disorder + 1)), 0) + (i % 3 === 0 ? jitter % 15 : 0)
    newest.set(shard, Math.max(max, ts))
    return { shard, data: { ...data, ts } }
  })
}

function compiled(q: OracleQuery, hasEarlyPanes: boolean) {
  const { outOfOrdernessMs, allowedLatenessMs, ...rest } = q
  const plan = new FieldPlan()
  const definition = JSON.parse(
    JSON.stringify({
      ...rest,
      ...(hasEarlyPanes ? { early: '1ms' } : {}),
      time: { field: 'ts', unit: 'ms', outOfOrderness: `${outOfOrdernessMs}ms` },
      allowedLateness: `${allowedLatenessMs}ms`,
      aggregates,
    }),
  )
  return { queries: [compileQuery(parseQuery(definition, 'q'), plan)], plan }
}

interface Schedule {
  /** Which shard goes next, and how many of its records in one batch. */
  readonly steps: readonly { readonly shard: number; readonly batch: number }[]
  /** After which steps the state is saved and restored in a new job. */
  readonly restarts: readonly number[]
  /** Early panes come after each step; nothing that stays may depend on them. */
  readonly hasEarlyPanes: boolean
}

const schedule: fc.Arbitrary<Schedule> = fc.record({
  steps: fc.array(fc.record({ shard: fc.nat(2), batch: fc.integer({ min: 1, max: 9 }) }), { maxLength: 40 }),
  restarts: fc.array(fc.nat(40), { maxLength: 3 }),
  hasEarlyPanes: fc.boolean(),
})

function run(q: OracleQuery, records: readonly OracleRecord[], { steps, restarts, hasEarlyPanes }: Schedule) {
  const shards = ['s1', 's2', 's3'].filter((shard) => records.some((record) => record.shard === shard))
  const queues = new Map(
    shards.map((shard) => [
      shard,
      records
        .filter((record) => record.shard === shard)
        .map(
          ({ data }, i): StreamRecord => ({
            position: String(i + 1),
            partitionKey: '',
            arrivedAt: undefined,
            data: Buffer.from(JSON.stringify(data)),
          }),
        ),
    ]),
  )
  let job = new Job(compiled(q, hasEarlyPanes))
  const emissions: Emission[] = [...job.declare(shards.map((shardId) => ({ shardId, parentShardIds: [] })))]
  steps.forEach(({ shard, batch }, i) => {
    const shardId = shards[shard]
    if (shardId === undefined) return
    emissions.push(...job.accept(shardId, queues.get(shardId)!.splice(0, batch), 0, 0))
    emissions.push(...job.tick(i))
    if (restarts.includes(i)) {
      job = new Job({ ...compiled(q, hasEarlyPanes), saved: savedAndLoaded(job.save()) })
    }
  })
  for (const [shardId, queue] of queues) emissions.push(...job.accept(shardId, queue, 0, 0))
  emissions.push(...job.drain())
  return { emissions, ledger: job.ledger().queries[q.name]!.total }
}

interface Pane {
  readonly id: string
  readonly pane: { readonly index: number; readonly final: boolean; readonly timing: string }
  readonly values: Record<string, unknown>
  readonly supersedes?: readonly string[]
}

/** What a reader of the panes has in the end: the highest revision of each id, without superseded ids. */
function finalPanes(emissions: readonly Emission[]): Map<string, Record<string, unknown>> {
  const panes = new Map<string, Pane>()
  const superseded = new Set<string>()
  for (const emission of emissions) {
    if (emission.kind !== 'panes') continue
    for (const line of emission.lines) {
      const pane = JSON.parse(line) as Pane
      const before = panes.get(pane.id)
      expect(pane.pane.index).toBe(before === undefined ? 0 : before.pane.index + 1)
      expect(before?.pane.final ?? false).toBe(false)
      panes.set(pane.id, pane)
      for (const id of pane.supersedes ?? []) superseded.add(id)
    }
  }
  for (const id of superseded) panes.delete(id)
  return new Map([...panes].map(([id, { values }]) => [id, values]))
}

function rounded(panes: Map<string, Record<string, unknown>>) {
  return new Map(
    [...panes].map(([id, values]) => [
      id,
      Object.fromEntries(
        Object.entries(values).map(([name, v]) => [
          name,
          typeof v === 'number' && !Number.isInteger(v) ? Number(v.toPrecision(10)) : v,
        ]),
      ),
    ]),
  )
}

function encodedName(q: OracleQuery): string {
  return encodeURIComponent(q.name).replaceAll('~', '%7E')
}

function expectAgreement(q: OracleQuery, records: readonly OracleRecord[], how: Schedule) {
  const { emissions, ledger } = run(q, records, how)
  const expected = oracle({ ...q, name: encodedName(q) }, records)
  expect(rounded(finalPanes(emissions))).toEqual(rounded(expected.panes))
  expect(ledger).toMatchObject(expected.ledger)
  expect(imbalance(ledger)).toBe(0)
  const refused = emissions.filter(({ kind }) => kind !== 'panes')
  expect(refused.filter(({ kind }) => kind === 'late')).toHaveLength(ledger.late)
  expect(refused.filter(({ kind }) => kind === 'rejected')).toHaveLength(ledger.rejected)
}

describe('final panes are those of the oracle', () => {
  test('for windows on a grid and count windows, whatever the disorder, the interleaving, the batches and restarts', () => {
    fc.assert(
      fc.property(
        query.filter(({ window: w }) => w.type !== 'session'),
        disorderly,
        schedule,
        expectAgreement,
      ),
      { numRuns: runs },
    )
  })

  test('for sessions of one shard, however late records come', () => {
    fc.assert(
      fc.property(
        query.filter(({ window: w }) => w.type === 'session'),
        disorderly.map((records) => records.map((record) => ({ ...record, shard: 's1' }))),
        schedule,
        expectAgreement,
      ),
      { numRuns: runs },
    )
  })

  test('for sessions across shards, while records come within the out-of-orderness', () => {
    fc.assert(
      fc.property(
        query.filter(({ window: w }) => w.type === 'session'),
        disorderly,
        schedule,
        // A record exactly as late as the watermark allows may find that its neighbour has just fired, in any lane.
        (q, records, how) =>
          expectAgreement({ ...q, outOfOrdernessMs: q.outOfOrdernessMs + 1 }, inTime(records, q.outOfOrdernessMs), how),
      ),
      { numRuns: runs },
    )
  })
})

describe('timing does not show', () => {
  test('final panes are the same bytes for every interleaving, even of sessions whose records come too late', () => {
    fc.assert(
      fc.property(query, disorderly, schedule, schedule, (q, records, one, other) => {
        const asText = (how: Schedule) => JSON.stringify([...finalPanes(run(q, records, how).emissions)].sort())
        expect(asText(one)).toBe(asText(other))
      }),
      { numRuns: runs },
    )
  })

  test('and of sessions in particular, where shards differ in what they call late', () => {
    const shortSessions = fc.record({
      name: fc.constant('q'),
      outOfOrdernessMs: duration(0, 3),
      keyBy: fc.constant([]),
      window: fc.record({ type: fc.constant('session' as const), gap: duration(2, 8) }),
      allowedLatenessMs: duration(0, 4),
    })
    const crowded = fc.array(
      fc.record({ shard: fc.constantFrom('s1', 's2'), data: fc.record({ ts: fc.nat(24), v: fc.constant(1) }) }),
      { minLength: 2, maxLength: 14 },
    )
    const oneByOne: fc.Arbitrary<Schedule> = fc.record({
      steps: fc.array(fc.record({ shard: fc.nat(1), batch: duration(1, 2) }), { minLength: 8, maxLength: 20 }),
      restarts: fc.constant([]),
      hasEarlyPanes: fc.boolean(),
    })
    fc.assert(
      fc.property(shortSessions, crowded, oneByOne, oneByOne, (q, records, one, other) => {
        const asText = (how: Schedule) => JSON.stringify([...finalPanes(run(q, records, how).emissions)].sort())
        expect(asText(one)).toBe(asText(other))
      }),
      { numRuns: 2 * runs },
    )
  })

  test('one shard gives the same lines, revisions too, whichever way its records are cut into batches', () => {
    fc.assert(
      fc.property(query, disorderly, schedule, schedule, (q, records, one, other) => {
        const alone = records.map((record) => ({ ...record, shard: 's1' }))
        const lines = (how: Schedule) =>
          run(q, alone, { ...how, hasEarlyPanes: false }).emissions.flatMap((e) =>
            e.kind === 'panes' ? e.lines : [e.kind],
          )
        expect(lines(one)).toEqual(lines(other))
      }),
      { numRuns: runs },
    )
  })
})
