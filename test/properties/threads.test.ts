// Lanes on threads give what one thread gives, byte for byte: all kinds of windows at once, random records, batches, restarts.
import { availableParallelism } from 'node:os'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Emission } from '../../stream-service/src/engine/emission.ts'
import { Job, type SavedJob } from '../../stream-service/src/engine/job.ts'
import { compileQuery } from '../../stream-service/src/queries/compile.ts'
import { parseQuery } from '../../stream-service/src/queries/parse-query.ts'
import type { QuerySpec } from '../../stream-service/src/queries/query-spec.ts'
import { FieldPlan } from '../../stream-service/src/records/fields.ts'
import type { StreamRecord } from '../../stream-service/src/records/record.ts'
import { refusedLine } from '../../stream-service/src/sinks/refused-line.ts'
import { JobRunner } from '../../stream-service/src/threads/job-runner.ts'
import { LaneThreads } from '../../stream-service/src/threads/lane-threads.ts'
import { savedAndLoaded } from './saved.ts'

const runs = Number(process.env.PROPERTY_RUNS ?? 100) / 10
const shards = ['s1', 's2', 's3']

const aggregates = {
  n: { fn: 'count' },
  sum: { fn: 'sum', field: 'v' },
  users: { fn: 'distinct', field: 'k' },
  p50: { fn: 'quantile', field: 'v', q: 0.5 },
  last: { fn: 'last', field: 'v' },
}
const definition = (name: string, window: object, more: object = {}) => ({
  name,
  time: { field: 'ts', unit: 'ms', outOfOrderness: '4ms' },
  keyBy: ['k'],
  window,
  aggregates,
  ...more,
})
const queries: readonly QuerySpec[] = [
  definition('tumbling', { type: 'tumbling', size: '10ms' }),
  definition('late', { type: 'tumbling', size: '10ms' }, { allowedLateness: '15ms' }),
  definition('hopping', { type: 'hopping', size: '12ms', every: '4ms' }, { allowedLateness: '6ms', keyBy: ['k', 'v'] }),
  definition('uneven', { type: 'hopping', size: '17ms', every: '16ms' }, { keyBy: [] }),
  definition('cumulative', { type: 'cumulative', size: '20ms', step: '5ms' }),
  definition('early', { type: 'tumbling', size: '20ms' }, { early: '3ms' }),
  definition('filtered', { type: 'tumbling', size: '5ms' }, { where: { v: { gte: 3 } } }),
  definition('counted', { type: 'count', size: 3 }),
  definition('session', { type: 'session', gap: '6ms' }, { allowedLateness: '4ms' }),
].map((query) => parseQuery(JSON.parse(JSON.stringify(query)), query.name))

function newJob(saved?: SavedJob): Job {
  const plan = new FieldPlan()
  return new Job({ queries: queries.map((query) => compileQuery(query, plan)), plan, saved, idleBy: 'reads' })
}

function newThreads(job: Job): LaneThreads {
  const away = queries.map((query, i) => (job.queries[i]!.canSendLanes ? query : undefined))
  return new LaneThreads(Math.max(2, availableParallelism()), { queries: away })
}

interface Step {
  readonly shard: string
  readonly records: readonly StreamRecord[]
  readonly savesAfter: boolean
}

const data = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({ jump: fc.nat(3), back: fc.nat(9), k: fc.constantFrom('a', 'b/ü', 'c'), v: fc.nat(9) }),
  },
  { weight: 1, arbitrary: fc.constant(undefined) },
)
const steps: fc.Arbitrary<readonly Step[]> = fc
  .array(
    fc.record({
      shard: fc.constantFrom(...shards),
      data: fc.array(data, { maxLength: 40 }),
      savesAfter: fc.nat(9).map((n) => n === 0),
    }),
    { minLength: 10, maxLength: 40 },
  )
  .map((made) => {
    let clock = 100
    let position = 0
    return made.map(({ shard, data, savesAfter }) => ({
      shard,
      savesAfter,
      records: data.map((record): StreamRecord => {
        clock += record?.jump ?? 0
        const text = record === undefined ? '{' : JSON.stringify({ ts: clock - record.back, k: record.k, v: record.v })
        return { position: String(++position), partitionKey: 'ü', arrivedAt: clock, data: Buffer.from(text) }
      }),
    }))
  })

/** All lines by query, refused records too, and the books. */
async function outcome(made: readonly Step[], hasThreads: boolean) {
  const lines = new Map<string, string[]>()
  const onEmissions = (emissions: readonly Emission[]) => {
    for (const emission of emissions) {
      const own = lines.get(emission.query) ?? []
      lines.set(emission.query, own)
      own.push(...(emission.kind === 'panes' ? emission.lines : [refusedLine(emission)]))
    }
  }
  const start = (saved?: SavedJob) => {
    const job = newJob(saved)
    return new JobRunner({ job, threads: hasThreads ? newThreads(job) : undefined, onEmissions })
  }
  let runner = start()
  await runner.declare(shards.map((shardId) => ({ shardId, parentShardIds: [] })))
  let under: Promise<void>[] = []
  for (const [now, { shard, records, savesAfter }] of made.entries()) {
    // As a service has it: a shard's batches one after the other, those of several shards side by side.
    if (!hasThreads || under.length === 3) await Promise.all(under.splice(0))
    under.push(runner.accept(shard, records, 0, now))
    if (!savesAfter) continue
    await Promise.all(under)
    under = []
    const saved = await runner.save(savedAndLoaded)
    if (now % 2 === 0) continue
    await runner.close()
    runner = start(saved)
  }
  await Promise.all(under)
  await runner.end('s2', [{ shardId: 's4', parentShardIds: ['s2'] }])
  await runner.drain()
  const ledger = runner.ledger()
  await runner.close()
  return { lines, ledger }
}

/** The values of each pane's last revision. */
function standing(lines: readonly string[]): Map<string, unknown> {
  return new Map(
    lines
      .map((line) => JSON.parse(line))
      .map(({ id, reason, position, values }) => [id ?? `${reason} ${position}`, values]),
  )
}

test('threads show in nothing', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (made) => {
      const [one, several] = [await outcome(made, false), await outcome(made, true)]
      expect(several.ledger).toEqual(one.ledger)
      for (const { name, earlyMs } of queries) {
        const [wanted, found] = [one, several].map(({ lines }) => lines.get(name) ?? [])
        // When an early pane comes depends on what has been read by then; what stands in the end does not.
        if (earlyMs === undefined) expect(found).toEqual(wanted)
        else expect(standing(found!)).toEqual(standing(wanted!))
      }
    }),
    { numRuns: runs, interruptAfterTimeLimit: 60_000 },
  )
}, 120_000)
