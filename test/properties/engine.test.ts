// The engine against the oracle over random queries, disorder, lateness, shards, interleavings and batch cuts.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Emission } from '../../stream-service/src/engine/emission.ts'
import { Job } from '../../stream-service/src/engine/job.ts'
import { imbalance } from '../../stream-service/src/engine/ledger.ts'
import type { StreamRecord } from '../../stream-service/src/records/record.ts'
import { compiled, disorderly, duration, encodedName, finalPanes, inTime, query, rounded } from './cases.ts'
import { type OracleQuery, type OracleRecord, oracle } from './oracle.ts'
import { savedAndLoaded } from './saved.ts'

const runs = Number(process.env.PROPERTY_RUNS ?? 600)

interface Schedule {
  /** Which shard goes next, and how many of its records in one batch. */
  readonly steps: readonly { readonly shard: number; readonly batch: number }[]
  /** After which steps the state is saved and restored in a new job. */
  readonly restarts: readonly number[]
  /** Early panes come after each step; nothing that stays may depend on them. */
  readonly hasEarlyPanes: boolean
}

const schedule: fc.Arbitrary<Schedule> = fc.record({
  steps: fc.array(fc.record({ shard: fc.nat(2), batch: fc.integer({ min: 1, max: 9 }) }), {
    maxLength: 40,
    size: 'max',
  }),
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
          // After a restart panes of one instant may come in another order.
          run(q, alone, { ...how, hasEarlyPanes: false, restarts: [] }).emissions.flatMap((e) =>
            e.kind === 'panes' ? e.lines : [e.kind],
          )
        expect(lines(one)).toEqual(lines(other))
      }),
      { numRuns: runs },
    )
  })
})
