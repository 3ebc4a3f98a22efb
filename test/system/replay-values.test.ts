// What `millrace replay` makes of fields: `where` and its operators, the value of every aggregate, event times and their units.
// Each table is one run of the program with a query or a key for each row.
import { beforeAll, describe, expect, it } from 'vitest'
import { aQuery, books, type Pane, type Query, type Replayed, replay } from './millrace.ts'

describe('where', () => {
  // Each record is named by its `id`; a row says which of them a condition lets through.
  const records = [
    { id: 'five', v: 5 },
    { id: 'seven', v: 7 },
    { id: 'text5', v: '5' },
    { id: 'apple', v: 'apple' },
    { id: 'apricot', v: 'apricot' },
    { id: 'empty', v: '' },
    { id: 'true', v: true },
    { id: 'false', v: false },
    { id: 'null', v: null },
    { id: 'missing' },
    { id: 'object', v: { w: 5 } },
    { id: 'array', v: [5] },
  ]
  const all = records.map(({ id }) => id)
  const except = (...ids: string[]) => all.filter((id) => !ids.includes(id))

  const rows: [string, unknown, string[]][] = [
    ['equality with a number', { v: 5 }, ['five']],
    ['equality with text', { v: '5' }, ['text5']],
    ['equality with empty text', { v: '' }, ['empty']],
    ['equality with true', { v: true }, ['true']],
    ['equality with false', { v: false }, ['false']],
    ['equality with null: null or missing', { v: null }, ['null', 'missing']],
    ['ne: the negation of equality, true for another type and for a missing field', { v: { ne: 5 } }, except('five')],
    ['ne with text', { v: { ne: 'apple' } }, except('apple')],
    ['ne null: neither null nor missing', { v: { ne: null } }, except('null', 'missing')],
    ['lt', { v: { lt: 7 } }, ['five']],
    ['lte', { v: { lte: 7 } }, ['five', 'seven']],
    ['gt', { v: { gt: 5 } }, ['seven']],
    ['gte', { v: { gte: 5 } }, ['five', 'seven']],
    ['gt below all numbers: other types stay out', { v: { gt: -1 } }, ['five', 'seven']],
    ['lt above all numbers: other types stay out', { v: { lt: 1e9 } }, ['five', 'seven']],
    ['lt with text', { v: { lt: 'apricot' } }, ['text5', 'apple', 'empty']],
    ['gte with text', { v: { gte: 'apple' } }, ['apple', 'apricot']],
    ['in', { v: { in: [5, 'apple', true] } }, ['five', 'apple', 'true']],
    ['in with null', { v: { in: [null, 7] } }, ['seven', 'null', 'missing']],
    ['exists: present and not null', { v: { exists: true } }, except('null', 'missing')],
    ['exists false: null or missing', { v: { exists: false } }, ['null', 'missing']],
    ['prefix', { v: { prefix: 'ap' } }, ['apple', 'apricot']],
    ['prefix of the whole text', { v: { prefix: 'apple' } }, ['apple']],
    ['prefix with a digit: text only', { v: { prefix: '5' } }, ['text5']],
    ['empty prefix: all text, nothing else', { v: { prefix: '' } }, ['text5', 'apple', 'apricot', 'empty']],
    ['several operators on a field: all of them', { v: { gt: 4, lt: 7 } }, ['five']],
    ['several fields: all of them', { v: { gte: 5 }, id: { ne: 'five' } }, ['seven']],
    ['a path', { 'v.w': 5 }, ['object']],
    ['a path, missing elsewhere', { 'v.w': { ne: 5 } }, except('object')],
    ['and', { and: [{ v: { gt: 4 } }, { v: { lt: 7 } }] }, ['five']],
    ['or', { or: [{ v: 5 }, { v: 'apple' }] }, ['five', 'apple']],
    ['not: none of them holds', { not: [{ v: 5 }, { v: 'apple' }] }, except('five', 'apple')],
    ['not around a comparison: true for other types', { not: [{ v: { gt: 5 } }] }, except('seven')],
    ['not beside a field', { v: { gt: 4 }, not: [{ v: 5 }] }, ['seven']],
    [
      'lists in lists',
      {
        or: [
          { and: [{ v: { prefix: 'a' } }, { not: [{ v: 'apple' }] }] },
          { not: [{ or: [{ v: { exists: true } }, { v: 5 }] }] },
        ],
      },
      ['apricot', 'null', 'missing'],
    ],
    ['unknown field', { w: 5 }, []],
    ['unknown field with ne', { w: { ne: 5 } }, all],
  ]

  let run: Replayed
  beforeAll(async () => {
    run = await replay({
      query: rows.map(([, where], row) => aQuery({ name: `row-${row}`, where, keyBy: ['id'] })),
      input: records.map((record) => ({ ts: 0, ...record })),
    })
  })

  it.each(rows.map(([name, , expected], row) => [name, expected, row] as const))('%s', (_, expected, row) => {
    const passed = run.panes.filter(({ query }) => query === `row-${row}`).map(({ key }) => key.id)
    expect(passed.toSorted()).toEqual(expected.toSorted())
    expect(run.ledger.queries[`row-${row}`]?.total).toEqual(
      books({ read: all.length, aggregated: expected.length, filtered: all.length - expected.length }),
    )
  })

  it('finds no field in a record that is no object', async () => {
    const scalars = ['5', '"text"', 'null', 'true', '[]', '[{"v":5}]']
    const filtered = await replay({ query: aQuery({ where: { v: 5 } }), input: scalars })
    expect(filtered.ledger.queries.q?.total).toEqual(books({ read: 6, filtered: 6 }))

    const rejected = await replay({ query: aQuery({ where: { v: { ne: 5 } } }), input: scalars })
    expect(rejected.rejected.map(({ reason }) => reason)).toEqual(scalars.map(() => 'invalid-time'))
  })
})

describe('aggregates', () => {
  const fns: Record<string, Query> = {
    count: { fn: 'count' },
    countV: { fn: 'count', field: 'v' },
    sum: { fn: 'sum', field: 'v' },
    min: { fn: 'min', field: 'v' },
    max: { fn: 'max', field: 'v' },
    avg: { fn: 'avg', field: 'v' },
    stddev: { fn: 'stddev', field: 'v' },
    stddevPop: { fn: 'stddevPop', field: 'v' },
    first: { fn: 'first', field: 'v' },
    last: { fn: 'last', field: 'v' },
    distinct: { fn: 'distinct', field: 'v' },
    lowest: { fn: 'quantile', field: 'v', q: 0 },
    median: { fn: 'quantile', field: 'v', q: 0.5 },
    highest: { fn: 'quantile', field: 'v', q: 1 },
    top: { fn: 'topK', field: 'v', k: 2 },
    histogram: { fn: 'histogram', field: 'v', bounds: [10, 20] },
  }

  // A key each; the texts are what stands after `"v":`, and '' is a record without the field.
  const cases: Record<string, string[]> = {
    none: ['', ''],
    nulls: ['null', 'null'],
    one: ['4'],
    eight: ['2', '4', '4', '4', '5', '5', '7', '9'],
    negative: ['-3', '-1', '-2'],
    mixed: ['1', '"1"', 'true', 'null', '', '1', '{"w":1}', '[1]', '3'],
    fractions: Array.from({ length: 10 }, () => '0.1'),
    cancelling: ['1', '1e100', '1', '-1e100'],
    buckets: ['9', '11', '15', '21', '30', '40'],
    bounds: ['10', '20'],
    far: ['1000000004', '1000000007', '1000000013', '1000000016'],
    tops: ['5', '3', '5', '2', '3', '7'],
    zero: ['0', '-0', '0.0'],
    exact: ['0.1', '1000.7', '123456.789'],
    texts: ['"b"', '"a"', '"b"', '"c"', '"a"'],
  }

  let values: Record<string, Record<string, unknown>>
  beforeAll(async () => {
    const run = await replay({
      query: aQuery({ keyBy: ['case'], aggregates: fns }),
      input: Object.entries(cases).flatMap(([name, texts]) =>
        texts.map((text) => `{"ts":0,"case":"${name}"${text === '' ? '' : `,"v":${text}`}}`),
      ),
    })
    values = Object.fromEntries(run.panes.map((pane: Pane) => [pane.key.case as string, pane.values]))
  })

  it.each(['none', 'nulls'])('over %s: count 2, distinct and count of the field 0, all others null', (name) => {
    const nothing = Object.fromEntries(Object.keys(fns).map((fn) => [fn, null]))
    expect(values[name]).toEqual({ ...nothing, count: 2, countV: 0, distinct: 0 })
  })

  it('over one value', () => {
    expect(values.one).toEqual({
      count: 1,
      countV: 1,
      sum: 4,
      min: 4,
      max: 4,
      avg: 4,
      stddev: null,
      stddevPop: 0,
      first: 4,
      last: 4,
      distinct: 1,
      lowest: 4,
      median: 4,
      highest: 4,
      top: [{ value: 4, count: 1, error: 0 }],
      histogram: [1, 0, 0],
    })
  })

  it('over 2 4 4 4 5 5 7 9', () => {
    const { stddev, median, ...exact } = values.eight!
    expect(exact).toEqual({
      count: 8,
      countV: 8,
      sum: 40,
      min: 2,
      max: 9,
      avg: 5,
      stddevPop: 2,
      first: 2,
      last: 9,
      distinct: 5,
      lowest: 2,
      highest: 9,
      top: [
        { value: 4, count: 3, error: 0 },
        { value: 5, count: 2, error: 0 },
      ],
      histogram: [8, 0, 0],
    })
    // The sample's: the root of 32 / 7.
    expect(stddev).toBeCloseTo(2.138089935299395, 12)
    expect(median).toBeGreaterThan(3.9)
    expect(median).toBeLessThan(5.1)
  })

  it('over negative values', () => {
    expect(values.negative).toMatchObject({ sum: -6, min: -3, max: -1, avg: -2, stddev: 1, lowest: -3, highest: -1 })
    expect(values.negative?.median).toBeCloseTo(-2, 1)
  })

  it('skip what is missing, null or of another type, each by itself', () => {
    expect(values.mixed).toMatchObject({
      count: 9,
      countV: 7,
      sum: 5,
      min: 1,
      max: 3,
      lowest: 1,
      highest: 3,
      histogram: [3, 0, 0],
    })
    expect(values.mixed?.avg).toBeCloseTo(5 / 3, 12)
    expect(values.mixed?.stddevPop).toBeCloseTo(Math.sqrt(8 / 9), 12)
  })

  it('sum without an error that grows', () => {
    expect(values.fractions).toMatchObject({ sum: 1, avg: 0.1 })
    expect(values.cancelling).toMatchObject({ sum: 2, avg: 0.5 })
  })

  it('keep 1 and "1" and true apart in distinct and topK', async () => {
    const run = await replay({
      query: aQuery({ aggregates: { d: { fn: 'distinct', field: 'v' }, t: { fn: 'topK', field: 'v', k: 3 } } }),
      input: ['1', '"1"', 'true', '"true"', '1.0', '"1"', '1', 'null', '1e0'].map((v) => `{"ts":0,"v":${v}}`),
    })
    expect(run.panes[0]?.values.d).toBe(4)
    expect((run.panes[0]!.values.t as unknown[]).slice(0, 2)).toEqual([
      { value: 1, count: 4, error: 0 },
      { value: '1', count: 2, error: 0 },
    ])
  })

  it('count 0 and -0 as one value, and write neither as -0', () => {
    expect(values.zero).toMatchObject({ sum: 0, distinct: 1, top: [{ value: 0, count: 3, error: 0 }] })
  })

  it('give the exact ends for quantile 0 and 1', () => {
    expect(values.exact).toMatchObject({ lowest: 0.1, highest: 123456.789 })
  })

  it('order topK by count, then by value', () => {
    expect(values.tops?.top).toEqual([
      { value: 3, count: 2, error: 0 },
      { value: 5, count: 2, error: 0 },
    ])
    expect(values.texts?.top).toEqual([
      { value: 'a', count: 2, error: 0 },
      { value: 'b', count: 2, error: 0 },
    ])
    expect(JSON.stringify(values.tops?.top)).toMatch(/^\[\{"value":3,"count":2,"error":0\},/)
  })

  it('give one count more than bounds for histogram', () => {
    expect(values.buckets?.histogram).toEqual([1, 2, 3])
    // A bound begins a bucket, as the start of a window is within it.
    expect(values.bounds?.histogram).toEqual([0, 1, 1])
  })

  it('measure deviation as well far from 0', () => {
    expect(values.far?.stddev).toBeCloseTo(Math.sqrt(30), 9)
    expect(values.far?.stddevPop).toBeCloseTo(Math.sqrt(22.5), 9)
  })

  it('take first and last by event time, and among equal times by position', async () => {
    const aggregates = { first: { fn: 'first', field: 'v' }, last: { fn: 'last', field: 'v' } }
    const run = await replay({
      query: aQuery({ time: { field: 'ts', unit: 'ms', outOfOrderness: '10ms' }, aggregates }),
      input: [
        { ts: 5, v: 'a' },
        { ts: 2, v: 'b' },
        { ts: 2, v: 'c' },
        { ts: 8, v: 'd' },
        { ts: 8, v: 'e' },
        { ts: 4, v: 'f' },
        { ts: 0 },
        { ts: 9, v: null },
      ],
    })
    expect(run.panes.map((pane) => pane.values)).toEqual([{ first: 'b', last: 'e' }])
  })

  it('take numbers and booleans for first and last too', async () => {
    const aggregates = { first: { fn: 'first', field: 'v' }, last: { fn: 'last', field: 'v' } }
    const run = await replay({
      query: aQuery({ aggregates }),
      input: [
        { ts: 5, v: 7 },
        { ts: 6, v: false },
      ],
    })
    expect(run.panes.map((pane) => pane.values)).toEqual([{ first: 7, last: false }])
  })

  it('estimate quantiles and distinct values of many records well', async () => {
    const n = 20_000
    const run = await replay({
      query: aQuery({
        window: { type: 'tumbling', size: '1h' },
        aggregates: {
          p05: { fn: 'quantile', field: 'v', q: 0.05 },
          p50: { fn: 'quantile', field: 'v', q: 0.5 },
          p99: { fn: 'quantile', field: 'v', q: 0.99 },
          users: { fn: 'distinct', field: 'user' },
          top: { fn: 'topK', field: 'hot', k: 1 },
          sum: { fn: 'sum', field: 'v' },
        },
      }),
      input: Array.from({ length: n }, (_, number) => ({
        ts: number,
        v: ((number * 7919) % n) + 1,
        user: `user-${number % 5000}`,
        hot: number % 3 === 0 ? 'hot' : `cold-${number}`,
      })),
    })
    const { p05, p50, p99, users, top, sum } = run.panes[0]!.values as Record<string, number>
    expect(sum).toBe((n * (n + 1)) / 2)
    expect(Math.abs(p05! / (0.05 * n) - 1)).toBeLessThan(0.03)
    expect(Math.abs(p50! / (0.5 * n) - 1)).toBeLessThan(0.03)
    expect(Math.abs(p99! / (0.99 * n) - 1)).toBeLessThan(0.03)
    expect(Math.abs(users! / 5000 - 1)).toBeLessThan(0.05)
    expect(top).toMatchObject([{ value: 'hot' }])
    const [hot] = top as unknown as [{ count: number; error: number }]
    expect(hot.count).toBeGreaterThanOrEqual(6667)
    expect(hot.count - hot.error).toBeLessThanOrEqual(6667)
  })
})

describe('event time', () => {
  // The window of 1 ms that a record falls in names its event time; undefined says that it is rejected.
  const rows: [string, string, number | undefined][] = [
    ['s', '1', 1000],
    ['s', '1.5', 1500],
    ['s', '1.0005', 1000],
    ['s', '1.0019', 1001],
    ['s', '1.001', 1001],
    ['s', '1.005', 1005],
    ['s', '1700000000.123', 1_700_000_000_123],
    ['s', '-1.5', -1500],
    ['s', '-0.0005', -1],
    ['s', '"1"', undefined],
    ['ms', '3', 3],
    ['ms', '3.9', 3],
    ['ms', '-0.1', -1],
    ['ms', '-1', -1],
    ['ms', '0', 0],
    ['ms', '-0', 0],
    ['ms', '1e3', 1000],
    ['ms', '"3"', undefined],
    ['ms', '"1970-01-01T00:00:00Z"', undefined],
    ['ms', 'null', undefined],
    ['ms', 'true', undefined],
    ['ms', '{}', undefined],
    ['ms', '[3]', undefined],
    ['ms', '1e400', undefined],
    ['us', '3000', 3],
    ['us', '3999', 3],
    ['us', '3999.9', 3],
    ['us', '-1', -1],
    ['us', '-1000', -1],
    ['us', '-1001', -2],
    ['us', '1700000000123456', 1_700_000_000_123],
    ['us', '"3000"', undefined],
    ['ns', '3000000', 3],
    ['ns', '3999999', 3],
    ['ns', '-1', -1],
    ['ns', '1700000000123456789', 1_700_000_000_123],
    ['ns', '"3000000"', undefined],
    ['iso', '"1970-01-01T00:00:00.010Z"', 10],
    ['iso', '"1970-01-01T00:00:00.0109Z"', 10],
    ['iso', '"1970-01-01T00:00:00.010999999Z"', 10],
    ['iso', '"1970-01-01T00:00:00.1Z"', 100],
    ['iso', '"1970-01-01T00:00:01Z"', 1000],
    ['iso', '"1970-01-01T00:00:01"', 1000],
    ['iso', '"1970-01-01T00:00:01.5"', 1500],
    ['iso', '"1970-01-01T01:00:00+01:00"', 0],
    ['iso', '"1969-12-31T19:30:00-04:30"', 0],
    ['iso', '"1969-12-31T23:59:59.999Z"', -1],
    ['iso', '"1969-12-31T23:59:59.9999Z"', -1],
    ['iso', '"2024-02-29T12:00:00Z"', 1_709_208_000_000],
    ['iso', '"1970-01-02"', 86_400_000],
    ['iso', '"2023-02-29T12:00:00Z"', undefined],
    ['iso', '"2024-02-30T12:00:00Z"', undefined],
    ['iso', '"2024-13-01T12:00:00Z"', undefined],
    ['iso', '"2024-01-01T25:00:00Z"', undefined],
    ['iso', '"2024-01-01T12:60:00Z"', undefined],
    ['iso', '"Thu, 01 Jan 1970 00:00:00 GMT"', undefined],
    ['iso', '"1 January 1970"', undefined],
    ['iso', '"10"', undefined],
    ['iso', '10', undefined],
    ['iso', '""', undefined],
    ['iso', 'null', undefined],
  ]

  let run: Replayed
  beforeAll(async () => {
    const units = ['s', 'ms', 'us', 'ns', 'iso']
    run = await replay({
      query: units.map((unit) =>
        aQuery({
          name: unit,
          where: { unit },
          keyBy: ['row'],
          // Rows come in no order of time, and none may be late.
          time: { field: 'ts', unit, outOfOrderness: '100000d' },
          window: { type: 'tumbling', size: '1ms' },
        }),
      ),
      input: rows.map(([unit, text], row) => `{"unit":"${unit}","row":${row},"ts":${text}}`),
    })
  })

  it.each(rows.map(([unit, text, expected], row) => [unit, text, expected, row] as const))(
    'in %s: %s is %s',
    (unit, _, expected, row) => {
      const panes = run.panes.filter(({ key }) => key.row === row)
      expect(panes.map(({ query, window }) => [query, window.start])).toEqual(
        expected === undefined ? [] : [[unit, expected]],
      )
      const refused = run.rejected.filter(({ record }) => record?.includes(`"row":${row},`))
      expect(refused.map(({ reason }) => reason)).toEqual(expected === undefined ? ['invalid-time'] : [])
    },
  )

  it('is missing: rejected', async () => {
    const missing = await replay({ query: aQuery(), input: [{ other: 3 }] })
    expect(missing.rejected).toMatchObject([{ reason: 'invalid-time' }])
  })

  it('may be as far away as a number goes, which must not stop the program', async () => {
    const far = await replay({ query: aQuery(), input: ['{"ts":-1e300}', '{"ts":9e15}', '{"ts":1e300}'] })
    expect(far.ledger.queries.q?.total.read).toBe(3)
  })
})
