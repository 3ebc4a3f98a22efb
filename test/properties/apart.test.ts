// Lanes and merges apart, as tasks have them: what lanes give comes late, twice, or with parts missing at first, and both
// crash and go on from what they saved. The final panes are the oracle's all the same.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Emission } from '../../stream-service/src/engine/emission.ts'
import { KeyPartitions } from '../../stream-service/src/engine/key-partitions.ts'
import { LaneKits } from '../../stream-service/src/engine/lane-kits.ts'
import { sumLedgers } from '../../stream-service/src/engine/ledger.ts'
import { Merger } from '../../stream-service/src/engine/merger.ts'
import type { LaneMessage } from '../../stream-service/src/engine/partials.ts'
import { ShardLanes } from '../../stream-service/src/engine/shard-lanes.ts'
import type { StreamRecord } from '../../stream-service/src/records/record.ts'
import { compiled, disorderly, encodedName, inTime, query, rounded } from './cases.ts'
import { type OracleQuery, type OracleRecord, oracle } from './oracle.ts'
import { savedAndLoaded } from './saved.ts'

const runs = Number(process.env.PROPERTY_RUNS ?? 600)

interface Step {
  readonly does:
    | 'read'
    | 'save lane'
    | 'crash lane'
    | 'deliver'
    | 'deliver again'
    | 'save merge'
    | 'crash merge'
    | 'tick'
  /** Which shard or partition. */
  readonly whose: number
  readonly count: number
}

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    does: fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom('read' as const, 'deliver' as const) },
      fc.constantFrom(
        'save lane' as const,
        'crash lane' as const,
        'deliver again' as const,
        'save merge' as const,
        'crash merge' as const,
        'tick' as const,
      ),
    ),
    whose: fc.nat(2),
    count: fc.integer({ min: 1, max: 6 }),
  }),
  { maxLength: 60, size: 'max' },
)

/** A shard's lanes with what they have sent so far; all of it stays, as if nobody had ever acknowledged anything. */
class TestLane {
  lanes!: ShardLanes
  sent: LaneMessage[] = []
  #saved: { readonly lanes: ReturnType<ShardLanes['save']>; readonly sent: readonly LaneMessage[] } | undefined
  readonly #make: (saved?: ReturnType<ShardLanes['save']>) => ShardLanes
  readonly records: readonly StreamRecord[]
  /** The number of the next record to read. */
  next = 0

  constructor(records: readonly StreamRecord[], make: (saved?: ReturnType<ShardLanes['save']>) => ShardLanes) {
    this.records = records
    this.#make = make
    this.crash()
  }

  read(count: number): void {
    this.#do(() => this.lanes.accept(this.records.slice(this.next, this.next + count)))
    this.next = Math.min(this.records.length, this.next + count)
  }

  tick(now: number): void {
    this.#do(() => this.lanes.tick(now))
  }

  end(): void {
    this.#do(() => this.lanes.end([]))
  }

  #do(step: () => void): void {
    const { epoch } = this.lanes
    step()
    this.sent.push(...this.lanes.takeMessages())
    // What does not follow from the records has to be saved before it is seen.
    if (this.lanes.epoch !== epoch) this.save()
  }

  save(): void {
    this.#saved = structuredClone({ lanes: this.lanes.save(), sent: this.sent })
  }

  crash(): void {
    this.lanes?.leave()
    this.lanes = this.#make(this.#saved && savedAndLoaded(this.#saved.lanes))
    this.sent = [...(this.#saved?.sent ?? [])]
    // A source may begin earlier than that.
    this.next = 0
  }
}

class TestMerge {
  merger!: Merger
  readonly published: Emission[] = []
  #unsaved: Emission[] = []
  #saved: ReturnType<Merger['save']> | undefined
  #deliveredAtSave = new Map<TestLane, number>()
  readonly #make: (saved?: ReturnType<Merger['save']>) => Merger
  /** By lane, how many of its messages were delivered. */
  delivered = new Map<TestLane, number>()

  constructor(make: (saved?: ReturnType<Merger['save']>) => Merger) {
    this.#make = make
    this.crash()
  }

  /** Delivers messages of a lane from where it stands, or from the `from`-th. */
  deliver(lane: TestLane, partition: number, count: number, from = this.delivered.get(lane) ?? 0): void {
    const all = lane.sent.filter((message) => message.partition === partition)
    let at = Math.min(from, all.length)
    for (; at < Math.min(all.length, from + count); at++) {
      // Something is missing before it, since the lane crashed or this merge did: from the beginning, then.
      if (!this.merger.take(structuredClone(all[at]!))) {
        for (const message of all.slice(0, at + 1)) expect(this.merger.take(structuredClone(message))).toBe(true)
      }
    }
    this.delivered.set(lane, at)
    this.#publish()
  }

  #publish(): void {
    for (const emission of this.merger.takeEmissions()) {
      const isSettled = emission.kind === 'panes' && emission.settled
      ;(isSettled ? this.published : this.#unsaved).push(emission)
    }
  }

  /** A lane that crashed gives anew what its snapshot held. */
  rewind(lane: TestLane): void {
    this.delivered.delete(lane)
    this.#deliveredAtSave.delete(lane)
  }

  tick(now: number): void {
    this.merger.tick(now)
    this.#publish()
  }

  close(): void {
    this.merger.close()
    this.#publish()
    this.save()
  }

  save(): void {
    this.#saved = structuredClone(this.merger.save())
    this.#deliveredAtSave = new Map(this.delivered)
    this.published.push(...this.#unsaved.splice(0))
  }

  crash(): void {
    this.merger = this.#make(this.#saved && savedAndLoaded(this.#saved))
    this.#unsaved = []
    // What it had after that comes again.
    this.delivered = new Map(this.#deliveredAtSave)
  }
}

function run(q: OracleQuery, records: readonly OracleRecord[], plan: readonly Step[], count: number, early: boolean) {
  const { queries, plan: fields } = compiled(q, early)
  const partitions = new KeyPartitions(count)
  const kits = new LaneKits(queries, fields, partitions)
  const shards = ['s1', 's2', 's3'].filter((shard) => records.some((record) => record.shard === shard))
  const lanes = shards.map((shardId) => {
    const own = records
      .filter(({ shard }) => shard === shardId)
      .map(({ data }, i) => ({
        position: String(i + 1),
        partitionKey: '',
        arrivedAt: undefined,
        data: Buffer.from(JSON.stringify(data)),
      }))
    const start = () => ({ watermark: Number.NEGATIVE_INFINITY, isIdle: false })
    return new TestLane(own, (saved) => new ShardLanes({ shardId, kits, saved, start }))
  })
  const merges = Array.from(
    { length: count },
    () =>
      new TestMerge((saved) => {
        const merger = new Merger(queries, saved)
        merger.declare(shards.map((shardId) => ({ shardId, parentShardIds: [] })))
        return merger
      }),
  )
  for (const [now, { does, whose, count: much }] of plan.entries()) {
    const lane = lanes[whose % Math.max(1, lanes.length)]
    const merge = merges[whose % count]!
    if (does === 'tick') for (const each of merges) each.tick(now)
    if (does === 'save merge') merge.save()
    if (does === 'crash merge') merge.crash()
    if (lane === undefined) continue
    if (does === 'read') lane.read(much)
    if (does === 'tick') lane.tick(now)
    if (does === 'save lane') lane.save()
    if (does === 'crash lane') {
      lane.crash()
      for (const each of merges) each.rewind(lane)
    }
    if (does === 'deliver') for (const [p, each] of merges.entries()) each.deliver(lane, p, much)
    if (does === 'deliver again') merge.deliver(lane, whose % count, much, 0)
    kits.sweepKeys()
  }
  for (const lane of lanes) {
    lane.read(records.length)
    lane.end()
  }
  for (const [p, merge] of merges.entries()) {
    for (const lane of lanes) merge.deliver(lane, p, Number.POSITIVE_INFINITY, 0)
    merge.close()
  }
  const ledger = sumLedgers(lanes.flatMap(({ lanes: own }) => [...own.ledgers().values()]))
  return { panes: finalPanes(merges.flatMap(({ published }) => published)), ledger }
}

/** As a reader of at-least-once delivery has them; one id and revision never stands for two contents. */
function finalPanes(emissions: readonly Emission[]): Map<string, Record<string, unknown>> {
  const seen = new Map<string, string>()
  const newest = new Map<string, { readonly index: number; readonly values: Record<string, unknown> }>()
  const superseded = new Set<string>()
  for (const emission of emissions) {
    if (emission.kind !== 'panes') continue
    for (const line of emission.lines) {
      const { id, pane, values, supersedes = [] } = JSON.parse(line)
      const before = seen.get(`${id} ${pane.index}`)
      if (before !== undefined) expect(line).toBe(before)
      seen.set(`${id} ${pane.index}`, line)
      for (const old of supersedes) superseded.add(old)
      if (pane.index >= (newest.get(id)?.index ?? 0)) newest.set(id, { index: pane.index, values })
    }
  }
  for (const id of superseded) newest.delete(id)
  return new Map([...newest].map(([id, { values }]) => [id, values]))
}

function expectAgreement(
  q: OracleQuery,
  records: readonly OracleRecord[],
  plan: readonly Step[],
  count: number,
  early: boolean,
) {
  const { panes, ledger } = run(q, records, plan, count, early)
  const expected = oracle({ ...q, name: encodedName(q) }, records)
  expect(rounded(panes)).toEqual(rounded(expected.panes))
  expect(ledger).toMatchObject(expected.ledger)
}

const partitionCount = fc.integer({ min: 1, max: 3 })

test('windows on a grid and count windows', () => {
  fc.assert(
    fc.property(
      query.filter(({ window: w }) => w.type !== 'session'),
      disorderly,
      steps,
      partitionCount,
      fc.boolean(),
      expectAgreement,
    ),
    { numRuns: runs },
  )
})

test('sessions, while records come within the out-of-orderness', () => {
  fc.assert(
    fc.property(
      query.filter(({ window: w }) => w.type === 'session'),
      disorderly,
      steps,
      partitionCount,
      fc.boolean(),
      (q, records, plan, count, early) =>
        expectAgreement(
          { ...q, outOfOrdernessMs: q.outOfOrdernessMs + 1 },
          inTime(records, q.outOfOrdernessMs),
          plan,
          count,
          early,
        ),
    ),
    { numRuns: runs },
  )
})
