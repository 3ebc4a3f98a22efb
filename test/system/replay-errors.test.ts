// What `millrace replay` does with what it cannot use. A bad record is rejected with its reason and the run goes on; a bad
// file, flag, query or scenario line ends it, with a message that says where the fault is: 2 for bad usage, 1 for a failure.
import { chmod, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { aQuery, books, inFolder, type Line, millrace, type Replayed, type Run, replay, told } from './millrace.ts'

/** Runs `replay` with these flags beside files of these contents. */
function attempt(
  flags: readonly string[],
  files: Record<string, string | Uint8Array> = {},
  stdin?: Uint8Array,
): Promise<Run> {
  return inFolder(async (folder) => {
    const all = { 'q.json': JSON.stringify(aQuery()), 'in.ndjson': '{"ts":1}\n', ...files }
    for (const [name, contents] of Object.entries(all)) await writeFile(join(folder, name), contents)
    return millrace(['replay', ...flags], { folder, ...(stdin !== undefined && { stdin }) })
  })
}

/** A message for people: it names the program once and shows nothing of the inside. */
function expectMessage(run: Run, code: 1 | 2, ...parts: (string | RegExp)[]): void {
  expect(run.stderr).toMatch(/^millrace: /)
  expect(run.stderr).not.toMatch(/unexpected failure|\n {4}at |node:internal/)
  for (const part of parts) expect(run.stderr).toMatch(part)
  expect(run).toMatchObject({ code, stdout: '' })
}

const invalidJson = [
  '{"ts":1',
  '{"ts":1}}',
  '{"ts":1}{"ts":2}',
  '{"ts":1},',
  '{"ts":1,}',
  '{"ts":1 "a":2}',
  '{"ts":01}',
  '{"ts":+1}',
  '{"ts":.5}',
  '{"ts":1.}',
  '{"ts":1e}',
  '{"ts":0x1}',
  '{"ts":1,"a":NaN}',
  '{"ts":1,"a":Infinity}',
  '{"ts":1,"a":undefined}',
  '{"ts":1,"a":tru}',
  '{"ts":1,"a":nulll}',
  '{"ts":1,"a":True}',
  "{'ts':1}",
  '{ts:1}',
  '{"ts":1,"a":"\\x"}',
  '{"ts":1,"a":"\\u12g4"}',
  '{"ts":1,"a":"\\u12"}',
  '{"ts":1,"a":"tab\there"}',
  '{"ts":1,"a":"nul\u0000here"}',
  '{"ts":1,"a":"open}',
  '{"ts":1,"a":"open\\"}',
  '{"ts":1,"a":[1,]}',
  '{"ts":1,"a":[1 2]}',
  '{"ts":1,"a":[1}',
  '{"ts":1,"a":{"b"}}',
  '{"ts":1,"a":{"b":}}',
  '{"ts":1,"a":{b:1}}',
  '{"ts":1,:2}',
  '{"ts":1}\u00a0',
  '\u00a0{"ts":1}',
  '\ufeff{"ts":1}',
  '{"ts":1}// comment',
  '{"ts":1,/**/"a":2}',
  '{"ts":-}',
  'ts=1',
  '"open',
  '[1',
  '-',
]

describe('records that are not JSON', () => {
  let run: Replayed
  const good = [
    '{"ts":1}',
    ' \t{"ts" : 1 , "a" : [ ] }\t ',
    '{"ts":1,"a":"\\u0041\\n\\/ü"}',
    '{"ts":1E0,"a":-0.5e-7}',
    '{"ts":1,"":{}}',
  ]
  const input = [...good, ...invalidJson]
  beforeAll(async () => {
    // The first query reads a field that stands before the fault; the second reads nothing that can decide without it.
    const query = [aQuery(), aQuery({ name: 'filtering', where: { type: 'x' } })]
    run = await replay({ query, input })
  })

  it.each(invalidJson.map((line, number) => [line, number] as const))('are rejected: %j', (line, number) => {
    expect(() => JSON.parse(line)).toThrow()
    const [refused] = run.rejected.filter(
      ({ query, position }) => query === 'q' && position === String(good.length + number + 1),
    )
    expect(refused).toMatchObject({ reason: 'invalid-json', shard: 'input', record: line })
  })

  it('leave the others alone, and are rejected by every query, whatever its where', () => {
    expect(told(run)).toEqual([`q/-/0-10 on-time 0 final {"n":${good.length}}`])
    const rejected = invalidJson.length
    expect(run.ledger.queries.q?.total).toEqual(books({ read: input.length, aggregated: good.length, rejected }))
    expect(run.ledger.queries.filtering?.total).toEqual(books({ read: input.length, filtered: good.length, rejected }))
  })

  it('have the number of their line as position, blank lines counted', async () => {
    const blank = await replay({ query: aQuery(), input: '\n\nx\n\r\n{"ts":1}\ny' })
    expect(blank.rejected.map(({ position, record }) => [position, record])).toEqual([
      ['3', 'x'],
      ['6', 'y'],
    ])
  })
})

describe('records that are not UTF-8', () => {
  const record = (...inner: number[]) =>
    Buffer.concat([Buffer.from('{"ts":1,"a":"'), Buffer.from(inner), Buffer.from('"}')])
  const broken: Record<string, Buffer> = {
    'a byte that never occurs': record(0xff),
    'a lone continuation byte': record(0x80),
    'a cut sequence': record(0xe2, 0x82),
    'an overlong sequence': record(0xc0, 0xaf),
    'half of a surrogate pair': record(0xed, 0xa0, 0x80),
    'beyond U+10FFFF': record(0xf4, 0x90, 0x80, 0x80),
    'Latin-1': record(0xfc),
  }
  let run: Replayed
  beforeAll(async () => {
    const lines = [record(0xc3, 0xbc), ...Object.values(broken), record(0xf0, 0x9f, 0x98, 0x80)]
    run = await replay({
      query: aQuery(),
      input: Buffer.concat(lines.map((line) => Buffer.concat([line, Buffer.from('\n')]))),
    })
  })

  it.each(Object.keys(broken).map((name, number) => [name, number] as const))(
    'are rejected with their bytes: %s',
    (name, number) => {
      expect(run.rejected[number]).toEqual({
        query: 'q',
        shard: 'input',
        position: String(number + 2),
        reason: 'invalid-utf8',
        detail: expect.any(String),
        recordBase64: broken[name]?.toString('base64'),
      })
    },
  )

  it('leave the others alone', () => {
    expect(told(run)).toEqual(['q/-/0-10 on-time 0 final {"n":2}'])
    expect(Object.keys(run.rejected[0] ?? {})).toEqual([
      'query',
      'shard',
      'position',
      'reason',
      'detail',
      'recordBase64',
    ])
  })
})

describe('records without a time or a key', () => {
  const times: Line[] = [
    { k: 'a' },
    { ts: null, k: 'a' },
    { ts: '1', k: 'a' },
    { ts: true, k: 'a' },
    { ts: [1], k: 'a' },
    { ts: { ms: 1 }, k: 'a' },
  ]
  const keys: Line[] = [{ ts: 1 }, { ts: 1, k: null }, { ts: 1, k: {} }, { ts: 1, k: [] }, { ts: 1, k: ['a'] }]

  it('are rejected, each with its reason', async () => {
    const run = await replay({ query: aQuery({ keyBy: ['k'] }), input: [...times, ...keys, { ts: 1, k: 'a' }] })
    expect(run.rejected.map(({ reason, record }) => [reason, record])).toEqual([
      ...times.map((line) => ['invalid-time', JSON.stringify(line)]),
      ...keys.map((line) => ['invalid-key', JSON.stringify(line)]),
    ])
    expect(Object.keys(run.rejected[0] ?? {})).toEqual(['query', 'shard', 'position', 'reason', 'detail', 'record'])
    expect(told(run)).toEqual(['q/k=a/0-10 on-time 0 final {"n":1}'])
    expect(run.code).toBe(0)
  })

  it('need each of several keys', async () => {
    const run = await replay({
      query: aQuery({ keyBy: ['a', 'b.c'] }),
      input: [
        { ts: 1, a: 'x', b: { c: 'y' } },
        { ts: 1, a: 'x', b: 'y' },
        { ts: 1, b: { c: 'y' } },
      ],
    })
    expect(run.rejected.map(({ reason, position }) => [reason, position])).toEqual([
      ['invalid-key', '2'],
      ['invalid-key', '3'],
    ])
  })

  it('name the field that is at fault', async () => {
    const run = await replay({ query: aQuery({ keyBy: ['data.page'] }), input: [{ data: { page: 'a' } }, { ts: 1 }] })
    expect(run.rejected.map(({ detail }) => detail)).toEqual([
      expect.stringContaining("'ts'"),
      expect.stringContaining("'data.page'"),
    ])
  })

  it('are told on standard error as file:line, the first of them', async () => {
    const run = await replay({ query: aQuery(), input: [{ ts: 1 }, ...Array.from({ length: 500 }, () => 'x')] })
    expect(run.stderr).toContain('input.ndjson:2: invalid-json')
    expect(run.stderr.split('\n').length).toBeLessThan(30)
    expect(run.rejected).toHaveLength(500)
  })
})

describe('records beyond 10 MiB', () => {
  it('are rejected, with their beginning', async () => {
    const line = (length: number) => `{"ts":1,"a":"${'x'.repeat(length - 15)}"}`
    const most = 10 * 1024 * 1024
    const run = await replay({ query: aQuery(), input: [line(most), line(most + 1), { ts: 2 }, line(3 * most)] })
    expect(told(run)).toEqual(['q/-/0-10 on-time 0 final {"n":2}'])
    expect(run.ledger.queries.q?.total).toEqual(books({ read: 4, aggregated: 2, rejected: 2 }))
    expect(run.rejected.map(({ reason, position }) => [reason, position])).toEqual([
      ['too-large', '2'],
      ['too-large', '4'],
    ])
    expect(line(most + 1).startsWith(run.rejected[0]?.record ?? 'none')).toBe(true)
  })
})

describe('input files', () => {
  const flags = ['--query', 'q.json', '--input', 'in.ndjson', '--ledger', '-']

  it.each([
    ['empty', ''],
    ['of blank lines', '\n\r\n  \n'],
    ['of a byte order mark', '\ufeff'],
    ['gzipped and empty', gzipSync('')],
  ])('%s give no panes and no failure', async (_, contents) => {
    const run = await attempt(flags, { 'in.ndjson': contents })
    expect(run.code).toBe(0)
    expect(JSON.parse(run.stdout)).toEqual({ queries: { q: { lanes: { input: books({}) }, total: books({}) } } })
  })

  it('that end without a line feed, end lines with CRLF or begin with a byte order mark are fine', async () => {
    const run = await replay({ query: aQuery(), input: '\ufeff{"ts":1}\r\n\r\n{"ts":2}\r\n{"ts":3}' })
    expect(told(run)).toEqual(['q/-/0-10 on-time 0 final {"n":3}'])
    expect(run.rejected).toEqual([])
  })

  it('that do not exist are bad usage', async () => {
    expectMessage(await attempt(['--query', 'q.json', '--input', 'nowhere.ndjson']), 2, 'nowhere.ndjson')
  })

  it('that are folders are bad usage', async () => {
    expectMessage(await attempt(['--query', 'q.json', '--input', '.']), 2, /\bfolder\b/)
  })

  it.skipIf(process.getuid?.() === 0)('that may not be read are a failure', async () => {
    await inFolder(async (folder) => {
      await writeFile(join(folder, 'q.json'), JSON.stringify(aQuery()))
      await writeFile(join(folder, 'in.ndjson'), '')
      await chmod(join(folder, 'in.ndjson'), 0o000)
      expectMessage(await millrace(['replay', ...flags], { folder }), 1, 'in.ndjson')
    })
  })

  const gzip = gzipSync('{"ts":1}\n'.repeat(1000))
  const flipped = Buffer.from(gzip)
  flipped[flipped.length - 6]! ^= 1
  it.each([
    ['cut', gzip.subarray(0, -9)],
    ['cut after its magic number', gzip.subarray(0, 2)],
    ['with a wrong check sum', flipped],
    ['with something behind it', Buffer.concat([gzip, Buffer.from('{"ts":1}\n')])],
  ])('damaged gzip, %s, is a failure that says so', async (_, contents) => {
    const [file, stdin] = await Promise.all([
      attempt(['--query', 'q.json', '--input', 'in.ndjson', '--output', 'out.ndjson'], { 'in.ndjson': contents }),
      attempt(['--query', 'q.json', '--input', '-', '--output', 'out.ndjson'], {}, contents),
    ])
    expectMessage(file, 1, 'in.ndjson', /gzip/)
    expectMessage(stdin, 1, 'standard input', /gzip/)
  })
})

describe('flags', () => {
  const good = ['--query', 'q.json', '--input', 'in.ndjson']

  it.each<[string, string[], RegExp]>([
    ['none', [], /--(query|input)/],
    ['no --query', ['--input', 'in.ndjson'], /--query/],
    ['no --input', ['--query', 'q.json'], /--input/],
    ['--query without a file', ['--input', 'in.ndjson', '--query'], /--query/],
    ['an unknown flag', [...good, '--ledgr', 'x'], /--ledgr.*--ledger/s],
    ['an argument', [...good, 'more'], /more/],
  ])('%s: bad usage', async (_, flags, part) => {
    expectMessage(await attempt(flags), 2, part)
  })

  it('an unknown command: bad usage, with the nearest one', async () => {
    const run = await inFolder((folder) => millrace(['repaly'], { folder }))
    expectMessage(run, 2, /repaly/, /replay/)
  })

  it('--help is no fault and goes to standard output', async () => {
    const run = await attempt(['--help'])
    expect(run).toMatchObject({ code: 0, stderr: '' })
    for (const flag of ['query', 'input', 'output', 'ledger', 'late', 'rejected', 'scenario', 'drain']) {
      expect(run.stdout).toContain(`--${flag}`)
    }
  })

  it('an output in a folder that does not exist: bad usage', async () => {
    expectMessage(await attempt([...good, '--output', 'no/where.ndjson']), 2, 'no/where.ndjson')
    expectMessage(await attempt([...good, '--ledger', 'no/where.json']), 2, 'no/where.json')
  })

  it.each([
    ['--output', './in.ndjson'],
    ['--output', 'link'],
    ['--late', 'q.json'],
  ])('%s %s, which is read: bad usage, and the file stays as it was', async (flag, path) => {
    await inFolder(async (folder) => {
      await writeFile(join(folder, 'q.json'), JSON.stringify(aQuery()))
      await writeFile(join(folder, 'in.ndjson'), '{"ts":1}\n')
      await symlink('in.ndjson', join(folder, 'link'))
      expectMessage(await millrace(['replay', ...good, flag, path], { folder }), 2, /same file/)
      expect(await readFile(join(folder, 'in.ndjson'), 'utf8')).toBe('{"ts":1}\n')
      expect(JSON.parse(await readFile(join(folder, 'q.json'), 'utf8'))).toEqual(aQuery())
    })
  })

  it('one file for two outputs: bad usage, and no file appears', async () => {
    await inFolder(async (folder) => {
      await writeFile(join(folder, 'q.json'), JSON.stringify(aQuery()))
      await writeFile(join(folder, 'in.ndjson'), '{"ts":1}\n')
      const run = await millrace(['replay', ...good, '--late', 'bad', '--rejected', './bad'], { folder })
      expectMessage(run, 2, '--late', '--rejected', /same file/)
      expect((await readdir(folder)).toSorted()).toEqual(['in.ndjson', 'q.json'])
    })
  })
})

describe('queries', () => {
  const good = aQuery()
  const withWindow = (window: unknown) => aQuery({ window })
  const withTime = (time: object) => aQuery({ time: { field: 'ts', unit: 'ms', ...time } })
  const withValue = (n: unknown) => aQuery({ aggregates: { n } })
  const withWhere = (where: unknown) => aQuery({ where })
  const without = (name: string) => Object.fromEntries(Object.entries(good).filter(([each]) => each !== name))

  // A query, the path of its fault, and what else the message must name: the nearest valid name where there is one.
  it.each<[string, unknown, ...(string | RegExp)[]]>([
    ['no object', [], /object/],
    ['null', null, /object/],
    ['without name', without('name'), 'name'],
    ['without time', without('time'), 'time'],
    ['without window', without('window'), 'window'],
    ['without aggregates', without('aggregates'), 'aggregates'],
    ['no aggregate', aQuery({ aggregates: {} }), 'aggregates'],
    ['a name that is no text', aQuery({ name: 5 }), 'name'],
    ['an empty name', aQuery({ name: '' }), 'name'],
    ['an unknown property', aQuery({ wehre: {} }), 'wehre', /'where'/],
    ['an unknown property, allowedLatenes', aQuery({ allowedLatenes: '1s' }), 'allowedLatenes', /'allowedLateness'/],
    ['an unknown window', withWindow({ type: 'tumblin', size: '1s' }), 'window.type', /'tumbling'/],
    ['a window without type', withWindow({ size: '1s' }), 'window.type', 'tumbling'],
    ['a window without size', withWindow({ type: 'tumbling' }), 'window.size'],
    [
      'an unknown property of a window',
      withWindow({ type: 'tumbling', size: '1s', ofset: '1ms' }),
      'window.ofset',
      /'offset'/,
    ],
    ['a property of another window', withWindow({ type: 'tumbling', size: '1s', every: '1s' }), 'window.every'],
    ['a window of nothing', withWindow({ type: 'tumbling', size: '0ms' }), 'window.size'],
    ['a window below nothing', withWindow({ type: 'tumbling', size: '-1s' }), 'window.size'],
    ['a size that is no duration', withWindow({ type: 'tumbling', size: '10 parsecs' }), 'window.size'],
    ['an offset as long as the window', withWindow({ type: 'tumbling', size: '1s', offset: '1s' }), 'window.offset'],
    [
      'an offset as long as the window, back',
      withWindow({ type: 'tumbling', size: '1s', offset: '-1s' }),
      'window.offset',
    ],
    ['a hopping window without every', withWindow({ type: 'hopping', size: '1s' }), 'window.every'],
    ['a hopping window every nothing', withWindow({ type: 'hopping', size: '1s', every: '0s' }), 'window.every'],
    ['a cumulative window without step', withWindow({ type: 'cumulative', size: '1s' }), 'window.step'],
    ['a cumulative window that is no multiple', withWindow({ type: 'cumulative', size: '10s', step: '3s' }), 'window'],
    ['a session without gap', withWindow({ type: 'session' }), 'window.gap'],
    ['a session without a gap above 0', withWindow({ type: 'session', gap: '0s' }), 'window.gap'],
    ['a count window of nothing', withWindow({ type: 'count', size: 0 }), 'window.size'],
    ['a count window of text', withWindow({ type: 'count', size: '3' }), 'window.size'],
    ['a count window of 1.5', withWindow({ type: 'count', size: 1.5 }), 'window.size'],
    ['an unknown time unit', withTime({ unit: 'mss' }), 'time.unit', /\bms\b/],
    ['no time field', aQuery({ time: { unit: 'ms' } }), 'time.field'],
    ['no time unit', aQuery({ time: { field: 'ts' } }), 'time.unit'],
    ['an unknown property of time', withTime({ outOfOrdernes: '1s' }), 'time.outOfOrdernes', /'outOfOrderness'/],
    ['an out-of-orderness below nothing', withTime({ outOfOrderness: '-1s' }), 'time.outOfOrderness'],
    ['an unknown origin of time', aQuery({ time: { from: 'arival' } }), 'time.from', 'arrival'],
    ['allowed lateness that is no duration', aQuery({ allowedLateness: 'long' }), 'allowedLateness'],
    ['keyBy as text', aQuery({ keyBy: 'k' }), 'keyBy'],
    ['a key twice', aQuery({ keyBy: ['k', 'k'] }), 'keyBy'],
    ['an unknown aggregate', withValue({ fn: 'cuont' }), 'aggregates.n.fn', /'count'/],
    ['an aggregate without fn', withValue({}), 'aggregates.n.fn', 'count'],
    [
      'an unknown property of an aggregate',
      withValue({ fn: 'sum', field: 'v', feild: 'v' }),
      'aggregates.n.feild',
      /'field'/,
    ],
    ['sum without field', withValue({ fn: 'sum' }), 'aggregates.n.field'],
    ['quantile without q', withValue({ fn: 'quantile', field: 'v' }), 'aggregates.n.q'],
    ['quantile above 1', withValue({ fn: 'quantile', field: 'v', q: 1.1 }), 'aggregates.n.q'],
    ['topK without k', withValue({ fn: 'topK', field: 'v' }), 'aggregates.n.k'],
    ['topK of 0', withValue({ fn: 'topK', field: 'v', k: 0 }), 'aggregates.n.k'],
    ['histogram without bounds', withValue({ fn: 'histogram', field: 'v' }), 'aggregates.n.bounds'],
    [
      'histogram with bounds out of order',
      withValue({ fn: 'histogram', field: 'v', bounds: [2, 1] }),
      'aggregates.n.bounds',
    ],
    ['an unknown comparison', withWhere({ v: { gtt: 1 } }), 'where.v.gtt', /'gt'/],
    [
      'an unknown comparison deep inside',
      withWhere({ or: [{ v: 1 }, { not: [{ w: { prefx: 'a' } }] }] }),
      'where.or[1].not[0].w.prefx',
      /'prefix'/,
    ],
    ['in without a list', withWhere({ v: { in: 5 } }), 'where.v.in'],
    ['exists with a number', withWhere({ v: { exists: 1 } }), 'where.v.exists'],
    ['prefix with a number', withWhere({ v: { prefix: 1 } }), 'where.v.prefix'],
    ['not without a list', withWhere({ not: { v: 5 } }), 'where.not'],
    ['no comparison', withWhere({ v: {} }), 'where.v'],
  ])('with a fault are bad usage, with its path: %s', async (_, query, ...parts) => {
    const run = await attempt(['--query', 'q.json', '--input', 'in.ndjson'], { 'q.json': JSON.stringify(query) })
    expectMessage(run, 2, 'q.json', ...parts)
    expect(run.stderr).not.toContain('undefined')
  })

  it('tell all their faults at once', async () => {
    const query = aQuery({
      nam: 'x',
      window: { type: 'tumbling', size: 'x' },
      aggregates: { a: { fn: 'smu', field: 'v' } },
    })
    const run = await attempt(['--query', 'q.json', '--input', 'in.ndjson'], { 'q.json': JSON.stringify(query) })
    expectMessage(run, 2, 'nam', 'window.size', 'aggregates.a.fn', /'sum'/)
  })

  it('that are no JSON, or not there, are bad usage', async () => {
    const flags = ['--query', 'q.json', '--input', 'in.ndjson']
    expectMessage(await attempt(flags, { 'q.json': '{"name":' }), 2, 'q.json', /JSON/)
    expectMessage(await attempt(flags, { 'q.json': '' }), 2, 'q.json', /JSON/)
    expectMessage(await attempt(['--query', 'nowhere.json', '--input', 'in.ndjson']), 2, 'nowhere.json')
  })

  it('of one name are bad usage', async () => {
    const files = { 'a.json': JSON.stringify(aQuery()), 'b.json': JSON.stringify(aQuery({ keyBy: ['k'] })) }
    const run = await attempt(['--query', 'a.json', '--query', 'b.json', '--input', 'in.ndjson'], files)
    expectMessage(run, 2, 'name', /'q'/, 'a.json', 'b.json')
  })

  it('by arrival time are bad usage without --scenario', async () => {
    const query = JSON.stringify(aQuery({ time: { from: 'arrival' } }))
    expectMessage(
      await attempt(['--query', 'q.json', '--input', 'in.ndjson'], { 'q.json': query }),
      2,
      /arrival/,
      /scenario/,
    )
  })

  it('leave no output behind when they are at fault', async () => {
    await inFolder(async (folder) => {
      await writeFile(join(folder, 'q.json'), '{}')
      await writeFile(join(folder, 'in.ndjson'), '{"ts":1}\n')
      const flags = ['--query', 'q.json', '--input', 'in.ndjson', '--output', 'out.ndjson', '--ledger', 'ledger.json']
      expectMessage(await millrace(['replay', ...flags], { folder }), 2)
      expect((await readdir(folder)).toSorted()).toEqual(['in.ndjson', 'q.json'])
    })
  })

  it('may say how they are published, which replay leaves to others, and when early panes come', async () => {
    const publish = { firehose: true, metrics: { dimensions: ['page'], top: 50 } }
    const query = aQuery({ keyBy: ['page'], publish, early: '10s' })
    const run = await replay({ query, input: [{ ts: 1, page: 'a' }] })
    expect(told(run)).toEqual(['q/page=a/0-10 on-time 0 final {"n":1}'])
  })
})

describe('scenario lines', () => {
  const flags = ['--query', 'q.json', '--input', 'in.ndjson', '--scenario']
  const first = '{"at":0,"shard":"s1","data":{"ts":1}}\n'

  it.each<[string, string, ...(string | RegExp)[]]>([
    ['no JSON', '{"at":0', /JSON/],
    ['two values', '{"at":0}{"at":1}', /JSON/],
    ['no object', '[]', /object/],
    ['a plain record', '{"ts":1}', /\bat\b/],
    ['no at', '{"shard":"s1","data":{}}', /\bat\b/],
    ['at as text', '{"at":"0","shard":"s1","data":{}}', /\bat\b/],
    ['data without shard', '{"at":0,"data":{}}', /\bshard\b/],
    ['shard alone', '{"at":0,"shard":"s1"}', /\bdata\b/],
    ['shard as a number', '{"at":0,"shard":1,"data":{}}', /\bshard\b/],
    ['data and raw', '{"at":0,"shard":"s1","data":{},"raw":"{}"}', /\bdata\b/, /\braw\b/],
    ['data and end', '{"at":0,"shard":"s1","data":{},"end":true}', /\bdata\b/, /\bend\b/],
    ['raw as a number', '{"at":0,"shard":"s1","raw":5}', /\braw\b/],
    ['b64 that is no base64', '{"at":0,"shard":"s1","b64":"*"}', /\bb64\b/],
    ['empty as false', '{"at":0,"shard":"s1","empty":false}', /\bempty\b/],
    ['behind below 0', '{"at":0,"shard":"s1","empty":true,"behind":-1}', /\bbehind\b/],
    ['children as text', '{"at":0,"shard":"s1","end":true,"children":"s2"}', /\bchildren\b/],
    ['a shard as text', '{"at":0,"shards":["s1"]}', /\bshards\b/],
    ['a shard without id', '{"at":0,"shards":[{"parents":[]}]}', /\bid\b/],
    ['an unknown property', '{"at":0,"shard":"s1","data":{},"shrad":"s1"}', /'shard'/],
    ['an unknown property of a shard', '{"at":0,"shards":[{"id":"s1","parent":["s0"]}]}', /'parents'/],
    ['a record after the end', '{"at":0,"shard":"s1","end":true}\n{"at":0,"shard":"s1","data":{}}', /\bended\b/],
    ['a shard that is its own parent', '{"at":0,"shards":[{"id":"s9","parents":["s9"]}]}', /\bparent/],
    [
      "shards that are each other's parents",
      '{"at":0,"shards":[{"id":"a","parents":["b"]},{"id":"b","parents":["a"]}]}',
      /\bparent/,
    ],
  ])('with a fault are bad usage, with file and line: %s', async (_, line, ...parts) => {
    const run = await attempt(flags, { 'in.ndjson': `${first}\n${line}\n` })
    const faulty = 2 + line.split('\n').length
    expectMessage(run, 2, `in.ndjson:${faulty}: `, ...parts)
  })

  it('name the nearest valid name for a misspelled one, and no valid one as unknown', async () => {
    const run = await attempt(flags, { 'in.ndjson': '{"at":0,"shard":"s1","dta":{"ts":1}}\n' })
    expectMessage(run, 2, 'in.ndjson:1: ', /'data'/)
    const both = await attempt(flags, { 'in.ndjson': '{"at":0,"shard":"s1","data":{},"raw":"x"}\n' })
    expect(both.stderr).not.toContain('data is no property')
  })

  it('from standard input are named so', async () => {
    const run = await attempt(['--query', 'q.json', '--input', '-', '--scenario'], {}, Buffer.from('{"at":0}\nx\n'))
    expectMessage(run, 2, 'standard input:2: ')
  })

  it('may end with CRLF, be blank, or come after a byte order mark, gzipped or not', async () => {
    const lines = '\ufeff{"at":0,"shard":"s1","data":{"ts":1}}\r\n\r\n\n{"at":0,"shard":"s1","data":{"ts":10}}'
    for (const input of [lines, gzipSync(lines)]) {
      const run = await replay({ query: aQuery(), input, flags: ['--scenario'] })
      expect(told(run)).toEqual(['q/-/0-10 on-time 0 final {"n":1}'])
    }
  })

  it('that are none leave empty books', async () => {
    const run = await replay({ query: aQuery(), input: '', flags: ['--scenario', '--drain'] })
    expect(run.panes).toEqual([])
    expect(run.ledger.queries.q?.total).toEqual(books({}))
  })
})
