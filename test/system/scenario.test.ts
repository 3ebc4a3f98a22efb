// `millrace replay --scenario`: what several shards, passing time and resharding do to panes. The input says for each read when
// it happens, so idleness, lateness and splits can be checked to the millisecond. A scenario that stops before a line and one
// that goes on with it show together what that line does.
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { aQuery, books, type Query, type Replayed, replay, standing, told } from './millrace.ts'

const declare = (at: number, ...shards: (string | { id: string; parents: string[] })[]) => ({
  at,
  shards: shards.map((shard) => (typeof shard === 'string' ? { id: shard } : shard)),
})
const put = (at: number, shard: string, ts: number, more: object = {}) => ({ at, shard, data: { ts, ...more } })
const empty = (at: number, shard: string) => ({ at, shard, empty: true })
const behind = (at: number, shard: string, ms: number) => ({ at, shard, empty: true, behind: ms })
const end = (at: number, shard: string, ...children: string[]) => ({ at, shard, end: true, children })

function play(query: Query | Query[], lines: readonly object[], ...flags: string[]): Promise<Replayed> {
  return replay({ query, input: lines, flags: ['--scenario', ...flags] })
}

/** What had been told before the last line, and what the last line added. */
async function step(query: Query, lines: readonly object[]): Promise<{ before: string[]; after: string[] }> {
  const [short, long] = await Promise.all([play(query, lines.slice(0, -1)), play(query, lines)])
  const before = told(short)
  expect(told(long).slice(0, before.length)).toEqual(before)
  return { before, after: told(long).slice(before.length) }
}

describe('the end of a scenario', () => {
  const lines = [put(0, 's1', 3), put(0, 's1', 10), put(0, 's1', 12)]

  it('closes nothing', async () => {
    const run = await play(aQuery(), lines)
    expect(told(run)).toEqual(['q/-/0-10 on-time 0 final {"n":1}'])
    expect(run.ledger).toEqual({
      queries: {
        q: {
          lanes: { s1: books({ read: 3, aggregated: 3 }) },
          total: books({ read: 3, aggregated: 3 }),
        },
      },
    })
  })

  it('closes all windows with --drain', async () => {
    const run = await play(aQuery(), lines, '--drain')
    expect(told(run)).toEqual(['q/-/0-10 on-time 0 final {"n":1}', 'q/-/10-20 on-time 0 final {"n":2}'])
  })

  it('closes windows that only some shards have records for, with --drain', async () => {
    const run = await play(aQuery(), [declare(0, 's1', 's2', 's3'), put(0, 's1', 3), put(0, 's2', 4)], '--drain')
    expect(told(run)).toEqual(['q/-/0-10 on-time 0 final {"n":2}'])
  })
})

describe('the merged watermark', () => {
  it('is the least of the lanes: shards known at the start hold it until they speak', async () => {
    const lines = [declare(0, 's1', 's2'), put(0, 's1', 3), put(0, 's1', 90), put(0, 's2', 9), put(0, 's2', 10)]
    expect(await step(aQuery(), lines)).toEqual({ before: [], after: ['q/-/0-10 on-time 0 final {"n":2}'] })
  })

  it('is held by a lane however long it is merely silent', async () => {
    const lines = [
      declare(0, 's1', 's2'),
      put(0, 's1', 3),
      put(0, 's1', 90),
      { at: 1_000_000 },
      put(2_000_000, 's1', 95),
    ]
    expect(told(await play(aQuery(), lines))).toEqual([])
  })

  it('is not held by a shard seen for the first time later', async () => {
    const lines = [put(0, 's1', 3), put(0, 's1', 10)]
    expect(told(await play(aQuery(), lines))).toEqual(['q/-/0-10 on-time 0 final {"n":1}'])
    const more = await play(aQuery({ allowedLateness: '5ms' }), [...lines, put(0, 's2', 4)])
    expect(told(more)).toEqual(['q/-/0-10 on-time 0 {"n":1}', 'q/-/0-10 late 1 {"n":2}'])
  })

  it('does not make a record late: a lane judges by its own watermark', async () => {
    const lines = [
      declare(0, 's1', 's2'),
      put(0, 's1', 3),
      put(0, 's1', 90),
      put(0, 's2', 4),
      put(0, 's2', 9),
      put(0, 's1', 5),
      put(0, 's2', 90),
    ]
    const run = await play(aQuery(), lines)
    expect(told(run)).toEqual(['q/-/0-10 on-time 0 final {"n":3}'])
    expect(run.late).toMatchObject([{ shard: 's1', record: '{"ts":5}' }])
    expect(run.ledger.queries.q).toEqual({
      lanes: {
        s1: books({ read: 3, aggregated: 2, late: 1 }),
        s2: books({ read: 3, aggregated: 3 }),
      },
      total: books({ read: 6, aggregated: 5, late: 1 }),
    })
  })

  it('gives the same panes however the shards interleave', async () => {
    const query = aQuery({
      aggregates: { n: { fn: 'count' }, sum: { fn: 'sum', field: 'v' }, last: { fn: 'last', field: 'v' } },
    })
    const one = [1, 5, 12, 3, 25, 40].map((ts) => put(0, 's1', ts, { v: 0.1 + ts }))
    const two = [7, 2, 15, 21, 9, 40].map((ts) => put(0, 's2', ts, { v: 1e16 - ts }))
    const three = [4, 4, 30, 40].map((ts) => put(0, 's3', ts, { v: -1e16 }))
    const known = declare(0, 's1', 's2', 's3')
    const orders = [
      [...one, ...two, ...three],
      [...three, ...two, ...one],
      [...two, ...three, ...one],
      [...one.slice(0, 3), ...three.slice(0, 2), ...two, ...three.slice(2), ...one.slice(3)],
    ]
    const runs = await Promise.all(orders.map((order) => play(query, [known, ...order], '--drain')))
    const [first, ...others] = runs.map((run) => ({ stdout: run.stdout, ledger: run.ledger }))
    expect(first?.stdout.split('\n').length).toBeGreaterThan(4)
    for (const other of others) expect(other).toEqual(first)
  })
})

describe('idleness', () => {
  const open = [declare(0, 's1', 's2'), put(0, 's1', 3), put(0, 's1', 10)]

  it('comes after 10 s of reads that come back empty', async () => {
    expect(await step(aQuery(), [...open, empty(100, 's2'), empty(10_099, 's2'), empty(10_100, 's2')])).toEqual({
      before: [],
      after: ['q/-/0-10 on-time 0 final {"n":1}'],
    })
  })

  it('comes after time.idleAfter', async () => {
    const query = aQuery({ time: { field: 'ts', unit: 'ms', outOfOrderness: '0ms', idleAfter: '50ms' } })
    expect(await step(query, [...open, empty(100, 's2'), empty(149, 's2'), empty(150, 's2')])).toEqual({
      before: [],
      after: ['q/-/0-10 on-time 0 final {"n":1}'],
    })
  })

  it('does not come from a read that was empty but behind, and starts over after it', async () => {
    const lines = [
      ...open,
      empty(0, 's2'),
      behind(5_000, 's2', 700),
      empty(10_000, 's2'),
      empty(19_999, 's2'),
      empty(20_000, 's2'),
    ]
    expect(await step(aQuery(), lines)).toEqual({ before: [], after: ['q/-/0-10 on-time 0 final {"n":1}'] })
  })

  it('does not come from reads that stay behind', async () => {
    const lines = [...open, behind(0, 's2', 5), behind(20_000, 's2', 5), behind(40_000, 's2', 5)]
    expect(told(await play(aQuery(), lines))).toEqual([])
  })

  it('starts over after a record', async () => {
    const lines = [
      ...open,
      empty(0, 's2'),
      put(9_000, 's2', 4),
      empty(9_500, 's2'),
      empty(19_499, 's2'),
      empty(19_500, 's2'),
    ]
    expect(await step(aQuery(), lines)).toEqual({ before: [], after: ['q/-/0-10 on-time 0 final {"n":2}'] })
  })

  it('comes with time too, once a read was empty', async () => {
    expect(await step(aQuery(), [...open, empty(100, 's2'), { at: 10_099 }, { at: 10_100 }])).toEqual({
      before: [],
      after: ['q/-/0-10 on-time 0 final {"n":1}'],
    })
  })

  it('of all lanes moves nothing', async () => {
    const idle = [...open, empty(0, 's1'), empty(0, 's2'), empty(10_000, 's1'), empty(10_000, 's2'), { at: 90_000 }]
    expect(await step(aQuery(), [...idle, put(90_001, 's1', 11)])).toEqual({
      before: [],
      after: ['q/-/0-10 on-time 0 final {"n":1}'],
    })
  })

  it('ends with a record, after which the lane holds the watermark again', async () => {
    const idle = [...open, empty(0, 's2'), empty(10_000, 's2')]
    const lines = [...idle, put(10_001, 's2', 11), put(10_002, 's1', 50), put(10_003, 's2', 20)]
    expect(await step(aQuery(), lines)).toEqual({
      before: ['q/-/0-10 on-time 0 final {"n":1}'],
      after: ['q/-/10-20 on-time 0 final {"n":2}'],
    })
  })
})

describe('a lane that comes back from idleness', () => {
  // The merged watermark goes to wm while s2 is idle.
  const away = (wm: number) => [
    declare(0, 's1', 's2'),
    put(0, 's1', 3),
    empty(0, 's2'),
    empty(10_000, 's2'),
    put(10_000, 's1', wm + 1),
  ]

  it('gives a revision of a window already merged, within the allowed lateness', async () => {
    const run = await play(aQuery({ allowedLateness: '5ms' }), [...away(13), put(10_001, 's2', 4)])
    expect(told(run)).toEqual(['q/-/0-10 on-time 0 {"n":1}', 'q/-/0-10 late 1 {"n":2}'])
    expect(run.late).toEqual([])
  })

  it('is late at end - 1 + allowedLateness', async () => {
    const run = await play(aQuery({ allowedLateness: '5ms' }), [...away(14), put(10_001, 's2', 4)])
    expect(told(run)).toEqual(['q/-/0-10 on-time 0 final {"n":1}'])
    expect(run.late).toMatchObject([{ query: 'q', shard: 's2', reason: 'late', record: '{"ts":4}' }])
    expect(run.ledger.queries.q?.lanes.s2).toEqual(books({ read: 1, late: 1 }))
  })

  it('is late at once without allowed lateness', async () => {
    const inTime = await play(aQuery(), [...away(8), put(10_001, 's2', 4)], '--drain')
    expect(told(inTime)).toEqual(['q/-/0-10 on-time 0 final {"n":3}'])
    const late = await play(aQuery(), [...away(9), put(10_001, 's2', 4)], '--drain')
    expect(told(late)).toEqual(['q/-/0-10 on-time 0 final {"n":1}', 'q/-/10-20 on-time 0 final {"n":1}'])
    expect(late.ledger.queries.q?.total).toEqual(books({ read: 3, aggregated: 2, late: 1 }))
  })

  it('opens a window that no other lane had, within the allowed lateness', async () => {
    const run = await play(aQuery({ allowedLateness: '50ms' }), [...away(29), put(10_001, 's2', 14)])
    expect(told(run)).toEqual(['q/-/0-10 on-time 0 {"n":1}', 'q/-/10-20 late 0 {"n":1}'])
  })

  it('loses only those of its windows that are merged', async () => {
    const query = aQuery({ window: { type: 'hopping', size: '10ms', every: '5ms' } })
    const run = await play(query, [...away(9), put(10_001, 's2', 7)], '--drain')
    expect(standing(run)['5-15']).toEqual({ n: 2 })
    expect(run.ledger.queries.q?.lanes.s2).toEqual(books({ read: 1, aggregated: 1, lateWindows: 1 }))
    expect(run.late).toEqual([])
  })
})

describe('time.closeAfter', () => {
  const query = aQuery({
    time: { field: 'ts', unit: 'ms', outOfOrderness: '5ms', idleAfter: '10ms', closeAfter: '20ms' },
  })

  it('closes windows by the clock so long after all lanes are idle, and says so', async () => {
    // Idle at 1,010, closed 20 ms later; the clock less the out-of-orderness is far past the window.
    const lines = [put(1_000, 's1', 995), empty(1_000, 's1'), empty(1_010, 's1'), { at: 1_029 }, { at: 1_030 }]
    expect(await step(query, lines)).toEqual({
      before: [],
      after: ['q/-/990-1000 on-time 0 final closed by idle {"n":1}'],
    })
  })

  it('leaves windows alone that the clock less the out-of-orderness has not passed', async () => {
    const lines = [
      put(1_000, 's1', 2_000),
      empty(1_000, 's1'),
      empty(1_010, 's1'),
      empty(2_013, 's1'),
      empty(2_014, 's1'),
    ]
    // [2000, 2010) closes when 2009 <= at - 5.
    expect(await step(query, lines)).toEqual({
      before: [],
      after: ['q/-/2000-2010 on-time 0 final closed by idle {"n":1}'],
    })
  })

  it('does nothing while one lane is not idle', async () => {
    const lines = [
      declare(0, 's1', 's2'),
      put(1_000, 's1', 995),
      empty(1_000, 's1'),
      empty(1_010, 's1'),
      empty(9_000, 's1'),
    ]
    expect(told(await play(query, lines))).toEqual([])
    const both = [...lines, empty(9_000, 's2'), empty(9_010, 's2'), empty(9_500, 's2')]
    expect(told(await play(query, both))).toEqual(['q/-/990-1000 on-time 0 final closed by idle {"n":1}'])
  })

  it('does not mark panes that a watermark closed', async () => {
    const run = await play(query, [put(0, 's1', 3), put(0, 's1', 90)])
    expect(run.stdout).not.toContain('closedBy')
  })

  it('makes later records for such windows late or revisions', async () => {
    const closed = [put(1_000, 's1', 995), empty(1_000, 's1'), empty(1_010, 's1'), empty(1_500, 's1')]
    const late = await play(query, [...closed, put(1_501, 's1', 996)], '--drain')
    expect(told(late)).toEqual(['q/-/990-1000 on-time 0 final closed by idle {"n":1}'])
    expect(late.ledger.queries.q?.total).toEqual(books({ read: 2, aggregated: 1, late: 1 }))

    const revised = await play({ ...query, allowedLateness: '1h' }, [...closed, put(1_501, 's1', 996)])
    expect(told(revised).at(-1)).toMatch(/^q\/-\/990-1000 late 1 /)
    expect(standing(revised)).toEqual({ '990-1000': { n: 2 } })
  })
})

describe('early panes', () => {
  const query = aQuery({ window: { type: 'tumbling', size: '1s' }, early: '10ms' })

  it('come at most so often, and tell what is there so far', async () => {
    const lines = [put(1_000, 's1', 1), put(1_005, 's1', 2), { at: 1_009 }, { at: 1_010 }]
    expect(await step(query, lines)).toEqual({ before: [], after: ['q/-/0-1000 early 0 {"n":2}'] })
  })

  it('do not come again without a new record', async () => {
    const lines = [put(1_000, 's1', 1), { at: 1_010 }, { at: 1_020 }, { at: 1_030 }]
    expect(told(await play(query, lines))).toEqual(['q/-/0-1000 early 0 {"n":1}'])
  })

  it('are revisions of the pane that the watermark fires', async () => {
    const lines = [put(1_000, 's1', 1), { at: 1_010 }, put(1_011, 's1', 2), { at: 1_030 }, put(1_031, 's1', 3)]
    const run = await play(query, [...lines, put(1_032, 's1', 1_000)])
    expect(told(run)).toEqual([
      'q/-/0-1000 early 0 {"n":1}',
      'q/-/0-1000 early 1 {"n":2}',
      'q/-/0-1000 on-time 2 final {"n":3}',
    ])
  })

  it('add up all lanes, whatever the merged watermark waits for', async () => {
    const lines = [declare(1_000, 's1', 's2', 's3'), put(1_000, 's1', 1), put(1_000, 's2', 2), { at: 1_010 }]
    expect(told(await play(query, lines))).toEqual(['q/-/0-1000 early 0 {"n":2}'])
  })

  it('do not change what the last pane says', async () => {
    const lines = [put(1_000, 's1', 1), { at: 1_010 }, put(1_020, 's1', 2), { at: 1_040 }]
    const plain = await play(aQuery({ window: { type: 'tumbling', size: '1s' } }), lines, '--drain')
    const early = await play(query, lines, '--drain')
    expect(standing(early)).toEqual(standing(plain))
    expect(early.ledger).toEqual(plain.ledger)
  })

  it('of sessions tell the session so far, over all lanes, and a longer one takes the place of a shorter', async () => {
    const sessions = aQuery({ window: { type: 'session', gap: '100ms' }, early: '10ms' })
    const lines = [
      declare(1_000, 's1', 's2'),
      put(1_000, 's1', 50),
      put(1_000, 's2', 20),
      { at: 1_010 },
      { at: 1_020 },
      put(1_021, 's1', 60),
      { at: 1_030 },
      put(1_031, 's2', 55),
      { at: 1_040 },
    ]
    const run = await play(sessions, lines, '--drain')
    expect(told(run)).toEqual([
      'q/-/20-150 early 0 {"n":2}',
      'q/-/20-160 early 0 {"n":3} supersedes q/-/20-150',
      'q/-/20-160 early 1 {"n":4} supersedes q/-/20-150',
      'q/-/20-160 on-time 2 final {"n":4} supersedes q/-/20-150',
    ])
    expect(standing(run)).toEqual({ '20-160': { n: 4 } })
  })

  it('of count windows tell what is in those that are not full', async () => {
    const counts = aQuery({ window: { type: 'count', size: 3 }, early: '10ms' })
    const lines = [put(1_000, 's1', 5), { at: 1_010 }, { at: 1_020 }, put(1_021, 's1', 3), { at: 1_030 }]
    const more = [put(1_031, 's1', 9), put(1_031, 's1', 10)]
    expect(told(await play(counts, [...lines, ...more], '--drain'))).toEqual([
      'q/-/s1#0 early 0 {"n":1}',
      'q/-/s1#0 early 1 {"n":2}',
      'q/-/s1#0 on-time 2 final {"n":3}',
      'q/-/s1#1 on-time 0 final {"n":1}',
    ])
  })
})

describe('revisions', () => {
  const late = aQuery({ allowedLateness: '20ms' })

  it('count from 0 and carry the whole new value each', async () => {
    const run = await play(
      late,
      [3, 4, 10, 1, 2, 29, 5].map((ts) => put(0, 's1', ts)),
    )
    expect(told(run)).toEqual([
      'q/-/0-10 on-time 0 {"n":2}',
      'q/-/0-10 late 1 {"n":3}',
      'q/-/0-10 late 2 {"n":4}',
      'q/-/10-20 on-time 0 {"n":1}',
      'q/-/0-10 late 3 {"n":5}',
    ])
  })

  it('end when the watermark reaches end - 1 + allowedLateness', async () => {
    const run = await play(
      late,
      [3, 29, 1, 30, 2].map((ts) => put(0, 's1', ts)),
    )
    expect(told(run)).toEqual(['q/-/0-10 on-time 0 {"n":1}', 'q/-/0-10 late 1 {"n":2}', 'q/-/20-30 on-time 0 {"n":1}'])
    expect(run.late).toMatchObject([{ record: '{"ts":2}' }])
  })

  it('cannot come after a watermark that passes the allowed lateness in one go: the pane is final', async () => {
    const last = async (ts: number) => told(await play(late, [put(0, 's1', 3), put(0, 's1', ts)]))
    expect(await last(29)).toEqual(['q/-/0-10 on-time 0 {"n":1}'])
    expect(await last(30)).toEqual(['q/-/0-10 on-time 0 final {"n":1}'])
  })

  it('come only when the merged window has fired: before, a lane waits for the others', async () => {
    const lines = [declare(0, 's1', 's2'), put(0, 's1', 3), put(0, 's1', 20), put(0, 's1', 4), put(0, 's2', 10)]
    expect(await step(late, lines)).toEqual({ before: [], after: ['q/-/0-10 on-time 0 {"n":2}'] })
  })

  it('add up the shares of all lanes', async () => {
    const lines = [
      declare(0, 's1', 's2'),
      put(0, 's1', 3),
      put(0, 's2', 4),
      put(0, 's1', 20),
      put(0, 's2', 20),
      put(0, 's2', 5),
      put(0, 's1', 6),
    ]
    expect(told(await play(late, lines))).toEqual([
      'q/-/0-10 on-time 0 {"n":2}',
      'q/-/0-10 late 1 {"n":3}',
      'q/-/0-10 late 2 {"n":4}',
    ])
  })
})

describe('resharding', () => {
  it('splits: children named by end take over, and the window adds up parent and children', async () => {
    const lines = [
      put(0, 's1', 3),
      put(0, 's1', 9),
      end(1, 's1', 's2', 's3'),
      put(2, 's2', 4),
      put(2, 's2', 10),
      put(2, 's3', 5),
      put(2, 's3', 10),
    ]
    expect(await step(aQuery(), lines)).toEqual({ before: [], after: ['q/-/0-10 on-time 0 final {"n":4}'] })
    expect((await play(aQuery(), lines)).ledger.queries.q?.lanes).toEqual({
      s1: books({ read: 2, aggregated: 2 }),
      s2: books({ read: 2, aggregated: 2 }),
      s3: books({ read: 2, aggregated: 2 }),
    })
  })

  it('splits: a child declared with its parents counts as its parent until that ends', async () => {
    const lines = [
      declare(0, 's1', { id: 's2', parents: ['s1'] }, { id: 's3', parents: ['s1'] }),
      put(0, 's1', 3),
      put(0, 's1', 10),
    ]
    // The waiting children do not hold the watermark below their parent's.
    expect(await step(aQuery(), lines)).toEqual({ before: [], after: ['q/-/0-10 on-time 0 final {"n":1}'] })

    const later = [...lines, end(1, 's1'), put(2, 's2', 25), put(2, 's2', 30), put(2, 's3', 12), put(2, 's3', 20)]
    expect(await step(aQuery(), later)).toEqual({
      before: ['q/-/0-10 on-time 0 final {"n":1}'],
      after: ['q/-/10-20 on-time 0 final {"n":2}'],
    })
  })

  it('splits: a child holds the watermark until it speaks or is idle', async () => {
    const lines = [put(0, 's1', 3), end(1, 's1', 's2', 's3'), put(2, 's2', 90), empty(2, 's3'), empty(10_002, 's3')]
    expect(await step(aQuery(), lines)).toEqual({ before: [], after: ['q/-/0-10 on-time 0 final {"n":1}'] })
  })

  it('splits: judges the records of a child in the same way however other shards are read', async () => {
    // The child goes on from its parent's watermark, 9, so its 4 is late whether [0, 10) is merged yet or not.
    const known = declare(0, 's0', 's1')
    const parent = [put(0, 's1', 3), put(0, 's1', 10), end(0, 's1', 's2')]
    const child = [put(0, 's2', 4), put(0, 's2', 10)]
    const other = put(0, 's0', 10)
    const first = await play(aQuery(), [known, other, ...parent, ...child])
    const last = await play(aQuery(), [known, ...parent, ...child, other])
    expect(told(first)).toEqual(['q/-/0-10 on-time 0 final {"n":1}'])
    expect(last.stdout).toBe(first.stdout)
    expect(last.ledger).toEqual(first.ledger)
  })

  it('merges: the child goes on after both parents ended', async () => {
    const lines = [
      declare(0, 's1', 's2'),
      put(0, 's1', 3),
      put(0, 's2', 4),
      put(0, 's1', 90),
      end(1, 's1', 's3'),
      end(1, 's2', 's3'),
      put(2, 's3', 9),
      put(2, 's3', 10),
    ]
    expect(await step(aQuery(), lines)).toEqual({ before: [], after: ['q/-/0-10 on-time 0 final {"n":3}'] })
  })

  it('merges: in the same way whichever parent ends first', async () => {
    const run = await play(aQuery(), [
      declare(0, 's1', 's2'),
      put(0, 's1', 3),
      put(0, 's2', 4),
      put(0, 's1', 90),
      end(1, 's2', 's3'),
      end(1, 's1', 's3'),
      put(2, 's3', 9),
      put(2, 's3', 10),
    ])
    expect(told(run)).toEqual(['q/-/0-10 on-time 0 final {"n":3}'])
  })

  it('merges: a declared child holds the watermark where its parents left it, until it speaks', async () => {
    const lines = [
      declare(0, 's1', 's2', { id: 's3', parents: ['s1', 's2'] }),
      put(0, 's1', 3),
      put(0, 's1', 90),
      put(0, 's2', 4),
      end(1, 's1'),
      end(1, 's2'),
      put(2, 's3', 9),
      put(2, 's3', 10),
    ]
    expect(await step(aQuery(), lines)).toEqual({ before: [], after: ['q/-/0-10 on-time 0 final {"n":3}'] })
  })

  it('merges: the child waits for the second parent, which holds the watermark', async () => {
    const lines = [
      declare(0, 's1', 's2', { id: 's3', parents: ['s1', 's2'] }),
      put(0, 's1', 3),
      put(0, 's1', 90),
      end(1, 's1'),
      put(2, 's2', 4),
      put(2, 's2', 10),
    ]
    expect(await step(aQuery(), lines)).toEqual({ before: [], after: ['q/-/0-10 on-time 0 final {"n":2}'] })
  })

  it('counts lateness in a child afresh, since no state moves between lanes', async () => {
    const query = aQuery({ allowedLateness: '20ms' })
    const run = await play(query, [
      put(0, 's1', 3),
      put(0, 's1', 10),
      end(1, 's1', 's2'),
      put(2, 's2', 4),
      put(2, 's2', 5),
    ])
    expect(told(run).at(-1)).toMatch(/^q\/-\/0-10 late \d \{"n":3\}$/)
  })

  it('an ended shard holds the watermark no longer', async () => {
    const lines = [declare(0, 's1', 's2'), put(0, 's1', 3), put(0, 's2', 4), put(0, 's2', 90), end(1, 's1')]
    expect(await step(aQuery(), lines)).toEqual({ before: [], after: ['q/-/0-10 on-time 0 final {"n":2}'] })
  })
})

describe('the future', () => {
  const lines = (ts: number) => [put(1_000, 's1', ts, { k: 'a' }), put(1_000, 's1', 3, { k: 'a' })]

  it('begins 10 min after arrival, and a record from there does not move the watermark', async () => {
    const near = await play(aQuery(), lines(601_000), '--drain')
    expect(near.rejected).toEqual([])
    expect(near.late).toMatchObject([{ record: '{"ts":3,"k":"a"}' }])

    const far = await play(aQuery(), lines(601_001), '--drain')
    expect(far.rejected).toMatchObject([{ reason: 'future', shard: 's1', record: '{"ts":601001,"k":"a"}' }])
    expect(far.late).toEqual([])
    expect(told(far)).toEqual(['q/-/0-10 on-time 0 final {"n":1}'])
  })

  it('begins time.maxAhead after arrival', async () => {
    const query = aQuery({ time: { field: 'ts', unit: 'ms', outOfOrderness: '0ms', maxAhead: '50ms' } })
    expect((await play(query, lines(1_050))).rejected).toEqual([])
    expect((await play(query, lines(1_051))).rejected).toMatchObject([{ reason: 'future' }])
  })

  it('is judged after where and before key', async () => {
    const filtered = await play(aQuery({ where: { k: 'b' } }), lines(700_000))
    expect(filtered.ledger.queries.q?.total).toEqual(books({ read: 2, filtered: 2 }))
    const keyed = await play(aQuery({ keyBy: ['missing'] }), lines(700_000))
    expect(keyed.rejected.map(({ reason }) => reason)).toEqual(['future', 'invalid-key'])
  })

  it('is not judged for a filtered record, which does not move the watermark either', async () => {
    const query = aQuery({ where: { k: 'b' } })
    const run = await play(query, [put(0, 's1', 700_000, { k: 'a' }), put(0, 's1', 3, { k: 'b' })], '--drain')
    expect(told(run)).toEqual(['q/-/0-10 on-time 0 final {"n":1}'])
    expect(run.ledger.queries.q?.total).toEqual(books({ read: 2, aggregated: 1, filtered: 1 }))
  })
})

describe('arrival time', () => {
  it('is the time of a record with "from": "arrival", whatever its fields', async () => {
    const query = aQuery({ time: { from: 'arrival', outOfOrderness: '0ms' } })
    const lines = [
      { at: 3, shard: 's1', data: { any: 1 } },
      { at: 9, shard: 's1', data: 5 },
      { at: 10, shard: 's1', data: null },
    ]
    expect(await step(query, lines)).toEqual({ before: [], after: ['q/-/0-10 on-time 0 final {"n":2}'] })
  })
})

describe('sessions of several lanes', () => {
  const sessions = aQuery({ window: { type: 'session', gap: '5ms' }, allowedLateness: '100ms' })
  const known = declare(0, 's1', 's2')

  it('are joined by the merge when they touch', async () => {
    const lines = [known, put(0, 's1', 0), put(0, 's2', 5), put(0, 's1', 90), put(0, 's2', 90)]
    expect(told(await play(sessions, lines))).toEqual(['q/-/0-10 on-time 0 {"n":2}'])
    const apart = [known, put(0, 's1', 0), put(0, 's2', 6), put(0, 's1', 90), put(0, 's2', 90)]
    expect(told(await play(sessions, apart))).toEqual(['q/-/0-5 on-time 0 {"n":1}', 'q/-/6-11 on-time 0 {"n":1}'])
  })

  it('are bridged by a lane for another', async () => {
    const lines = [known, put(0, 's1', 0), put(0, 's1', 9), put(0, 's2', 5), put(0, 's1', 90), put(0, 's2', 90)]
    expect(told(await play(sessions, lines))).toEqual(['q/-/0-14 on-time 0 {"n":3}'])
  })

  it('fire only when the whole of them has ended', async () => {
    // At 8 the first lane alone would close [0, 5); with the other lane it is [0, 12).
    const lines = [
      known,
      put(0, 's2', 3),
      put(0, 's2', 7),
      put(0, 's1', 0),
      put(0, 's1', 11),
      put(0, 's2', 12),
      put(0, 's1', 12),
    ]
    const { before, after } = await step(aQuery({ window: { type: 'session', gap: '5ms' } }), lines)
    expect([before, after]).toEqual([[], []])
  })
})

describe('a session that a late record widens', () => {
  const sessions = aQuery({ window: { type: 'session', gap: '5ms' }, allowedLateness: '100ms' })
  const times = (...all: number[]) => all.map((ts) => put(0, 's1', ts))

  it('has a new id, and names at the top of its line the one it replaces', async () => {
    const run = await play(sessions, times(0, 20, 3))
    expect(told(run)).toEqual(['q/-/0-5 on-time 0 {"n":1}', 'q/-/0-8 late 0 {"n":2} supersedes q/-/0-5'])
    expect(run.panes.at(-1)).toEqual({
      id: 'q/-/0-8',
      query: 'q',
      key: {},
      window: { start: 0, end: 8 },
      pane: { index: 0, timing: 'late', final: false },
      values: { n: 2 },
      supersedes: ['q/-/0-5'],
    })
  })

  it('has a new id when it begins earlier too', async () => {
    const run = await play(sessions, times(4, 20, 1))
    expect(told(run)).toEqual(['q/-/4-9 on-time 0 {"n":1}', 'q/-/1-9 late 0 {"n":2} supersedes q/-/4-9'])
  })

  it('replaces both sessions that it bridges', async () => {
    const run = await play(sessions, times(0, 9, 30, 5))
    expect(told(run)).toEqual([
      'q/-/0-5 on-time 0 {"n":1}',
      'q/-/9-14 on-time 0 {"n":1}',
      'q/-/0-14 late 0 {"n":3} supersedes q/-/0-5, q/-/9-14',
    ])
  })

  it('is a revision of the same id when the record lies within', async () => {
    const run = await play(sessions, times(0, 4, 30, 2))
    expect(told(run)).toEqual(['q/-/0-9 on-time 0 {"n":2}', 'q/-/0-9 late 1 {"n":3}'])
  })

  it('waits for its end when it bridges to a session that is still open', async () => {
    // The watermark 6 has closed [0, 5); the 4 joins it to the open [7, 12), which ends at the 12.
    const lines = times(0, 7, 4, 12)
    expect(await step(sessions, [...lines.slice(0, -1), put(0, 's1', 13)])).toMatchObject({
      before: ['q/-/0-5 on-time 0 {"n":1}'],
      after: ['q/-/0-12 on-time 0 {"n":3} supersedes q/-/0-5'],
    })
  })

  it('remembers what it replaces while it waits, however far it is widened', async () => {
    // [0, 5) is out; 4 joins it to the open [7, 12), 12 widens that to [0, 17), which ends at the 18.
    const run = await play(sessions, times(0, 7, 4, 12, 18))
    expect(told(run)).toEqual(['q/-/0-5 on-time 0 {"n":1}', 'q/-/0-17 on-time 0 {"n":4} supersedes q/-/0-5'])
  })

  it('replaces sessions of other lanes that it bridges', async () => {
    const lines = [
      declare(0, 's1', 's2'),
      put(0, 's1', 0),
      put(0, 's2', 6),
      put(0, 's1', 40),
      put(0, 's2', 40),
      put(0, 's2', 5),
    ]
    expect(told(await play(sessions, lines))).toEqual([
      'q/-/0-5 on-time 0 {"n":1}',
      'q/-/6-11 on-time 0 {"n":1}',
      'q/-/0-11 late 0 {"n":3} supersedes q/-/0-5, q/-/6-11',
    ])
  })

  it('stands alone in the end, however often it was widened', async () => {
    const run = await play(sessions, times(0, 40, 3, 7, 12, 1), '--drain')
    expect(standing(run)).toEqual({ '0-17': { n: 5 }, '40-45': { n: 1 } })
  })

  it('tells what it replaces in each revision, for those who keep only the highest of an id', async () => {
    const run = await play(sessions, times(0, 40, 3, 2))
    expect(told(run)).toEqual([
      'q/-/0-5 on-time 0 {"n":1}',
      'q/-/0-8 late 0 {"n":2} supersedes q/-/0-5',
      'q/-/0-8 late 1 {"n":3} supersedes q/-/0-5',
    ])
  })

  it('is late when its merged window is', async () => {
    const strict = aQuery({ window: { type: 'session', gap: '5ms' }, allowedLateness: '10ms' })
    // The session [3, 8) of the record at 3 is late at the watermark 17 unless it touches one that is not.
    const alone = await play(strict, times(18, 3))
    expect(alone.late).toMatchObject([{ record: '{"ts":3}' }])
    expect((await play(strict, times(17, 3))).late).toEqual([])
    const touching = await play(strict, times(8, 18, 3))
    expect(touching.late).toEqual([])
    expect(standing(touching)).toEqual({ '3-13': { n: 2 } })
  })

  it('may be widened by a lane that was idle', async () => {
    const lines = [
      declare(0, 's1', 's2'),
      put(0, 's1', 0),
      empty(0, 's2'),
      empty(10_000, 's2'),
      put(10_000, 's1', 20),
      put(10_001, 's2', 3),
    ]
    expect(await step(sessions, lines)).toEqual({
      before: ['q/-/0-5 on-time 0 {"n":1}'],
      after: ['q/-/0-8 late 0 {"n":2} supersedes q/-/0-5'],
    })
    const strict = await play({ ...sessions, allowedLateness: '0ms' }, lines)
    expect(told(strict)).toEqual(['q/-/0-5 on-time 0 final {"n":1}'])
    expect(strict.late).toMatchObject([{ shard: 's2', record: '{"ts":3}' }])
  })
})

describe('count windows', () => {
  it('count per lane and key, and name the lane in their ids', async () => {
    const query = aQuery({ window: { type: 'count', size: 2 }, keyBy: ['k'] })
    const lines = [
      put(0, 's1', 5, { k: 'a' }),
      put(0, 's/2', 6, { k: 'a' }),
      put(0, 's1', 1, { k: 'a' }),
      put(0, 's/2', 900, { k: 'a' }),
      put(0, 's1', 7, { k: 'a' }),
    ]
    const run = await play(query, lines)
    expect(told(run)).toEqual(['q/k=a/s1#0 on-time 0 final {"n":2}', 'q/k=a/s%2F2#0 on-time 0 final {"n":2}'])
    expect(run.panes.map(({ window }) => window)).toEqual([
      { start: 1, end: 6 },
      { start: 6, end: 901 },
    ])
    const drained = await play(query, lines, '--drain')
    expect(told(drained).at(-1)).toBe('q/k=a/s1#1 on-time 0 final {"n":1}')
  })
})

describe('values of several lanes', () => {
  it('are merged in the order of the shards: ties of first and last, sums to the last digit', async () => {
    const query = aQuery({
      aggregates: {
        first: { fn: 'first', field: 'name' },
        last: { fn: 'last', field: 'name' },
        sum: { fn: 'sum', field: 'v' },
        distinct: { fn: 'distinct', field: 'v' },
        top: { fn: 'topK', field: 'v', k: 1 },
        stddevPop: { fn: 'stddevPop', field: 'w' },
        highest: { fn: 'quantile', field: 'w', q: 1 },
        histogram: { fn: 'histogram', field: 'w', bounds: [4.5] },
      },
    })
    const lines = [
      declare(0, 's1', 's2'),
      put(0, 's2', 1, { name: 's2 first', v: 1e100, w: 5 }),
      put(0, 's2', 1, { name: 's2 second', v: 1, w: 5 }),
      put(0, 's1', 1, { name: 's1 first', v: 1, w: 2 }),
      put(0, 's1', 1, { name: 's1 second', v: -1e100, w: 4 }),
      put(0, 's1', 1, { w: 4 }),
      put(0, 's1', 1, { w: 4 }),
      put(0, 's2', 1, { w: 7 }),
      put(0, 's2', 1, { w: 9 }),
    ]
    const run = await play(query, lines, '--drain')
    expect(run.panes.map(({ values }) => values)).toEqual([
      {
        first: 's1 first',
        last: 's2 second',
        sum: 2,
        distinct: 3,
        top: [{ value: 1, count: 2, error: 0 }],
        stddevPop: 2,
        highest: 9,
        histogram: [4, 4],
      },
    ])
  })
})

describe('the bytes of a scenario', () => {
  it('are those of raw and b64, judged like any record', async () => {
    const lines = [
      { at: 0, shard: 's1', raw: '{"ts":1}' },
      { at: 0, shard: 's1', raw: ' {"ts" : 2}\n' },
      { at: 0, shard: 's1', b64: Buffer.from('{"ts":3,"k":"ü"}').toString('base64') },
      { at: 0, shard: 's1', raw: '{"ts":4' },
      { at: 0, shard: 's1', b64: Buffer.from([0x7b, 0xff, 0x7d]).toString('base64') },
      { at: 0, shard: 's1', raw: '\ufeff{"ts":5}' },
      { at: 0, shard: 's1', raw: '{"ts":6}\n{"ts":7}' },
      { at: 0, shard: 's1', data: 'text' },
    ]
    const run = await play(aQuery(), lines, '--drain')
    expect(told(run)).toEqual(['q/-/0-10 on-time 0 final {"n":3}'])
    expect(run.rejected.map(({ reason, record, recordBase64 }) => [reason, record ?? recordBase64])).toEqual([
      ['invalid-json', '{"ts":4'],
      [expect.stringMatching(/^invalid-(utf8|json)$/), 'e/99'],
      ['invalid-json', '\ufeff{"ts":5}'],
      ['invalid-json', '{"ts":6}\n{"ts":7}'],
      ['invalid-time', '"text"'],
    ])
    expect(new Set(run.rejected.map(({ position }) => position)).size).toBe(5)
  })

  it('may be a KPL aggregate, of which each record counts', async () => {
    const whole = aggregate(['{"ts":1}', '{"ts":9}', 'x'])
    const run = await play(aQuery(), [{ at: 0, shard: 's1', b64: whole.toString('base64') }, put(0, 's1', 10)])
    expect(told(run)).toEqual(['q/-/0-10 on-time 0 final {"n":2}'])
    expect(run.ledger.queries.q?.total).toEqual(books({ read: 4, aggregated: 3, rejected: 1 }))
    expect(run.rejected).toMatchObject([{ reason: 'invalid-json', record: 'x' }])
  })

  it('may be a damaged KPL aggregate, which is rejected whole', async () => {
    const damaged = aggregate(['{"ts":1}'])
    damaged[damaged.length - 1]! ^= 1
    const run = await play(aQuery(), [{ at: 0, shard: 's1', b64: damaged.toString('base64') }], '--drain')
    expect(run.panes).toEqual([])
    expect(run.ledger.queries.q?.total).toEqual(books({ read: 1, rejected: 1 }))
    expect(run.rejected).toMatchObject([{ reason: 'corrupt-aggregation', recordBase64: damaged.toString('base64') }])
  })
})

describe('gzip records', () => {
  const zipped = (...texts: string[]) => Buffer.concat(texts.map((text) => gzipSync(text)))
  const putBytes = (bytes: Buffer) => ({ at: 0, shard: 's1', b64: bytes.toString('base64') })

  it('are judged by their text, of one member or several, in an aggregate too', async () => {
    const packed = aggregate([zipped('{"ts":1}'), zipped('{"t', 's":2}'), Buffer.from('{"ts":3}')])
    const run = await play(aQuery(), [putBytes(zipped('{"ts":5}')), putBytes(packed)], '--drain')
    expect(told(run)).toEqual(['q/-/0-10 on-time 0 final {"n":4}'])
    expect(run.ledger.queries.q?.total).toEqual(books({ read: 4, aggregated: 4 }))
  })

  it('are rejected when damaged or too large, as they are in the stream', async () => {
    const cut = zipped('{"ts":1}').subarray(0, -3)
    const bomb = zipped(`{"ts":1,"x":"${'x'.repeat(11 * 1024 * 1024)}"}`)
    const noJson = zipped('{"ts":')
    const late = zipped('{"ts":0}')
    const lines = [putBytes(cut), putBytes(bomb), putBytes(noJson), put(0, 's1', 50), putBytes(late)]
    const run = await play(aQuery(), lines)
    expect(run.rejected.map(({ reason, recordBase64 }) => [reason, recordBase64])).toEqual([
      ['invalid-utf8', cut.toString('base64')],
      ['too-large', bomb.toString('base64')],
      ['invalid-json', noJson.toString('base64')],
    ])
    expect(run.late.map(({ recordBase64 }) => recordBase64)).toEqual([late.toString('base64')])
    expect(run.ledger.queries.q?.total).toEqual(books({ read: 5, aggregated: 1, rejected: 3, late: 1 }))
  })
})

/** A record as the Kinesis Producer Library packs it: its magic number, a protobuf message, the MD5 of that message. */
function aggregate(texts: readonly (string | Buffer)[]): Buffer {
  const field = (tag: number, bytes: Uint8Array) => Buffer.concat([Buffer.from([tag, bytes.length]), bytes])
  const message = Buffer.concat([
    field(0x0a, Buffer.from('pk')),
    ...texts.map((text) => field(0x1a, Buffer.concat([Buffer.from([0x08, 0x00]), field(0x1a, Buffer.from(text))]))),
  ])
  const sum = createHash('md5').update(message).digest()
  return Buffer.concat([Buffer.from([0xf3, 0x89, 0x9a, 0xc2]), message, sum])
}

describe('early panes', () => {
  it('come for what has changed when the clock passes a multiple of early, from all lanes, and number the revisions', async () => {
    const query = aQuery({ early: '5ms', time: { field: 'ts', unit: 'ms' } })
    const run = await play(query, [
      declare(0, 's1', 's2'),
      put(1, 's1', 1),
      put(4, 's2', 2),
      { at: 5 },
      { at: 10 },
      put(11, 's1', 3),
      { at: 15 },
      put(16, 's1', 20),
      put(16, 's2', 20),
    ])
    expect(told(run)).toEqual([
      'q/-/0-10 early 0 {"n":2}',
      'q/-/0-10 early 1 {"n":3}',
      'q/-/0-10 on-time 2 final {"n":3}',
    ])
  })
})
