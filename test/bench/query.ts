// What a query of the benchmark is, and the columns it may have: for each what is expected of a window's events, and how an
// output is compared with it. Windows are aligned to the epoch; times are in ms.
import type { Workload } from './generate.ts'

export interface Query {
  readonly name: string
  readonly workload: Workload
  readonly asks: string
  /** Which events take part; all of them when left out. */
  readonly where?: (event: Event) => boolean
  readonly time: string
  /** The fields whose values are the key; one key for all when there are none. */
  readonly keyBy: readonly string[]
  /** The field with the numbers, and the one with the values to tell apart. */
  readonly number?: string
  readonly label?: string
  readonly window: { readonly size: number; readonly every: number } | { readonly gap: number }
  readonly columns: Readonly<Record<string, Column>>
  /** It takes long: contestants that are supplements run it once, unless a number of runs is asked for. */
  readonly isLong?: boolean
  /** Its results are always worked out by the loop of expected.ts: duckdb.ts has no SQL for it. */
  readonly isWithoutSql?: boolean
}

/** An event as it stands in the input. */
export type Event = Readonly<Record<string, string | number>>

/** The part of an event that a query is about. */
export interface Taken {
  readonly at: number
  readonly number: number
  readonly label: string | number
}

/** What is expected of one window, and how an output is compared with it; see verify.ts. */
export interface Column {
  readonly check: 'equal' | 'close' | 'between' | 'distinct' | 'top'
  expected(events: readonly Taken[]): unknown
}

export const count: Column = { check: 'equal', expected: (events) => events.length }
export const sum: Column = {
  check: 'close',
  expected: (events) => events.reduce((total, { number }) => total + number, 0),
}
export const min: Column = {
  check: 'close',
  expected: (events) => events.reduce((least, { number }) => Math.min(least, number), Number.POSITIVE_INFINITY),
}
export const max: Column = {
  check: 'close',
  expected: (events) => events.reduce((most, { number }) => Math.max(most, number), Number.NEGATIVE_INFINITY),
}
export const avg: Column = {
  check: 'close',
  expected: (events) => events.reduce((total, { number }) => total + number, 0) / events.length,
}
export const distinct: Column = {
  check: 'distinct',
  expected: (events) => new Set(events.map(({ label }) => label)).size,
}

/** From the number at rank 93.5 % to the one at 96.5 %, and at least 1 % to either side of the one at 95 %. */
export const p95: Column = {
  check: 'between',
  expected(events) {
    const sorted = Float64Array.from(events, ({ number }) => number).sort()
    const last = sorted.length - 1
    return [
      Math.min(sorted[Math.floor(0.935 * last)]!, 0.99 * sorted[Math.floor(0.95 * last)]!),
      Math.max(sorted[Math.ceil(0.965 * last)]!, 1.01 * sorted[Math.ceil(0.95 * last)]!),
    ]
  },
}

/** The hundred labels that come most often, ties by label; exact, so the error of each is 0. */
export const top100: Column = {
  check: 'equal',
  expected(events) {
    const counts = new Map<string | number, number>()
    for (const { label } of events) counts.set(label, (counts.get(label) ?? 0) + 1)
    return [...counts]
      .sort(([a, m], [b, n]) => n - m || Number(a) - Number(b))
      .slice(0, 100)
      .map(([value, count]) => ({ value, count, error: 0 }))
  },
}

/** How often each label comes: the most frequent ten, told with their errors, are held against it. */
export const top10: Column = {
  check: 'top',
  expected(events) {
    const counts: Record<string, number> = {}
    for (const { label } of events) counts[label] = (counts[label] ?? 0) + 1
    return counts
  },
}

/** Of the field that is the number. */
export const statistics = { count, sum, min, max, avg }
