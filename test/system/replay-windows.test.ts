// The windows of `millrace replay`, kind by kind: which of them a record falls in, at their edges, before 1970 and with offsets.
// Each describe is one or two runs; a row says which windows the records lead to.
import { describe, expect, it } from 'vitest'
import { aQuery, books, type Line, type Query, replay, standing, told } from './millrace.ts'

/** A query that waits for all records, so that none is late and rows need not be in order. */
function patient(window: Query, parts: Query = {}): Query {
  return aQuery({ window, time: { field: 'ts', unit: 'ms', outOfOrderness: '1h' }, ...parts })
}

/** For each event time the windows it falls in, told by a key for each time. */
async function windowsOf(window: Query, times: readonly number[]): Promise<Record<string, string[]>> {
  const run = await replay({ query: patient(window, { keyBy: ['ts'] }), input: times.map((ts) => ({ ts })) })
  const found: Record<string, string[]> = Object.fromEntries(times.map((ts) => [ts, []]))
  for (const { key, window } of run.panes) found[String(key.ts)]?.push(`${window.start}..${window.end}`)
  return found
}

const at = (ts: number): Line => ({ ts })

describe('tumbling windows', () => {
  it('include their start and exclude their end', async () => {
    expect(await windowsOf({ type: 'tumbling', size: '10ms' }, [0, 9, 10, 19, 20])).toEqual({
      0: ['0..10'],
      9: ['0..10'],
      10: ['10..20'],
      19: ['10..20'],
      20: ['20..30'],
    })
  })

  it('go on before 1970', async () => {
    expect(await windowsOf({ type: 'tumbling', size: '10ms' }, [-1, -10, -11])).toEqual({
      '-1': ['-10..0'],
      '-10': ['-10..0'],
      '-11': ['-20..-10'],
    })
  })

  it('are moved by an offset, which may be negative', async () => {
    expect(await windowsOf({ type: 'tumbling', size: '10ms', offset: '3ms' }, [-8, -7, 2, 3, 12, 13])).toEqual({
      '-8': ['-17..-7'],
      '-7': ['-7..3'],
      2: ['-7..3'],
      3: ['3..13'],
      12: ['3..13'],
      13: ['13..23'],
    })
    expect(await windowsOf({ type: 'tumbling', size: '10ms', offset: '-3ms' }, [-4, -3, 6, 7])).toEqual({
      '-4': ['-13..-3'],
      '-3': ['-3..7'],
      6: ['-3..7'],
      7: ['7..17'],
    })
  })

  it('have negative numbers in their ids, as they are', async () => {
    const run = await replay({ query: aQuery(), input: [{ ts: -5 }] })
    expect(told(run)).toEqual(['q/-/-10-0 on-time 0 final {"n":1}'])
  })

  it('fire before 1970 as after it', async () => {
    const late = await replay({ query: aQuery(), input: [-5, 0, -1].map(at) })
    expect(late.ledger.queries.q?.total).toEqual(books({ read: 3, aggregated: 2, late: 1 }))
    const inTime = await replay({ query: aQuery(), input: [-5, -1, -9].map(at) })
    expect(told(inTime)).toEqual(['q/-/-10-0 on-time 0 final {"n":3}'])
  })
})

describe('hopping windows', () => {
  it('overlap when they hop by less than their size', async () => {
    expect(await windowsOf({ type: 'hopping', size: '10ms', every: '5ms' }, [-1, 0, 4, 5, 9, 10])).toEqual({
      '-1': ['-10..0', '-5..5'],
      0: ['-5..5', '0..10'],
      4: ['-5..5', '0..10'],
      5: ['0..10', '5..15'],
      9: ['0..10', '5..15'],
      10: ['5..15', '10..20'],
    })
  })

  it('need not divide their size', async () => {
    expect(await windowsOf({ type: 'hopping', size: '10ms', every: '4ms' }, [7, 8, 9, 10])).toEqual({
      7: ['0..10', '4..14'],
      8: ['0..10', '4..14', '8..18'],
      9: ['0..10', '4..14', '8..18'],
      10: ['4..14', '8..18'],
    })
  })

  it('are moved by an offset below their size, above their hop too', async () => {
    expect(await windowsOf({ type: 'hopping', size: '10ms', every: '5ms', offset: '2ms' }, [0, 2])).toEqual({
      0: ['-8..2', '-3..7'],
      2: ['-3..7', '2..12'],
    })
    const seven = await windowsOf({ type: 'hopping', size: '10ms', every: '5ms', offset: '7ms' }, [0, 2])
    expect(seven).toEqual({ 0: ['-8..2', '-3..7'], 2: ['-3..7', '2..12'] })
    const back = await windowsOf({ type: 'hopping', size: '10ms', every: '5ms', offset: '-3ms' }, [0, 2])
    expect(back).toEqual({ 0: ['-8..2', '-3..7'], 2: ['-3..7', '2..12'] })
  })

  it('may leave gaps; records in them count as filtered and move the watermark', async () => {
    const query = aQuery({ window: { type: 'hopping', size: '10ms', every: '20ms' } })
    const run = await replay({ query, input: [9, 10, 3].map(at) })
    // The 10 falls in the gap [10, 20) and closes [0, 10), so that the 3 is late.
    expect(told(run)).toEqual(['q/-/0-10 on-time 0 final {"n":1}'])
    expect(run.ledger.queries.q?.total).toEqual(books({ read: 3, aggregated: 1, filtered: 1, late: 1 }))

    const edges = await replay({
      query: patient({ type: 'hopping', size: '10ms', every: '20ms' }),
      input: [-11, -10, -1, 19, 20].map(at),
    })
    expect(standing(edges)).toEqual({ '-20--10': { n: 1 }, '20-30': { n: 1 } })
    expect(edges.ledger.queries.q?.total).toEqual(books({ read: 5, aggregated: 2, filtered: 3 }))
  })
})

describe('cumulative windows', () => {
  const window = { type: 'cumulative', size: '30ms', step: '10ms' }

  it('start together and end step by step', async () => {
    expect(await windowsOf(window, [-1, 0, 9, 10, 19, 20, 29, 30])).toEqual({
      '-1': ['-30..0'],
      0: ['0..10', '0..20', '0..30'],
      9: ['0..10', '0..20', '0..30'],
      10: ['0..20', '0..30'],
      19: ['0..20', '0..30'],
      20: ['0..30'],
      29: ['0..30'],
      30: ['30..40', '30..50', '30..60'],
    })
  })

  it('are moved by an offset, which may be negative', async () => {
    expect(await windowsOf({ ...window, offset: '5ms' }, [4, 5, 15])).toEqual({
      4: ['-25..5'],
      5: ['5..15', '5..25', '5..35'],
      15: ['5..25', '5..35'],
    })
    expect(await windowsOf({ ...window, offset: '-5ms' }, [-5, 5])).toEqual({
      '-5': ['-5..5', '-5..15', '-5..25'],
      5: ['-5..15', '-5..25'],
    })
  })

  it('hold all values up to their end', async () => {
    const run = await replay({ query: aQuery({ window }), input: [5, 15, 25, 40].map(at) })
    expect(told(run)).toEqual([
      'q/-/0-10 on-time 0 final {"n":1}',
      'q/-/0-20 on-time 0 final {"n":2}',
      'q/-/0-30 on-time 0 final {"n":3}',
      'q/-/30-50 on-time 0 final {"n":1}',
      'q/-/30-60 on-time 0 final {"n":1}',
    ])
  })

  it('a record missed count in lateWindows', async () => {
    const run = await replay({ query: aQuery({ window }), input: [15, 5, 21, 6].map(at) })
    // 15 closes [0, 10) only, 21 closes [0, 20) too.
    expect(standing(run)).toEqual({ '0-20': { n: 2 }, '0-30': { n: 4 } })
    expect(run.ledger.queries.q?.total).toEqual(books({ read: 4, aggregated: 4, lateWindows: 3 }))
  })
})

describe('session windows', () => {
  const query = aQuery({ window: { type: 'session', gap: '5ms' } })
  const sessions = async (times: readonly number[], parts: Query = {}) => {
    const run = await replay({ query: { ...patient({ type: 'session', gap: '5ms' }), ...parts }, input: times.map(at) })
    return told(run)
  }

  it('are [first, last + gap)', async () => {
    expect(await sessions([3])).toEqual(['q/-/3-8 on-time 0 final {"n":1}'])
    expect(await sessions([3, 6])).toEqual(['q/-/3-11 on-time 0 final {"n":2}'])
    expect(await sessions([-3])).toEqual(['q/-/-3-2 on-time 0 final {"n":1}'])
  })

  it('are one when one starts where the other ends, and two when 1 ms lies between', async () => {
    expect(await sessions([0, 5])).toEqual(['q/-/0-10 on-time 0 final {"n":2}'])
    expect(await sessions([0, 6])).toEqual(['q/-/0-5 on-time 0 final {"n":1}', 'q/-/6-11 on-time 0 final {"n":1}'])
    expect(await sessions([6, 0])).toEqual(['q/-/0-5 on-time 0 final {"n":1}', 'q/-/6-11 on-time 0 final {"n":1}'])
  })

  it('are bridged by a record between them', async () => {
    expect(await sessions([0, 9, 5])).toEqual(['q/-/0-14 on-time 0 final {"n":3}'])
    expect(await sessions([0, 10, 5])).toEqual(['q/-/0-15 on-time 0 final {"n":3}'])
    expect(await sessions([0, 11, 5])).toEqual([
      'q/-/0-10 on-time 0 final {"n":2}',
      'q/-/11-16 on-time 0 final {"n":1}',
    ])
  })

  it('are kept apart by key', async () => {
    const run = await replay({
      query: patient({ type: 'session', gap: '5ms' }, { keyBy: ['k'] }),
      input: [
        { ts: 0, k: 'a' },
        { ts: 2, k: 'b' },
        { ts: 4, k: 'a' },
      ],
    })
    expect(told(run)).toEqual(['q/k=b/2-7 on-time 0 final {"n":1}', 'q/k=a/0-9 on-time 0 final {"n":2}'])
  })

  it('fire when the watermark reaches end - 1', async () => {
    // [0, 5) fires when the watermark is 4. A record at 4 or 5 would touch it, so another key moves the watermark.
    const keyed = { ...query, keyBy: ['k'] }
    const before = await replay({
      query: keyed,
      input: [
        { ts: 0, k: 'a' },
        { ts: 4, k: 'b' },
        { ts: 0, k: 'a' },
      ],
    })
    expect(before.ledger.queries.q?.total.late).toBe(0)
    const after = await replay({
      query: keyed,
      input: [
        { ts: 0, k: 'a' },
        { ts: 5, k: 'b' },
        { ts: 0, k: 'a' },
      ],
    })
    expect(after.ledger.queries.q?.total.late).toBe(1)
  })

  it('take a record late by itself when the session it widens is not', async () => {
    // At 10 the watermark is 9. [5, 10) is late alone and touches [10, 15); [4, 9) is late and touches nothing.
    const touching = await replay({ query, input: [10, 5].map(at) })
    expect(told(touching)).toEqual(['q/-/5-15 on-time 0 final {"n":2}'])
    const apart = await replay({ query, input: [10, 4].map(at) })
    expect(told(apart)).toEqual(['q/-/10-15 on-time 0 final {"n":1}'])
    expect(apart.late).toMatchObject([{ record: '{"ts":4}' }])
  })
})

describe('count windows', () => {
  const window = { type: 'count', size: 3 }

  it('take so many records of a key in the order of their positions, whatever their times', async () => {
    const run = await replay({ query: aQuery({ window }), input: [50, 7, 20, 3, 9, 4].map(at) })
    expect(run.panes.map(({ window, values }) => [window, values])).toEqual([
      [{ start: 7, end: 51 }, { n: 3 }],
      [{ start: 3, end: 10 }, { n: 3 }],
    ])
    expect(run.ledger.queries.q?.total).toEqual(books({ read: 6, aggregated: 6 }))
  })

  it('have ids that count per lane and key, and leftovers at the end of the input', async () => {
    const run = await replay({
      query: aQuery({ window, keyBy: ['k'] }),
      input: ['a', 'b', 'a', 'a', 'a', 'b'].map((k, ts) => ({ ts, k })),
    })
    expect(told(run).toSorted()).toEqual([
      'q/k=a/input#0 on-time 0 final {"n":3}',
      'q/k=a/input#1 on-time 0 final {"n":1}',
      'q/k=b/input#0 on-time 0 final {"n":2}',
    ])
  })
})
