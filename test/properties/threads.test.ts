// Lanes on other threads give what lanes on this one give, byte for byte: messages, refused records and saved states; for all
// kinds of windows and records, idle and waking, saved and opened again, and moved from thread to thread.
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { SnapshotValue } from '../../stream-service/src/aggregates/snapshot-value.ts'
import { KeyPartitions } from '../../stream-service/src/engine/key-partitions.ts'
import { LaneKits } from '../../stream-service/src/engine/lane-kits.ts'
import type { SavedShardLanes } from '../../stream-service/src/engine/shard-lanes.ts'
import { compileQuery } from '../../stream-service/src/queries/compile.ts'
import { parseQuery } from '../../stream-service/src/queries/parse-query.ts'
import type { QuerySpec } from '../../stream-service/src/queries/query-spec.ts'
import { FieldPlan } from '../../stream-service/src/records/fields.ts'
import type { StreamRecord } from '../../stream-service/src/records/record.ts'
import { encodeBody } from '../../stream-service/src/state/snapshot-codec.ts'
import {
  type LaneInput,
  type LaneReader,
  type LaneReaders,
  type LaneStep,
  OwnLaneReaders,
} from '../../stream-service/src/tasks/lane-reader.ts'
import type { ThreadRequest } from '../../stream-service/src/threads/messages.ts'
import { OwnPlace } from '../../stream-service/src/threads/own-place.ts'
import { ServiceThreads } from '../../stream-service/src/threads/service-threads.ts'
import { type LanePlace, SpreadLaneReaders } from '../../stream-service/src/threads/spread-lane-readers.ts'
import { ThreadHost } from '../../stream-service/src/threads/thread-host.ts'
import { type ThreadAsker, ThreadLaneReader } from '../../stream-service/src/threads/thread-lane-reader.ts'
import { ThreadError, ThreadLink } from '../../stream-service/src/threads/thread-link.ts'

const runs = Number(process.env.PROPERTY_RUNS ?? 200) / 5
const shards = ['s1', 's2', 's3']
const partitions = 2

const aggregates = {
  n: { fn: 'count' },
  sum: { fn: 'sum', field: 'v' },
  users: { fn: 'distinct', field: 'k' },
  p50: { fn: 'quantile', field: 'v', q: 0.5 },
  last: { fn: 'last', field: 'v' },
}
const definition = (name: string, window: object, more: object = {}) =>
  parseQuery(
    JSON.parse(
      JSON.stringify({
        name,
        time: { field: 'ts', unit: 'ms', outOfOrderness: '4ms', idleAfter: '3ms', maxAhead: '50ms' },
        keyBy: ['k'],
        window,
        aggregates,
        ...more,
      }),
    ),
    name,
  )
const queries: readonly QuerySpec[] = [
  definition('tumbling', { type: 'tumbling', size: '10ms' }),
  definition('late', { type: 'tumbling', size: '10ms' }, { allowedLateness: '15ms' }),
  definition('hopping', { type: 'hopping', size: '12ms', every: '4ms' }, { allowedLateness: '6ms', keyBy: ['k', 'v'] }),
  definition('uneven', { type: 'hopping', size: '17ms', every: '16ms' }, { keyBy: [] }),
  definition('cumulative', { type: 'cumulative', size: '20ms', step: '5ms' }),
  definition('early', { type: 'tumbling', size: '20ms' }, { early: '3ms' }),
  definition('early-sessions', { type: 'session', gap: '6ms' }, { early: '3ms' }),
  definition('filtered', { type: 'tumbling', size: '5ms' }, { where: { v: { gte: 3 } } }),
  definition('counted', { type: 'count', size: 3 }),
  definition('session', { type: 'session', gap: '6ms' }, { allowedLateness: '4ms' }),
  definition('visits', { type: 'session', gap: '3ms' }, { keyBy: [] }),
]

/**
 * What is told of an open window in early panes, and the order in which sessions of several keys come at an end, depend on what
 * a thread has had before.
 */
const movable = queries.filter(
  ({ earlyMs, window, keyBy }) => earlyMs === undefined && (window.type !== 'session' || keyBy.length === 0),
)

/** A thread that is none: what is asked and answered is copied as it is between threads. */
class CopyingLink implements ThreadAsker {
  readonly #host: ThreadHost
  #named = 0

  constructor(own: readonly QuerySpec[]) {
    this.#host = new ThreadHost({ queries: own, partitions })
  }

  newName(): number {
    return this.#named++
  }

  readonly ask: ThreadAsker['ask'] = async (call, asks, transfer = []) => {
    const request = structuredClone({ call, asks } as ThreadRequest, { transfer })
    const { answers, transfer: back } = await this.#host.answer(request)
    return structuredClone(answers, { transfer: back }) as never
  }
}

function ownReaders(own: readonly QuerySpec[] = queries): OwnLaneReaders {
  const plan = new FieldPlan()
  const compiled = own.map((query) => compileQuery(query, plan))
  return new OwnLaneReaders(new LaneKits(compiled, plan, new KeyPartitions(partitions)))
}

function threadPlace(to: ThreadAsker): LanePlace {
  return { busyMs: 0, open: (...start) => ThreadLaneReader.open(to, ...start) }
}

function threadReaders(link: ThreadAsker): LaneReaders {
  return new SpreadLaneReaders({ places: [threadPlace(link)], check() {}, clock: () => 0 })
}

/** One place is busy and the other one is not, by turns, so that shards are moved again and again. */
function movingReaders(): { readonly readers: LaneReaders; readonly moves: () => number } {
  let now = 0
  let opened = 0
  const busy = (place: LanePlace, shift: number): LanePlace => {
    let busyMs = 0
    return {
      get busyMs() {
        busyMs += Math.floor(now / 1_000) % 2 === shift ? 1_000 : 0
        return busyMs
      },
      open: async (...start) => {
        opened++
        const reader = await place.open(...start)
        let steps = 0
        return {
          ahead: reader.ahead,
          get busyMs() {
            return 300 * steps
          },
          step: (input) => {
            steps++
            return reader.step(input)
          },
          save: () => reader.save(),
          close: () => reader.close(),
        }
      },
    }
  }
  const places = [busy(threadPlace(new CopyingLink(movable)), 0), busy(new OwnPlace(ownReaders(movable)), 1)]
  const clock = () => {
    now += 250
    return now
  }
  return { readers: new SpreadLaneReaders({ places, check() {}, clock }), moves: () => opened - shards.length }
}

type Step =
  | { readonly does: 'read'; readonly shard: string; readonly records: readonly StreamRecord[] }
  | { readonly does: 'empty' | 'open again'; readonly shard: string }

const record = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({ jump: fc.nat(3), back: fc.nat(9), k: fc.constantFrom('a', 'b/ü', 'c'), v: fc.nat(9) }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'not json',
      'not utf-8',
      'nothing',
      'no key',
      'future',
      'gzip',
      'bad gzip',
      'bad aggregate',
    ),
  },
)
const steps: fc.Arbitrary<readonly Step[]> = fc
  .array(
    fc.record({
      shard: fc.constantFrom(...shards),
      does: fc.oneof(
        { weight: 6, arbitrary: fc.constant('read' as const) },
        { weight: 2, arbitrary: fc.constant('empty' as const) },
        { weight: 1, arbitrary: fc.constant('open again' as const) },
      ),
      records: fc.array(record, { maxLength: 20 }),
    }),
    { minLength: 10, maxLength: 40 },
  )
  .map((made) => {
    let clock = 100
    let position = 0
    return made.map(({ shard, does, records }): Step => {
      if (does !== 'read') return { does, shard }
      return {
        does,
        shard,
        records: records.map((each): StreamRecord => {
          if (typeof each !== 'string') clock += each.jump
          return {
            position: String(++position),
            partitionKey: position % 3 === 0 ? '' : 'ü',
            arrivedAt: position % 4 === 0 ? undefined : clock,
            data: dataOf(each, clock),
          }
        }),
      }
    })
  })

function dataOf(
  each: string | { readonly back: number; readonly k: string; readonly v: number },
  clock: number,
): Uint8Array {
  const whole = (fields: object) => Buffer.from(JSON.stringify(fields))
  if (typeof each !== 'string') return whole({ ts: clock - each.back, k: each.k, v: each.v })
  switch (each) {
    case 'not json':
      return Buffer.from('{')
    case 'not utf-8':
      return Buffer.from([0x7b, 0xff, 0x7d])
    case 'nothing':
      return Buffer.alloc(0)
    case 'no key':
      return whole({ ts: clock })
    case 'future':
      return whole({ ts: clock + 1_000, k: 'a' })
    case 'gzip':
      return gzipSync(whole({ ts: clock, k: 'zipped', v: 1 }))
    case 'bad gzip':
      return Buffer.from([0x1f, 0x8b, 8, 0, 0])
    default:
      return Buffer.from([0xf3, 0x89, 0x9a, 0xc2, 1, 2, 3, ...new Array<number>(20).fill(0)])
  }
}

const asItIs = { compress: (bytes: Buffer) => bytes, decompress: (bytes: Buffer) => bytes }

/** All that comes out of the steps, as a snapshot would have it. */
async function outcome(readers: LaneReaders, made: readonly Step[], keep: (step: LaneStep) => object) {
  const starts = new Map(queries.map(({ name }) => [name, { watermark: Number.NEGATIVE_INFINITY, isIdle: false }]))
  const open = new Map<string, LaneReader>()
  for (const shard of shards) open.set(shard, await readers.open(shard, undefined, starts))
  const told: object[] = []
  const kept = async (shard: string, input: LaneInput) => {
    const step = await open.get(shard)!.step(input)
    told.push({ shard, ...keep(step) })
    return step
  }
  const idle = new Set<string>()
  for (const [now, step] of made.entries()) {
    const { shard } = step
    if (step.does === 'empty') {
      if ((await kept(shard, { kind: 'empty', isCaughtUp: now % 5 > 0, now })).hasIdleLanes) idle.add(shard)
    } else if (step.does === 'read') {
      if (idle.delete(shard)) {
        const { waking } = await kept(shard, { kind: 'begin-waking' })
        await kept(shard, { kind: 'wake', watermarks: new Map([...waking.keys()].map((name) => [name, 90 + now])) })
      }
      await kept(shard, { kind: 'records', records: step.records, now })
    } else {
      const saved = await open.get(shard)!.save()
      told.push({ shard, saved })
      await open.get(shard)!.close()
      open.set(shard, await readers.open(shard, structuredClone(saved), new Map()))
    }
  }
  for (const shard of shards) {
    await kept(shard, { kind: 'end', children: [{ shardId: 's4', parentShardIds: [shard] }] })
    const saved: SavedShardLanes = await open.get(shard)!.save()
    told.push({ shard, saved })
    await open.get(shard)!.close()
  }
  const { body } = await encodeBody({ state: told as unknown as SnapshotValue }, asItIs)
  return body.toString('latin1')
}

/** What is around the first difference. */
function compare(found: string, wanted: string): void {
  let at = 0
  while (at < found.length && found[at] === wanted[at]) at++
  const around = (text: string) => text.slice(Math.max(0, at - 150), at + 150)
  if (found !== wanted) expect(around(found)).toBe(around(wanted))
}

function everything({ waking, lanes, position, refused, ...rest }: LaneStep): object {
  const bytes = refused.map((each) => ({ ...each, data: Buffer.from(each.data).toString('base64') }))
  return { ...rest, refused: bytes, position: position ?? null, waking: [...waking], lanes: JSON.stringify([...lanes]) }
}

test('threads show in nothing', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (made) => {
      compare(
        await outcome(threadReaders(new CopyingLink(queries)), made, everything),
        await outcome(ownReaders(), made, everything),
      )
    }),
    { numRuns: runs },
  )
}, 120_000)

test('nor do real ones', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (made) => {
      const link = new ThreadLink({ queries, partitions })
      try {
        compare(await outcome(threadReaders(link), made, everything), await outcome(ownReaders(), made, everything))
      } finally {
        await link.close()
      }
    }),
    { numRuns: 3 },
  )
}, 120_000)

test('a move shows in nothing but in what may be told again', async () => {
  let moved = 0
  // Watermarks and what is open are told again from time to time.
  const units = ({ messages, refused, position }: LaneStep) => ({
    position: position ?? null,
    refused: refused.map(({ position, reason }) => ({ position, reason })),
    runs: messages.filter(({ runs }) => runs.length > 0).map(({ opens, watermark, ...rest }) => rest),
  })
  await fc.assert(
    fc.asyncProperty(steps, async (made) => {
      // Without idleness, which is counted anew.
      const reads = made.filter(({ does }) => does === 'read')
      const { readers, moves } = movingReaders()
      const found = await outcome(readers, reads, units)
      moved += moves()
      compare(found, await outcome(ownReaders(movable), reads, units))
    }),
    { numRuns: runs },
  )
  expect(moved).toBeGreaterThan(10)
}, 120_000)

test('a thread that fails tells everybody who asks it', async () => {
  const link = new ThreadLink({ queries, partitions })
  const asked = [link.ask('saveLanes', { lanes: 99 }), link.ask('closeLanes', { lanes: 98 })]
  for (const each of asked) await expect(each).rejects.toThrow(ThreadError)
  await expect(link.ask('closeLanes', { lanes: 97 })).rejects.toThrow('a new start goes on from the newest snapshots')
  await link.close()
})

test('queries with functions are not read on several threads', () => {
  const query = { ...queries[0]!, where: () => true }
  const threads = (count: number) =>
    new ServiceThreads({ queries: [query], partitions, threads: count, onFailure: (error) => expect.fail(`${error}`) })
  expect(() => threads(2)).toThrow("query 'tumbling' has functions")
  expect(threads(1).queries).toHaveLength(1)
})
