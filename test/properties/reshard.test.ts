// Resharding in the middle of windows: whatever the order in which shards are read (parents before children), whichever way
// children become known, the final panes are the same.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Emission } from '../../stream-service/src/engine/emission.ts'
import { Job } from '../../stream-service/src/engine/job.ts'
import { imbalance } from '../../stream-service/src/engine/ledger.ts'
import { compileQuery } from '../../stream-service/src/queries/compile.ts'
import { parseQuery } from '../../stream-service/src/queries/parse-query.ts'
import { FieldPlan } from '../../stream-service/src/records/fields.ts'

const runs = Number(process.env.PROPERTY_RUNS ?? 1_500)

/** a splits into c and d; b stays; d and b merge into e. */
const parentsOf: Readonly<Record<string, readonly string[]>> = { a: [], b: [], c: ['a'], d: ['a'], e: ['d', 'b'] }
const shards = Object.keys(parentsOf)
const childrenOf = (shard: string) => shards.filter((child) => parentsOf[child]!.includes(shard))

const event = fc.record({
  ts: fc.integer({ min: 0, max: 60 }),
  k: fc.constantFrom('x', 'y'),
  v: fc.integer({ min: 0, max: 9 }),
})
const contents = fc.record(Object.fromEntries(shards.map((shard) => [shard, fc.array(event, { maxLength: 12 })])))

const window = fc.oneof(
  fc.constantFrom({ type: 'tumbling', size: '10ms' }, { type: 'hopping', size: '12ms', every: '4ms' }),
  fc.constantFrom({ type: 'session', gap: '4ms' }),
)
const query = fc.record({ window, outOfOrderness: fc.nat(10), allowedLateness: fc.nat(15) }).map((q) => ({
  name: 'q',
  time: { field: 'ts', unit: 'ms', outOfOrderness: `${q.outOfOrderness}ms` },
  keyBy: ['k'],
  window: q.window,
  allowedLateness: `${q.allowedLateness}ms`,
  aggregates: { n: { fn: 'count' }, sum: { fn: 'sum', field: 'v' }, last: { fn: 'last', field: 'v' } },
}))

interface Schedule {
  /** Which of the shards that may be read goes next, and how many records. */
  readonly steps: readonly (readonly [number, number])[]
  /** All shards are declared at the start, or each shard's children when it ends. */
  readonly knowsAll: boolean
}
const schedule: fc.Arbitrary<Schedule> = fc.record({
  steps: fc.array(fc.tuple(fc.nat(9), fc.integer({ min: 1, max: 5 })), { maxLength: 60 }),
  knowsAll: fc.boolean(),
})

function run(definition: object, records: Readonly<Record<string, readonly object[]>>, { steps, knowsAll }: Schedule) {
  const plan = new FieldPlan()
  const job = new Job({ queries: [compileQuery(parseQuery(definition, 'q'), plan)], plan })
  const emissions: Emission[] = []
  const declare = (ids: readonly string[]) =>
    emissions.push(...job.declare(ids.map((shardId) => ({ shardId, parentShardIds: parentsOf[shardId]! }))))
  declare(knowsAll ? shards : ['a', 'b'])
  const left = new Map(
    shards.map((shard) => [
      shard,
      records[shard]!.map((data, i) => ({
        position: String(i),
        partitionKey: '',
        arrivedAt: undefined,
        data: Buffer.from(JSON.stringify(data)),
      })),
    ]),
  )
  const readable = () =>
    shards.filter((shard) => left.has(shard) && parentsOf[shard]!.every((parent) => !left.has(parent)))
  const step = (pick: number, batch: number) => {
    const open = readable()
    const shard = open[pick % open.length]!
    const queue = left.get(shard)!
    if (queue.length > 0) {
      emissions.push(...job.accept(shard, queue.splice(0, batch), 0, 0))
      return
    }
    left.delete(shard)
    if (!knowsAll) declare(childrenOf(shard))
    emissions.push(...job.end(shard, []))
  }
  for (const [pick, batch] of steps) if (left.size > 0) step(pick, batch)
  while (left.size > 0) step(0, 3)
  emissions.push(...job.drain())
  return { panes: finalPanes(emissions), ledger: job.ledger().queries.q!.total }
}

function finalPanes(emissions: readonly Emission[]): string[] {
  const panes = new Map<string, string>()
  const superseded = new Set<string>()
  for (const emission of emissions) {
    if (emission.kind !== 'panes') continue
    for (const line of emission.lines) {
      const { id, values, supersedes = [] } = JSON.parse(line)
      panes.set(id, JSON.stringify(values))
      for (const old of supersedes) superseded.add(old)
    }
  }
  return [...panes]
    .filter(([id]) => !superseded.has(id))
    .map(([id, values]) => `${id} ${values}`)
    .sort()
}

test('final panes and the ledger do not depend on the order of reading', () => {
  fc.assert(
    fc.property(query, contents, schedule, schedule, (definition, records, one, other) => {
      const first = run(definition, records, one)
      expect(run(definition, records, other)).toEqual(first)
      expect(first.ledger.read).toBe(Object.values(records).flat().length)
      expect(imbalance(first.ledger)).toBe(0)
    }),
    { numRuns: 2 * runs },
  )
})
