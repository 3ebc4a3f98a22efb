// `millrace replay` over plain NDJSON: the panes and their ids, when a window fires and what is late for it, the books.
// Windows are 10 ms and events a handful, so that every boundary can be checked by hand.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  aQuery,
  books,
  bytesOf,
  inFolder,
  type Line,
  millrace,
  type Query,
  type Replayed,
  replay,
  standing,
  told,
} from './millrace.ts'

describe('panes', () => {
  it('are one line of JSON each, on standard output', async () => {
    const run = await replay({
      query: aQuery({ name: 'views', keyBy: ['page'] }),
      input: [
        { ts: 3, page: '/p/7' },
        { ts: 9, page: '/p/7' },
        { ts: 10, page: '/p/7' },
      ],
    })
    expect(run.stdout).toBe(
      '{"id":"views/page=%2Fp%2F7/0-10","query":"views","key":{"page":"/p/7"},"window":{"start":0,"end":10},' +
        '"pane":{"index":0,"timing":"on-time","final":true},"values":{"n":2}}\n' +
        '{"id":"views/page=%2Fp%2F7/10-20","query":"views","key":{"page":"/p/7"},"window":{"start":10,"end":20},' +
        '"pane":{"index":0,"timing":"on-time","final":true},"values":{"n":1}}\n',
    )
  })

  it('name their values in the order of the query', async () => {
    const fn = { fn: 'count' }
    const run = await replay({ query: aQuery({ aggregates: { z: fn, a: fn, m: fn } }), input: [{ ts: 0 }] })
    expect(run.stdout).toContain('"values":{"z":1,"a":1,"m":1}')
  })

  it('come one for each key', async () => {
    const run = await replay({
      query: aQuery({ keyBy: ['k'] }),
      input: [
        { ts: 1, k: 'a' },
        { ts: 2, k: 'b' },
        { ts: 3, k: 'a' },
      ],
    })
    expect(told(run).toSorted()).toEqual(['q/k=a/0-10 on-time 0 final {"n":2}', 'q/k=b/0-10 on-time 0 final {"n":1}'])
  })

  it('come in the order in which their windows end', async () => {
    const time = { field: 'ts', unit: 'ms', outOfOrderness: '1h' }
    const run = await replay({ query: aQuery({ time }), input: [{ ts: 25 }, { ts: 5 }, { ts: 15 }] })
    expect(run.panes.map(({ window }) => window.end)).toEqual([10, 20, 30])
  })

  it('are closed by the end of the input, however far the watermark trails', async () => {
    const time = { field: 'ts', unit: 'ms', outOfOrderness: '1h' }
    const run = await replay({ query: aQuery({ time }), input: [{ ts: 3 }] })
    expect(told(run)).toEqual(['q/-/0-10 on-time 0 final {"n":1}'])
  })

  it('are the same for out-of-order records within the out-of-orderness', async () => {
    const query = aQuery({ time: { field: 'ts', unit: 'ms', outOfOrderness: '20ms' } })
    const input = [{ ts: 3 }, { ts: 9 }, { ts: 10 }, { ts: 21 }]
    const sorted = await replay({ query, input })
    const reversed = await replay({ query, input: input.toReversed() })
    expect(reversed.stdout).toBe(sorted.stdout)
  })
})

describe('the watermark', () => {
  const at = (ts: number) => ({ ts })

  it('fires a window when it reaches end - 1, and a record for that window is late from then on', async () => {
    const before = await replay({ query: aQuery(), input: [3, 9, 1].map(at) })
    expect(told(before)).toEqual(['q/-/0-10 on-time 0 final {"n":3}'])
    expect(before.late).toEqual([])

    const after = await replay({ query: aQuery(), input: [3, 10, 1].map(at) })
    expect(told(after)).toEqual(['q/-/0-10 on-time 0 final {"n":1}', 'q/-/10-20 on-time 0 final {"n":1}'])
    expect(after.late).toMatchObject([{ query: 'q', shard: 'input', record: '{"ts":1}' }])
  })

  it('trails the greatest event time by the out-of-orderness and 1 ms', async () => {
    const query = aQuery({ time: { field: 'ts', unit: 'ms', outOfOrderness: '5ms' } })
    const before = await replay({ query, input: [3, 14, 1].map(at) })
    expect(standing(before)).toEqual({ '0-10': { n: 2 }, '10-20': { n: 1 } })

    const after = await replay({ query, input: [3, 15, 1].map(at) })
    expect(standing(after)).toEqual({ '0-10': { n: 1 }, '10-20': { n: 1 } })
    expect(after.late).toHaveLength(1)
  })

  it('never goes back', async () => {
    const run = await replay({ query: aQuery(), input: [3, 10, 2, 1, 10].map(at) })
    expect(run.ledger.queries.q?.total).toEqual(books({ read: 5, aggregated: 3, late: 2 }))
  })

  it('lets a fired window take updates until it reaches end - 1 + allowedLateness', async () => {
    const query = aQuery({ allowedLateness: '5ms' })
    const before = await replay({ query, input: [3, 14, 1].map(at) })
    expect(standing(before)).toEqual({ '0-10': { n: 2 }, '10-20': { n: 1 } })
    expect(before.late).toEqual([])

    const after = await replay({ query, input: [3, 15, 1].map(at) })
    expect(standing(after)).toEqual({ '0-10': { n: 1 }, '10-20': { n: 1 } })
    expect(after.late).toHaveLength(1)
  })

  it('is moved by a record only after the record went into its windows', async () => {
    // Moved first, the record at 5 would close the session [0, 5) that it belongs to.
    const query = aQuery({ window: { type: 'session', gap: '5ms' } })
    const run = await replay({ query, input: [0, 5, 10].map(at) })
    expect(told(run)).toEqual(['q/-/0-15 on-time 0 final {"n":3}'])
  })

  it('moves with every record, not with every batch', async () => {
    // The 1 is late because of the record just before it, wherever the reader cuts its batches.
    const input = Array.from({ length: 3000 }, (_, number) => [
      { ts: number * 10 + 10 },
      { ts: number * 10 + 1 },
    ]).flat()
    const run = await replay({ query: aQuery(), input })
    expect(run.ledger.queries.q?.total).toEqual(books({ read: 6000, aggregated: 3000, late: 3000 }))
    expect(run.panes.every(({ values }) => values.n === 1)).toBe(true)
  })
})

describe('the order of judgement', () => {
  /** A record, then one at 1 that is late if the first moved the watermark past [0, 10). */
  async function judge(query: Query, first: Line) {
    const run = await replay({ query: aQuery(query), input: [first, { ts: 1, type: 'a', k: 'x' }] })
    const { read, aggregated, filtered, late } = run.ledger.queries.q!.total
    expect(read).toBe(2)
    return { aggregated, filtered, late, reasons: run.rejected.map(({ reason }) => reason) }
  }

  const where = { type: 'a' }
  const keyBy = ['k']
  it.each<[string, Query, Line, object]>([
    [
      'a filtered record moves the watermark',
      { where },
      { ts: 10, type: 'b' },
      { aggregated: 0, filtered: 1, late: 1, reasons: [] },
    ],
    [
      'a record without a valid key moves the watermark',
      { keyBy },
      { ts: 10 },
      { aggregated: 0, filtered: 0, late: 1, reasons: ['invalid-key'] },
    ],
    [
      'a record without a valid time does not move it',
      { keyBy },
      { ts: '10', k: 'x' },
      { aggregated: 1, filtered: 0, late: 0, reasons: ['invalid-time'] },
    ],
    [
      'a record that is not valid JSON does not move it',
      { where },
      '{"ts":10,"type":"b"',
      { aggregated: 1, filtered: 0, late: 0, reasons: ['invalid-json'] },
    ],
    [
      'JSON comes before where',
      { where },
      '{"ts":10,"type":"b"}}',
      { aggregated: 1, filtered: 0, late: 0, reasons: ['invalid-json'] },
    ],
    ['where comes before time', { where }, { type: 'b' }, { aggregated: 1, filtered: 1, late: 0, reasons: [] }],
    [
      'where comes before key',
      { where, keyBy },
      { ts: 0, type: 'b' },
      { aggregated: 1, filtered: 1, late: 0, reasons: [] },
    ],
    [
      'time comes before key',
      { keyBy },
      { k: null },
      { aggregated: 1, filtered: 0, late: 0, reasons: ['invalid-time'] },
    ],
  ])('%s', async (_, query, first, expected) => {
    expect(await judge(query, first)).toEqual(expected)
  })

  it('key comes before lateness', async () => {
    const run = await replay({ query: aQuery({ keyBy }), input: [{ ts: 10, k: 'x' }, { ts: 1 }] })
    expect(run.rejected).toMatchObject([{ reason: 'invalid-key' }])
    expect(run.late).toEqual([])
  })
})

describe('ids', () => {
  /** The ids and keys that records with these values of `k` lead to, in the order of the records. */
  async function keysOf(values: readonly unknown[]) {
    const run = await replay({
      query: aQuery({ keyBy: ['k'] }),
      input: values.map((k, number) => ({ ts: number * 10, k })),
    })
    expect(run.rejected).toEqual([])
    return run.panes.map(({ id, key }) => [id.split('/')[1], key.k])
  }

  it('have - in place of a key, which is then empty', async () => {
    const run = await replay({ query: aQuery(), input: [{ ts: 0 }] })
    expect(run.panes).toMatchObject([{ id: 'q/-/0-10', key: {} }])
  })

  it('percent-encode text, ~ too', async () => {
    expect(await keysOf(['/p/7', 'a b', 'a~b', '~5', 'a=b&c', '100%', '-', '', 'ü', '✓', '😀'])).toEqual([
      ['k=%2Fp%2F7', '/p/7'],
      ['k=a%20b', 'a b'],
      ['k=a%7Eb', 'a~b'],
      ['k=%7E5', '~5'],
      ['k=a%3Db%26c', 'a=b&c'],
      ['k=100%25', '100%'],
      ['k=-', '-'],
      ['k=', ''],
      ['k=%C3%BC', 'ü'],
      ['k=%E2%9C%93', '✓'],
      ['k=%F0%9F%98%80', '😀'],
    ])
  })

  it('write numbers and booleans with ~ in front, so that 5 and "5" differ', async () => {
    expect(await keysOf([5, '5', -1.5, 1e21, true, 'true', false, 0])).toEqual([
      ['k=~5', 5],
      ['k=5', '5'],
      ['k=~-1.5', -1.5],
      ['k=~1e%2B21', 1e21],
      ['k=~true', true],
      ['k=true', 'true'],
      ['k=~false', false],
      ['k=~0', 0],
    ])
  })

  it('take numbers for what they are, however they are written', async () => {
    const run = await replay({
      query: aQuery({ keyBy: ['k'] }),
      input: ['{"ts":0,"k":5}', '{"ts":1,"k":5.0}', '{"ts":2,"k":0.5e1}', '{"ts":3,"k":-0}', '{"ts":4,"k":0}'],
    })
    expect(told(run).toSorted()).toEqual(['q/k=~0/0-10 on-time 0 final {"n":2}', 'q/k=~5/0-10 on-time 0 final {"n":3}'])
    expect(run.stdout).toContain('"key":{"k":0}')
    expect(run.stdout).toContain('"key":{"k":5}')
  })

  it('take text for what it is, however it is escaped', async () => {
    const run = await replay({
      query: aQuery({ keyBy: ['k'] }),
      input: ['{"ts":0,"k":"/ü"}', '{"ts":1,"k":"\\/\\u00fc"}', '{"ts":2,"\\u006b":"/\\u00FC"}'],
    })
    expect(told(run)).toEqual(['q/k=%2F%C3%BC/0-10 on-time 0 final {"n":3}'])
  })

  it('join several keys by & in the order of keyBy', async () => {
    const run = await replay({
      query: aQuery({ keyBy: ['page', 'data.country'] }),
      input: [{ ts: 0, data: { country: 'DE' }, page: 'a&b' }],
    })
    expect(run.panes).toMatchObject([
      { id: 'q/page=a%26b&data.country=DE/0-10', key: { page: 'a&b', 'data.country': 'DE' } },
    ])
    expect(run.stdout).toContain('"key":{"page":"a&b","data.country":"DE"}')
  })

  it('percent-encode the names of keys', async () => {
    const run = await replay({ query: aQuery({ keyBy: ['größe ~'] }), input: [{ ts: 0, 'größe ~': 'L' }] })
    expect(run.panes).toMatchObject([{ id: 'q/gr%C3%B6%C3%9Fe%20%7E=L/0-10', key: { 'größe ~': 'L' } }])
  })

  it('survive text that has no UTF-8, half of a surrogate pair', async () => {
    const run = await replay({
      query: aQuery({ keyBy: ['k'] }),
      input: ['{"ts":0,"k":"\\ud83d"}', '{"ts":1,"k":"a"}'],
    })
    expect(run.ledger.queries.q?.total.read).toBe(2)
    expect(standing(run)).toMatchObject({ '0-10': { n: 1 } })
  })

  it('keep apart keys and values that are named like what every object has', async () => {
    const run = await replay({
      query: aQuery({ keyBy: ['constructor', '__proto__'], aggregates: { toString: { fn: 'count' } } }),
      input: ['{"ts":0,"constructor":"a","__proto__":"b"}', '{"ts":1,"constructor":"a"}', '{"ts":2,"__proto__":"b"}'],
    })
    expect(run.rejected).toMatchObject([{ reason: 'invalid-key' }, { reason: 'invalid-key' }])
    expect(run.stdout).toContain('"id":"q/constructor=a&__proto__=b/0-10"')
    expect(run.stdout).toContain('"key":{"constructor":"a","__proto__":"b"}')
    expect(run.stdout).toContain('"values":{"toString":1}')
  })
})

describe('fields', () => {
  it('may be paths', async () => {
    const run = await replay({
      query: aQuery({
        time: { field: 'meta.at', unit: 'ms', outOfOrderness: '0ms' },
        where: { 'meta.kind': 'sale' },
        keyBy: ['data.page'],
        aggregates: { total: { fn: 'sum', field: 'data.price.net' } },
      }),
      input: [
        { meta: { at: 1, kind: 'sale' }, data: { page: 'a', price: { net: 2 } } },
        { meta: { at: 2, kind: 'sale' }, data: { page: 'a', price: { net: 3 } } },
        { meta: { at: 3, kind: 'view' }, data: { page: 'a', price: { net: 5 } } },
        { meta: { at: 4, kind: 'sale' }, data: { page: 'a', price: 7 } },
        { meta: 5, data: { page: 'a' } },
      ],
    })
    expect(run.panes).toMatchObject([{ id: 'q/data.page=a/0-10', key: { 'data.page': 'a' }, values: { total: 5 } }])
    expect(run.ledger.queries.q?.total).toEqual(books({ read: 5, aggregated: 3, filtered: 2 }))
  })

  it('are what JSON.parse makes of them: the last of two with one name, escapes resolved', async () => {
    const run = await replay({
      query: aQuery({ keyBy: ['data.k'] }),
      input: [
        '{"ts":"x","data":{"k":"a"},"ts":1}',
        '{"ts":2,"data":{"k":"b"},"data":{"k":"a"}}',
        '{"t\\u0073":3,"d\\u0061ta":{"k":"\\u0061"}}',
        '{"ts":4,"data":{"k":"a"},"data":{"x":1}}',
        '{"ts":5,"data":{"k":"a"},"data":7}',
        '{"ts":6,"data":{"k":"x","k":"a"}}',
        '{"ts":7,"x":{"ts":99,"data":{"k":"z"}},"data":{"k":"a","y":[{"k":"z"}]}}',
      ],
    })
    expect(told(run)).toEqual(['q/data.k=a/0-10 on-time 0 final {"n":5}'])
    expect(run.rejected).toMatchObject([{ reason: 'invalid-key' }, { reason: 'invalid-key' }])
  })

  it('are found in records as large and as deep as JSON.parse takes them', async () => {
    const deep = `${'['.repeat(5000)}${']'.repeat(5000)}`
    const run = await replay({
      query: aQuery({ keyBy: ['k'] }),
      input: [`{"a":${deep},"ts":1,"k":"a"}`, `{"a":"${'x'.repeat(1_000_000)}","ts":2,"k":"a"}`],
    })
    expect(told(run)).toEqual(['q/k=a/0-10 on-time 0 final {"n":2}'])
  })
})

describe('late records', () => {
  it('within the allowed lateness give the whole new value as the next revision', async () => {
    const run = await replay({
      query: aQuery({ allowedLateness: '20ms' }),
      input: [{ ts: 3 }, { ts: 10 }, { ts: 1 }, { ts: 50 }],
    })
    const ofFirst = run.panes.filter(({ id }) => id === 'q/-/0-10')
    expect(ofFirst.at(0)).toMatchObject({ pane: { index: 0, timing: 'on-time', final: false }, values: { n: 1 } })
    expect(ofFirst.at(-1)).toMatchObject({ pane: { index: 1, timing: 'late' }, values: { n: 2 } })
    expect(ofFirst).toHaveLength(2)
  })

  it('give no line just to say that a pane is final', async () => {
    const run = await replay({ query: aQuery({ allowedLateness: '20ms' }), input: [{ ts: 3 }, { ts: 10 }, { ts: 90 }] })
    expect(run.panes.map(({ id }) => id)).toEqual(['q/-/0-10', 'q/-/10-20', 'q/-/90-100'])
  })

  it('open a window that had none', async () => {
    const run = await replay({ query: aQuery({ allowedLateness: '20ms' }), input: [{ ts: 15 }, { ts: 1 }] })
    expect(standing(run)).toEqual({ '0-10': { n: 1 }, '10-20': { n: 1 } })
    expect(run.panes.find(({ id }) => id === 'q/-/0-10')?.pane.index).toBe(0)
  })

  it('are told line by line with --late', async () => {
    const run = await replay({ query: aQuery({ keyBy: ['k'] }), input: [{ ts: 10, k: 'a' }, '{"ts": 9, "k":"ü"}\t'] })
    expect(run.late).toEqual([
      {
        query: 'q',
        shard: 'input',
        position: expect.any(String),
        reason: 'late',
        detail: expect.any(String),
        record: '{"ts": 9, "k":"ü"}\t',
      },
    ])
    expect(Object.keys(run.late[0] ?? {})).toEqual(['query', 'shard', 'position', 'reason', 'detail', 'record'])
    expect(run.rejected).toEqual([])
  })

  it('for some of their windows only are aggregated in the others, and lateWindows counts what they missed', async () => {
    const run = await replay({
      query: aQuery({ window: { type: 'hopping', size: '10ms', every: '5ms' } }),
      input: [{ ts: 10 }, { ts: 7 }, { ts: 4 }],
    })
    // 10 went into [5, 15) and [10, 20) and moved the watermark to 9. 7 missed [0, 10), 4 missed [-5, 5) and [0, 10).
    expect(standing(run)).toEqual({ '5-15': { n: 2 }, '10-20': { n: 1 } })
    expect(run.ledger.queries.q?.total).toEqual(books({ read: 3, aggregated: 2, late: 1, lateWindows: 1 }))
    expect(run.late.map(({ record }) => record)).toEqual(['{"ts":4}'])
  })
})

describe('the ledger', () => {
  it('has the books of each lane and their total, for every query', async () => {
    const run = await replay({
      query: [
        aQuery({ name: 'all' }),
        aQuery({ name: 'sales', where: { type: 'sale' }, keyBy: ['k'] }),
        aQuery({ name: 'none', where: { type: 'none' } }),
      ],
      input: [
        { ts: 3, type: 'sale', k: 'a' },
        { ts: 10, type: 'view' },
        { ts: 11, type: 'sale' },
        { ts: 2, type: 'sale', k: 'a' },
        { type: 'sale', k: 'a' },
        'x',
      ],
    })
    const all = books({ read: 6, aggregated: 3, late: 1, rejected: 2 })
    const sales = books({ read: 6, aggregated: 1, filtered: 1, late: 1, rejected: 3 })
    const none = books({ read: 6, filtered: 5, rejected: 1 })
    expect(run.ledger).toEqual({
      queries: {
        all: { lanes: { input: all }, total: all },
        sales: { lanes: { input: sales }, total: sales },
        none: { lanes: { input: none }, total: none },
      },
    })
    expect(Object.keys(run.ledger.queries.all?.total ?? {})).toEqual([
      'read',
      'aggregated',
      'filtered',
      'late',
      'rejected',
      'heavyDone',
      'pending',
      'lateWindows',
    ])
  })

  it('does not count blank lines', async () => {
    const run = await replay({ query: aQuery(), input: '\n{"ts":1}\n\n\r\n  \t\n{"ts":2}\n\n' })
    expect(run.ledger.queries.q?.total).toEqual(books({ read: 2, aggregated: 2 }))
  })
})

describe('several queries in one run', () => {
  let run: Replayed
  const input = [
    { ts: 3, k: 'a', v: 1 },
    { ts: 9, k: 'b', v: 2 },
    { ts: 25, k: 'a', v: 4 },
    { ts: 1, k: 'a', v: 8 },
  ]
  const queries = [
    aQuery({ name: 'one' }),
    aQuery({ name: 'two', keyBy: ['k'], aggregates: { v: { fn: 'sum', field: 'v' } }, allowedLateness: '1m' }),
    aQuery({ name: 'three', window: { type: 'session', gap: '7ms' } }),
  ]
  beforeAll(async () => {
    run = await replay({ query: queries, input })
  })

  it('give each the panes that it gives alone', async () => {
    for (const query of queries) {
      const alone = await replay({ query, input })
      expect(told(run, query.name as string)).toEqual(told(alone, query.name as string))
    }
    expect(told(run, 'three')).toEqual([
      'three/-/3-16 on-time 0 final {"n":2}',
      'three/-/25-32 on-time 0 final {"n":1}',
    ])
    expect(new Set(run.panes.map(({ query }) => query))).toEqual(new Set(['one', 'two', 'three']))
  })

  it('judge lateness each by its own rule', () => {
    expect(run.late.map(({ query, record }) => [query, record])).toEqual([
      ['one', '{"ts":1,"k":"a","v":8}'],
      ['three', '{"ts":1,"k":"a","v":8}'],
    ])
    expect(run.ledger.queries.two?.total).toEqual(books({ read: 4, aggregated: 4 }))
  })
})

describe('the input and the output', () => {
  const input = [{ ts: 3 }, { ts: 9 }, { ts: 10 }, { ts: 1 }, 'x']

  it('give the same bytes whichever way the input comes', async () => {
    const query = aQuery()
    const file = await replay({ query, input })
    const gzip = gzipSync(bytesOf(input))
    const others = await Promise.all([
      replay({ query, input, through: 'stdin' }),
      replay({ query, input: gzip }),
      replay({ query, input: gzip, through: 'stdin' }),
      // Two files put one after the other are one: that is how gzip members add up.
      replay({
        query,
        input: Buffer.concat([gzipSync(bytesOf(input.slice(0, 2))), gzipSync(bytesOf(input.slice(2)))]),
      }),
      replay({ query, input: bytesOf(input).slice(0, -1) }),
      replay({ query, input: Buffer.from(Buffer.from(bytesOf(input)).toString().replaceAll('\n', '\r\n')) }),
      replay({ query, input: Buffer.from(`\ufeff${Buffer.from(bytesOf(input))}`) }),
    ])
    expect(told(file)).toEqual(['q/-/0-10 on-time 0 final {"n":2}', 'q/-/10-20 on-time 0 final {"n":1}'])
    for (const other of others) {
      const { stdout, ledger, late, rejected } = other
      expect({ stdout, ledger, late, rejected }).toEqual({
        stdout: file.stdout,
        ledger: file.ledger,
        late: file.late,
        rejected: file.rejected,
      })
    }
  })

  it('write panes to a file with --output, and nothing to standard output then', async () => {
    await inFolder(async (folder) => {
      await writeFile(join(folder, 'q.json'), JSON.stringify(aQuery()))
      await writeFile(join(folder, 'in.ndjson'), bytesOf(input))
      const there = await millrace(['replay', '--query', 'q.json', '--input', 'in.ndjson', '--output', '-'], { folder })
      const run = await millrace(['replay', '--query', 'q.json', '--input', 'in.ndjson', '--output', 'out.ndjson'], {
        folder,
      })
      expect(run).toMatchObject({ code: 0, stdout: '' })
      expect(await readFile(join(folder, 'out.ndjson'), 'utf8')).toBe(there.stdout)
      expect(there.stdout.split('\n')).toHaveLength(3)
    })
  })

  it('replace what stood in a file', async () => {
    await inFolder(async (folder) => {
      await writeFile(join(folder, 'q.json'), JSON.stringify(aQuery()))
      await writeFile(join(folder, 'in.ndjson'), '{"ts":1}\n')
      await writeFile(join(folder, 'out.ndjson'), 'x'.repeat(10_000))
      await writeFile(join(folder, 'late.ndjson'), 'old\n')
      const args = [
        'replay',
        '--query',
        'q.json',
        '--input',
        'in.ndjson',
        '--output',
        'out.ndjson',
        '--late',
        'late.ndjson',
      ]
      expect(await millrace(args, { folder })).toMatchObject({ code: 0 })
      expect((await readFile(join(folder, 'out.ndjson'), 'utf8')).split('\n')).toHaveLength(2)
      expect(await readFile(join(folder, 'late.ndjson'), 'utf8')).toBe('')
    })
  })

  it('tell progress on standard error, in plain text when that is no terminal', async () => {
    const run = await replay({ query: aQuery(), input })
    expect(run.stderr).not.toBe('')
    expect(run.stderr).not.toContain('\u001b')
    expect(run.stderr).not.toContain('\r')
  })

  it('does not depend on the time zone of the machine', async () => {
    const query = aQuery({
      time: { field: 'ts', unit: 'iso', outOfOrderness: '0ms' },
      window: { type: 'tumbling', size: '1d' },
    })
    const day = [{ ts: '2024-03-31T00:30:00' }, { ts: '2024-03-31T23:30:00' }]
    const utc = await replay({ query, input: day, env: { TZ: 'UTC' } })
    const there = await replay({ query, input: day, env: { TZ: 'America/New_York' } })
    expect(told(utc)).toEqual(['q/-/1711843200000-1711929600000 on-time 0 final {"n":2}'])
    expect(there.stdout).toBe(utc.stdout)
  })

  it('ends quietly when the reader of the panes goes away', async () => {
    await inFolder(async (folder) => {
      await writeFile(join(folder, 'q.json'), JSON.stringify(aQuery()))
      await writeFile(join(folder, 'in.ndjson'), bytesOf(Array.from({ length: 50_000 }, (_, at) => ({ ts: at * 10 }))))
      const run = await millrace(['replay', '--query', 'q.json', '--input', 'in.ndjson'], { folder, hangsUp: true })
      expect(run.stderr).not.toMatch(/Error|EPIPE|\bat .*:\d+/)
    })
  })
})
