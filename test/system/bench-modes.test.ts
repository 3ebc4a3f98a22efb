// The modes of the benchmark beside the comparison: each runs, small, finds what it measures right, and says so; and what
// they rest on can be checked by hand.
import { spawn } from 'node:child_process'
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { manyKeys, oneKey } from '../bench/key-events.ts'
import { LineArrivals } from '../bench/latency/line-arrivals.ts'
import { delaysOf } from '../bench/latency/pane-delays.ts'
import { WindowsPut } from '../bench/latency/windows-put.ts'
import { parseOptions } from '../bench/options.ts'
import { queryNamed } from '../bench/queries.ts'
import { median, percentile } from '../bench/samples.ts'
import { describeTarget } from '../bench/target.ts'
import { verify } from '../bench/verify.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('a mode', () => {
  it('--memory counts a pane for every key, with the windows open and to the end', async () => {
    const { code, stdout } = await bench('--memory', '--records', '3000', '--runs', '1', '--json')
    const { rows, failures } = JSON.parse(stdout)
    expect(failures).toEqual([])
    expect(rows).toMatchObject([
      { workload: 'one-key', keys: 1, panes: 1 },
      { workload: 'many-keys', keys: 3_000, panes: 3_000 },
    ])
    for (const { openPeakRssMb, peakRssMb } of rows) {
      expect(openPeakRssMb).toBeGreaterThan(0)
      expect(peakRssMb).toBeGreaterThanOrEqual(openPeakRssMb)
    }
    expect(code).toBe(0)
  })

  it('--together finds the answers of all ten queries right', async () => {
    const { code, stdout } = await bench('--together', '--records', '3000', '--runs', '2', '--json')
    const { ratios, lineups, failures } = JSON.parse(stdout)
    expect(failures).toEqual([])
    expect(lineups.map(({ queries }: { queries: string[] }) => queries.length)).toEqual([1, 10])
    expect(ratios).toHaveLength(2)
    expect(code).toBe(0)
  })

  it('--threads gets the same bytes from any number of threads', async () => {
    const { code, stdout } = await bench('--threads', '--records', '3000', '--runs', '1', '--json')
    const { samples, failures } = JSON.parse(stdout)
    expect(failures).toEqual([])
    expect(Object.keys(samples)).toHaveLength(6)
    for (const [{ panes }] of Object.values<[{ panes: number }]>(samples)) expect(panes).toBeGreaterThan(100)
    expect(code).toBe(0)
  })

  it('--latency sees all panes come that are due', async () => {
    const { code, stdout } = await bench('--latency', '--seconds', '2', '--json')
    const { panes, delayMs, service, failures } = JSON.parse(stdout)
    expect(failures).toEqual([])
    expect(panes).toBeGreaterThan(100)
    expect(delayMs.p50).toBeGreaterThan(0)
    expect(delayMs.max).toBeGreaterThanOrEqual(delayMs.p99)
    expect(service.cpuShare).toBeGreaterThan(0)
    expect(code).toBe(0)
  })

  it('--snapshots goes on from what it has saved as if it had not stopped', async () => {
    const { code, stdout } = await bench('--snapshots', '--panes', '500', '--runs', '2', '--json')
    const { rows, failures } = JSON.parse(stdout)
    expect(failures).toEqual([])
    expect(rows.map(({ workload }: { workload: string }) => workload)).toEqual([
      'tumbling',
      'sessions',
      'quantile',
      'sketches',
    ])
    for (const { stallMs, saveMs, restoreMs, recoveryMs, bytes } of rows) {
      expect([stallMs.length, saveMs.length, restoreMs.length, recoveryMs.length]).toEqual([2, 2, 2, 2])
      expect(bytes).toBeGreaterThan(1_000)
    }
    expect(code).toBe(0)
  })

  it.each([
    [['--memory', '--latency'], '--memory and --latency exclude each other'],
    [['--memory', '--queries', 'Q1'], '--queries has no meaning with --memory'],
    [['--latency', '--records', '5'], '--records has no meaning with --latency'],
    [['--latency', '--seconds', '0'], '--seconds must be a whole number from 1'],
    [['--panes', '5'], '--panes has no meaning without --snapshots'],
    [['--seconds', '5'], '--seconds has no meaning without --latency'],
  ])('is not to be had with %s', (args, message) => {
    expect(() => parseOptions(args)).toThrow(message)
  })

  it('exits with 2 on bad usage', async () => {
    expect(await bench('--memory', '--latency')).toMatchObject({ code: 2, stdout: '' })
  })

  it('is listed by --help', async () => {
    const { code, stdout } = await bench('--help')
    for (const mode of ['--memory', '--together', '--threads', '--latency', '--snapshots'])
      expect(stdout).toContain(`\n  ${mode} `)
    expect(code).toBe(0)
  })
})

describe('the records of open windows', () => {
  it('have a new key each, or all the same, in one day', () => {
    const [many, one] = [manyKeys, oneKey].map((events) => {
      const next = events(1)
      return Array.from({ length: 1_000 }, () => JSON.parse(next()) as { userId: string; ts: number })
    })
    expect(new Set(many!.map(({ userId }) => userId)).size).toBe(1_000)
    expect(new Set(one!.map(({ userId }) => userId))).toEqual(new Set(['u0000001']))
    expect(new Set(many!.map(({ ts }) => Math.floor(ts / 86_400_000))).size).toBe(1)
    expect(many!.at(-1)!.ts - many![0]!.ts).toBe(999)
  })
})

describe('the check of the most frequent values', () => {
  const counts = { a: 30, b: 20, c: 10, d: 9, e: 8, f: 7, g: 6, h: 5, i: 4, j: 3, k: 3, l: 1 }
  const top = Object.entries(counts)
    .slice(0, 10)
    .map(([value, count]) => ({ value, count, error: 0 }))
  const window = { key: '', windowStart: 0, windowEnd: 60_000 }
  const query = queryNamed('together-hot-pages')
  const faultsOf = async (hottest: unknown) => {
    const [expectedFile, outputFile] = [join(folder, 'expected'), join(folder, 'output')]
    await writeFile(expectedFile, JSON.stringify({ ...window, hottest: counts }))
    await writeFile(outputFile, JSON.stringify({ ...window, hottest }))
    return verify({ ...query, columns: { hottest: query.columns.hottest! } }, expectedFile, outputFile)
  }

  it.each([
    ['exact counts', top],
    ['a count that is too high by its error', top.with(9, { value: 'k', count: 5, error: 2 }).toSorted(byCount)],
    ['another one of two that come equally often', top.with(9, { value: 'k', count: 3, error: 0 })],
  ])('accepts %s', async (_, hottest) => {
    expect(await faultsOf(hottest)).toEqual([])
  })

  it.each([
    ['a count that is too low', top.with(0, { value: 'a', count: 29, error: 0 })],
    ['a count that is too high by more than its error', top.with(0, { value: 'a', count: 32, error: 1 })],
    ['one that is left out', [...top.toSpliced(1, 1), { value: 'k', count: 3, error: 0 }]],
    ['too few', top.slice(0, 9)],
    ['a wrong order', top.toReversed()],
    ['nothing', null],
  ])('finds %s', async (_, hottest) => {
    expect(await faultsOf(hottest)).toEqual([expect.stringContaining('1 wrong hottest')])
  })
})

describe('a window that was put', () => {
  const put = (shardId: string, eventTime: number, page = 'a') => ({ shardId, eventTime, page, value: 2 })

  it('may fire once the last shard has passed its end by the out-of-orderness', () => {
    const windows = new WindowsPut({ shards: 2, windowMs: 10, outOfOrdernessMs: 5 })
    windows.take([put('1', 3), put('1', 25)], 100)
    expect(windows.mayFireSince(10)).toBe(undefined)
    windows.take([put('2', 14, 'b')], 200)
    expect(windows.mayFireSince(10)).toBe(undefined)
    windows.take([put('2', 15, 'b')], 300)
    expect(windows.mayFireSince(10)).toBe(300)
    windows.take([put('2', 24)], 400)
    expect(windows.mayFireSince(10)).toBe(300)
    expect(windows.mayFireSince(20)).toBe(undefined)
    windows.take([put('2', 25)], 500)
    expect(windows.mayFireSince(20)).toBe(500)
    expect(windows).toMatchObject({ lastEnd: 20, panesDue: 2 })
    expect(windows.pane(20, 'b')).toEqual({ count: 2, sum: 4 })
  })

  it('is held against the panes that came', async () => {
    const windows = new WindowsPut({ shards: 1, windowMs: 10, outOfOrdernessMs: 0 })
    windows.take([put('1', 3), put('1', 4), put('1', 5, 'b'), put('1', 10)], 100)
    windows.take([put('1', 20)], 200)
    const pane = (page: string, end: number, count: number) =>
      `${JSON.stringify({ id: `${page} ${end}`, key: { page }, window: { end }, values: { count, sum: 2 * count } })}\n`
    const seen = async (lines: readonly string[], refused = '') => {
      const [panesFile, refusedFile] = [join(folder, 'panes'), join(folder, 'refused')]
      await writeFile(panesFile, lines.join(''))
      await writeFile(refusedFile, refused)
      const arrivedAt = Float64Array.from(lines, (_, line) => 250 + 10 * line)
      const { delaysMs, faults } = delaysOf({ panesFile, refusedFile, arrivedAt, windows, after: 10 })
      return { delaysMs: [...delaysMs], faults }
    }
    const right = [pane('a', 10, 2), pane('b', 10, 1), pane('a', 20, 1)]
    expect(await seen(right)).toEqual({ delaysMs: [70], faults: [] })
    expect((await seen(right.slice(1))).faults).toEqual(['3 panes are due, 2 came'])
    expect((await seen([...right, right[0]!])).faults).toEqual([expect.stringMatching(/^1 wrong panes.*twice/s)])
    expect((await seen(right.with(1, pane('b', 10, 2)))).faults[0]).toMatch(/^1 wrong panes/)
    expect((await seen([...right, pane('a', 30, 1)])).faults).toEqual([expect.stringMatching(/^1 wrong panes/)])
    expect((await seen(right, 'late\n')).faults).toEqual(['records were refused'])
  })
})

describe('figures', () => {
  it('are told by their median and percentiles', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([4, 1])).toBe(2.5)
    const hundred = Array.from({ length: 100 }, (_, i) => i + 1)
    expect([0.5, 0.99, 1].map((share) => percentile(hundred, share))).toEqual([50, 99, 100])
  })

  it('meet a target that is reached, unless they have to stay below it', () => {
    const target = { name: 'size', value: 2, most: 2, unit: ' m', digits: 0 }
    expect(describeTarget(target)).toBe('size: 2 m, target at most 2 m: met')
    expect(describeTarget({ ...target, isBelow: true })).toBe('size: 2 m, target below 2 m: MISSED')
    expect(describeTarget({ ...target, value: 2.1 })).toContain('MISSED')
  })

  it('of the arrival of lines are there for each line', async () => {
    const path = join(folder, 'lines')
    await writeFile(path, '')
    const arrivals = new LineArrivals(path)
    await appendFile(path, 'one\n')
    await arrivals.wait(1, 10_000)
    const between = performance.now()
    await appendFile(path, 'two\nthree\nhalf a li')
    await arrivals.wait(3, 10_000)
    arrivals.close()
    const times = arrivals.perLine()
    expect(times).toHaveLength(3)
    expect(times[0]).toBeLessThanOrEqual(between)
    expect(times[1]).toBeGreaterThanOrEqual(between)
  })
})

function byCount(a: { readonly count: number }, b: { readonly count: number }): number {
  return b.count - a.count
}

async function bench(...args: string[]): Promise<{ code: number | null; stdout: string }> {
  const script = fileURLToPath(new URL('../bench/run.ts', import.meta.url))
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve))
  return { stdout: await text(child.stdout), code: await ended }
}
