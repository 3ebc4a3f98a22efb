// Compares a contestant's output with what is expected: the same windows, none twice, and in each the same values:
//
//   equal      the same, as counts are
//   close      within 1e-6, relative
//   between    within bounds that are expected: those of a 95th percentile, see query.ts
//   distinct   a number of distinct values: within 3 % (or 1) in 99 of 100 windows, within 6 % (or 2) in all of them
//   top        the most frequent values: none that is left out came more often than the last, and each count is too high by
//              its error at most
//
// A contestant writes a line per window, `{"key","windowStart","windowEnd", …}`, in any order; Millrace writes its panes.
//
//   node test/bench/verify.ts QUERY EXPECTED OUTPUT        prints a JSON list of faults; exit 1 if there are any
import { isDeepStrictEqual } from 'node:util'
import type { Result } from './expected.ts'
import { forEachLine } from './lines.ts'
import { queryNamed } from './queries.ts'
import type { Column, Query } from './query.ts'

/** Faults of one kind are counted, and the first of them is told. */
class Faults {
  readonly #kinds = new Map<string, { count: number; readonly first: string }>()

  add(kind: string, example: string): void {
    const known = this.#kinds.get(kind)
    if (known === undefined) this.#kinds.set(kind, { count: 1, first: example })
    else known.count++
  }

  list(): string[] {
    return [...this.#kinds].map(([kind, { count, first }]) => `${count} ${kind}, first ${first}`)
  }
}

export function verify(query: Query, expectedFile: string, outputFile: string): string[] {
  const columns = Object.entries(query.columns)
  /** By id; undefined once it has been seen. */
  const windows = new Map<string, Result | undefined>()
  forEachLine(expectedFile, (line) => {
    const result = JSON.parse(line) as Result
    windows.set(idOf(result), result)
  })
  const faults = new Faults()
  const isFarOff = { count: 0, first: '' }
  forEachLine(outputFile, (line) => {
    const result = resultIn(line, faults)
    if (result === undefined) return
    const id = idOf(result)
    const expected = windows.get(id)
    if (expected === undefined) {
      faults.add(windows.has(id) ? 'windows twice' : 'windows too many', id)
      return
    }
    windows.set(id, undefined)
    for (const [name, { check }] of columns) {
      const is = result[name]
      const wanted = expected[name]
      if (!agrees(check, is, wanted)) {
        faults.add(`wrong ${name}`, `${id}: ${JSON.stringify(is)} rather than ${JSON.stringify(wanted)}`)
      } else if (check === 'distinct' && !isNear(is as number, wanted as number, 0.03, 1)) {
        isFarOff.count++
        isFarOff.first ||= `${id}: ${is} rather than ${wanted}`
      }
    }
  })
  for (const [id, expected] of windows) if (expected !== undefined) faults.add('windows missing', id)
  if (isFarOff.count > windows.size / 100) faults.add('distinct counts beyond 3 % in too many windows', isFarOff.first)
  return faults.list()
}

function agrees(check: Column['check'], is: unknown, wanted: unknown): boolean {
  if (check === 'equal') return is === wanted || isDeepStrictEqual(is, wanted)
  if (check === 'top') return isTop(is, wanted as Readonly<Record<string, number>>)
  if (typeof is !== 'number') return false
  switch (check) {
    case 'close':
      return Math.abs(is - (wanted as number)) <= 1e-6 * Math.max(Math.abs(wanted as number), 1e-9)
    case 'between': {
      const [low, high] = wanted as [number, number]
      return low <= is && is <= high
    }
    case 'distinct':
      return isNear(is, wanted as number, 0.06, 2)
  }
}

const topValues = 10

/** Space-Saving counts too much, never too little, so what comes more often than the last one it tells cannot be missing. */
function isTop(is: unknown, counts: Readonly<Record<string, number>>): boolean {
  if (!Array.isArray(is) || is.length !== Math.min(topValues, Object.keys(counts).length)) return false
  const told = is as readonly { readonly value: string; readonly count: number; readonly error: number }[]
  const isWithin = told.every(({ value, count, error }, i) => {
    const wanted = counts[value] ?? 0
    return count - error <= wanted && wanted <= count && count <= (told[i - 1]?.count ?? count)
  })
  const values = new Set(told.map(({ value }) => value))
  const last = told.at(-1)!.count
  return isWithin && Object.entries(counts).every(([value, count]) => count <= last || values.has(value))
}

function isNear(is: number, wanted: number, share: number, atLeast: number): boolean {
  return Math.abs(is - wanted) <= Math.max(share * wanted, atLeast)
}

function idOf({ key, windowStart, windowEnd }: Result): string {
  return `${key ?? ''} ${windowStart}-${windowEnd}`
}

interface Pane {
  readonly id: string
  readonly key: Readonly<Record<string, string | number>>
  readonly window: { readonly start: number; readonly end: number }
  readonly pane: { readonly index: number; readonly timing: string; readonly final: boolean }
  readonly values: Readonly<Record<string, unknown>>
}

function resultIn(line: string, faults: Faults): Result | undefined {
  let result: Result | Pane
  try {
    result = JSON.parse(line)
  } catch {
    faults.add('lines that are no JSON', line.slice(0, 100))
    return undefined
  }
  if (!isPane(result)) return result
  // Nothing is late and nothing is early here, so each window fires once.
  const { index, timing, final } = result.pane
  if (index !== 0 || timing !== 'on-time' || !final) faults.add('panes that are not the only one', result.id)
  const key = Object.values(result.key).join(' ')
  return { key, windowStart: result.window.start, windowEnd: result.window.end, ...result.values }
}

function isPane(result: Result | Pane): result is Pane {
  return 'pane' in result
}

if (import.meta.main) {
  const [name, expected, output] = process.argv.slice(2) as [string, string, string]
  const faults = verify(queryNamed(name), expected, output)
  process.stdout.write(`${JSON.stringify(faults)}\n`)
  if (faults.length > 0) process.exitCode = 1
}
