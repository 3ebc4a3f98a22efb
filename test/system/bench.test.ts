// The benchmark judges others, so it is judged here: its workloads are the same bytes each time, what it expects of a query
// can be checked by hand, and an output that is wrong in any way is found.
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectedResults, type Result } from '../bench/expected.ts'
import { type Workload, writeWorkload } from '../bench/generate.ts'
import { queryNamed } from '../bench/queries.ts'
import { verify } from '../bench/verify.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('a workload', () => {
  it.each(['shop', 'nexmark'] as const)(
    'is the same for the same seed, and long ones begin like short ones: %s',
    async (workload) => {
      const short = await generated(workload, 100, 7)
      const long = await generated(workload, 200, 7)
      expect(short.trim().split('\n')).toHaveLength(100)
      expect(long.startsWith(short)).toBe(true)
      expect(await generated(workload, 100, 8)).not.toBe(short)
    },
  )

  it('of the shop has records of about 248 bytes that are less than 5 s out of order', async () => {
    const lines = (await generated('shop', 10_000, 1)).trim().split('\n')
    let newest = 0
    for (const line of lines) {
      const { ts } = JSON.parse(line) as { ts: number }
      expect(ts).toBeGreaterThan(newest - 5_000)
      newest = Math.max(newest, ts)
    }
    expect(lines.join('').length / lines.length).toBeCloseTo(248, -1)
  })

  it('of Nexmark has 46 bids, 3 auctions and 1 person in 50 events', async () => {
    const types = (await generated('nexmark', 500, 1))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).type)
    expect(['bid', 'auction', 'person'].map((type) => types.filter((one) => one === type).length)).toEqual([
      460, 30, 10,
    ])
  })
})

describe('what is expected', () => {
  it('of a tumbling window are the values of the events in it', async () => {
    const results = await expectedOf('Q2', [visit(0, 'a', 1), visit(59_999, 'a', 100, 'v'), visit(60_000, 'a', 9)])
    expect(results).toEqual([
      {
        key: 'a',
        windowStart: 0,
        windowEnd: 60_000,
        count: 2,
        sum: 101,
        min: 1,
        max: 100,
        avg: 50.5,
        p95: [0.99, 101],
        distinctUsers: 2,
      },
      expect.objectContaining({ windowStart: 60_000, count: 1, sum: 9 }),
    ])
  })

  it('of hopping windows is each event in all of its windows', async () => {
    const results = await expectedOf('Q4', [visit(60_000, 'a', 1)])
    expect(results.map(({ windowStart }) => windowStart)).toEqual([60_000, 50_000, 40_000, 30_000, 20_000, 10_000])
  })

  it('of sessions is one for events exactly a gap apart, and two beyond it', async () => {
    const results = await expectedOf('Q5', [visit(30_000, 'a', 1), visit(0, 'a', 1), visit(60_001, 'a', 1)])
    expect(results).toEqual([
      { key: 'u', windowStart: 0, windowEnd: 60_000, count: 2 },
      { key: 'u', windowStart: 60_001, windowEnd: 90_001, count: 1 },
    ])
  })

  it('of the hottest auctions is their order', async () => {
    const bids = [5, 3, 5, 4].map((auction) => ({ type: 'bid', auction, dateTime: 8_000 }))
    const [result] = await expectedOf('nexmark-q5-top', [...bids, { type: 'auction', dateTime: 8_000 }])
    expect(result!.hottest).toEqual([
      { value: 5, count: 2, error: 0 },
      { value: 3, count: 1, error: 0 },
      { value: 4, count: 1, error: 0 },
    ])
  })
})

describe('the check', () => {
  const right = { key: 'a', windowStart: 0, windowEnd: 60_000, count: 2, sum: 4, p95: 10, distinctUsers: 100 }
  const expected = { ...right, p95: [9, 11] }
  const columns = Object.fromEntries(
    ['count', 'sum', 'p95', 'distinctUsers'].map((name) => [name, queryNamed('Q2').columns[name]!]),
  )
  const faultsOf = async (output: readonly object[]) => {
    const [expectedFile, outputFile] = [join(folder, 'expected'), join(folder, 'output')]
    await writeFile(expectedFile, linesOf([expected]))
    await writeFile(outputFile, linesOf(output))
    return verify({ ...queryNamed('Q2'), columns }, expectedFile, outputFile)
  }
  const pane = {
    id: 'Q2/page=a/0-60000',
    key: { page: 'a' },
    window: { start: 0, end: 60_000 },
    pane: { index: 0, timing: 'on-time', final: true },
    values: { count: 2, sum: 4, p95: 10, distinctUsers: 100 },
  }

  it.each([
    ['a result', right],
    ['a pane of Millrace', pane],
    ['a sum that differs in the eighth digit', { ...right, sum: 4.000_000_1 }],
    ['a distinct count that is off by 3 %', { ...right, distinctUsers: 103 }],
  ])('accepts %s', async (_, output) => {
    expect(await faultsOf([output])).toEqual([])
  })

  it.each([
    ['a count', { ...right, count: 3 }, '1 wrong count'],
    ['a sum', { ...right, sum: 4.001 }, '1 wrong sum'],
    ['a missing value', { ...right, sum: undefined }, '1 wrong sum'],
    ['a percentile', { ...right, p95: 11.1 }, '1 wrong p95'],
    ['a distinct count', { ...right, distinctUsers: 107 }, '1 wrong distinctUsers'],
    ['many distinct counts beyond 3 %', { ...right, distinctUsers: 104 }, '1 distinct counts beyond 3 %'],
    ['a revision', { ...pane, pane: { ...pane.pane, index: 1 } }, '1 panes that are not the only one'],
  ])('finds %s', async (_, output, fault) => {
    expect(await faultsOf([output])).toEqual([expect.stringContaining(fault)])
  })

  it('finds windows that are missing, too many, or there twice', async () => {
    expect(await faultsOf([])).toEqual([expect.stringContaining('1 windows missing')])
    expect(await faultsOf([right, right])).toEqual([expect.stringContaining('1 windows twice')])
    expect(await faultsOf([right, { ...right, key: 'b' }])).toEqual([expect.stringContaining('1 windows too many')])
  })
})

describe('npm run bench', () => {
  it('measures Millrace, finds its output right and exits with 0', async () => {
    const { code, stdout } = await bench('--records', '2000', '--runs', '2', '--queries', 'Q1', '--json')
    const { rows } = JSON.parse(stdout) as {
      rows: { contestant: string; output: string; cpuMicrosPerRecord: number }[]
    }
    expect(rows.map(({ contestant, output }) => `${contestant} ${output}`)).toEqual([
      'floor unchecked',
      'millrace ok',
      'millrace-cli ok',
    ])
    for (const { cpuMicrosPerRecord } of rows) expect(cpuMicrosPerRecord).toBeGreaterThan(0)
    expect(code).toBe(0)
  })

  it('exits with 1 when a contestant is wrong', async () => {
    const wrong = join(folder, 'wrong.mjs')
    const usage = { records: 2_000, wallMs: 1, cpuMs: 1, peakRssMb: 1 }
    await writeFile(
      wrong,
      `import { writeFileSync } from 'node:fs'
       writeFileSync(process.argv[4], '')
       console.log('${JSON.stringify(usage)}')`,
    )
    const also = `wrong=${process.execPath} ${wrong}`
    const { code, stdout } = await bench(
      '--records',
      '2000',
      '--runs',
      '1',
      '--queries',
      'Q1',
      '--contestants',
      'floor',
      '--also',
      also,
    )
    expect(stdout).toMatch(/^Q1 wrong is wrong: \d+ windows missing/m)
    expect(code).toBe(1)
  })

  it('exits with 2 when it is asked for what it does not have', async () => {
    expect(await bench('--queries', 'Q9')).toMatchObject({ code: 2, stdout: '' })
  })
})

async function generated(workload: Workload, records: number, seed: number): Promise<string> {
  const output = join(folder, 'workload')
  await writeWorkload(workload, { records, seed, output })
  return readFile(output, 'utf8')
}

function visit(ts: number, page: string, value: number, userId = 'u'): object {
  return { ts, page, value, userId }
}

async function expectedOf(name: string, events: readonly object[]): Promise<Result[]> {
  const input = join(folder, 'input')
  await writeFile(input, linesOf(events))
  return [...expectedResults(queryNamed(name), input)]
}

function linesOf(objects: readonly object[]): string {
  return objects.map((object) => `${JSON.stringify(object)}\n`).join('')
}

async function bench(...args: string[]): Promise<{ code: number | null; stdout: string }> {
  const script = fileURLToPath(new URL('../bench/run.ts', import.meta.url))
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve))
  return { stdout: await text(child.stdout), code: await ended }
}
