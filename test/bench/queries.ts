// The queries of the benchmark: what each asks, said once more beside its JSON form in queries/, so that the check of the
// outputs does not depend on how Millrace reads a query. Windows are aligned to the epoch; times are in ms.
import { fileURLToPath } from 'node:url'
import type { Workload } from './generate.ts'

export interface Query {
  readonly name: string
  readonly workload: Workload
  readonly asks: string
  /** Only events of this type; all of them when left out. */
  readonly type?: string
  readonly time: string
  /** The field whose value is the key; one key for all when left out. */
  readonly key?: string
  /** The field with the numbers, and the one with the values to tell apart. */
  readonly number?: string
  readonly label?: string
  readonly window: { readonly size: number; readonly every: number } | { readonly gap: number }
  readonly columns: Readonly<Record<string, Column>>
}

/** The part of an event that a query is about. */
export interface Taken {
  readonly at: number
  readonly number: number
  readonly label: string | number
}

/** What is expected of one window, and how an output is compared with it; see verify.ts. */
export interface Column {
  readonly check: 'equal' | 'close' | 'between' | 'distinct'
  expected(events: readonly Taken[]): unknown
}

const count: Column = { check: 'equal', expected: (events) => events.length }
const sum: Column = { check: 'close', expected: (events) => events.reduce((total, { number }) => total + number, 0) }
const min: Column = { check: 'close', expected: (events) => Math.min(...events.map(({ number }) => number)) }
const max: Column = { check: 'close', expected: (events) => Math.max(...events.map(({ number }) => number)) }
const avg: Column = {
  check: 'close',
  expected: (events) => events.reduce((total, { number }) => total + number, 0) / events.length,
}
const distinct: Column = { check: 'distinct', expected: (events) => new Set(events.map(({ label }) => label)).size }

/** From the number at rank 93.5 % to the one at 96.5 %, and at least 1 % to either side of the one at 95 %. */
const p95: Column = {
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
const top100: Column = {
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

const shop = { workload: 'shop', time: 'ts', number: 'value', label: 'userId' } as const
const bids = { workload: 'nexmark', time: 'dateTime', type: 'bid' } as const
const statistics = { count, sum, min, max, avg }

export const queries: readonly Query[] = [
  {
    ...shop,
    name: 'Q1',
    asks: 'tumbling 60 s by page: count, sum, min, max, avg of value',
    key: 'page',
    window: { size: 60_000, every: 60_000 },
    columns: statistics,
  },
  {
    ...shop,
    name: 'Q2',
    asks: 'as Q1, and the 95th percentile of value and distinct users',
    key: 'page',
    window: { size: 60_000, every: 60_000 },
    columns: { ...statistics, p95, distinctUsers: distinct },
  },
  {
    ...shop,
    name: 'Q3',
    asks: 'tumbling 10 s by user: count',
    key: 'userId',
    window: { size: 10_000, every: 10_000 },
    columns: { count },
  },
  {
    ...shop,
    name: 'Q4',
    asks: 'hopping 60 s every 10 s by page: count, sum',
    key: 'page',
    window: { size: 60_000, every: 10_000 },
    columns: { count, sum },
  },
  {
    ...shop,
    name: 'Q5',
    asks: 'sessions with a gap of 30 s by user: count',
    key: 'userId',
    window: { gap: 30_000 },
    columns: { count },
  },
  {
    ...bids,
    name: 'nexmark-q5',
    asks: 'hopping 10 s every 2 s by auction: bids',
    key: 'auction',
    window: { size: 10_000, every: 2_000 },
    columns: { bids: count },
  },
  {
    ...bids,
    name: 'nexmark-q5-top',
    asks: 'hopping 10 s every 2 s: the 100 auctions with most bids',
    label: 'auction',
    window: { size: 10_000, every: 2_000 },
    columns: { hottest: top100 },
  },
  {
    ...bids,
    name: 'nexmark-q7',
    asks: 'tumbling 10 s: the highest price',
    number: 'price',
    window: { size: 10_000, every: 10_000 },
    columns: { highest: max },
  },
  {
    ...bids,
    name: 'nexmark-q11',
    asks: 'sessions with a gap of 10 s by bidder: bids',
    key: 'bidder',
    window: { gap: 10_000 },
    columns: { bids: count },
  },
  {
    ...bids,
    name: 'nexmark-q12',
    asks: 'tumbling 10 s by bidder: bids',
    key: 'bidder',
    window: { size: 10_000, every: 10_000 },
    columns: { bids: count },
  },
]

export function queryNamed(name: string): Query {
  const query = queries.find((known) => known.name === name)
  if (query === undefined)
    throw new Error(`no query ${name}; there are ${queries.map((known) => known.name).join(', ')}`)
  return query
}

/** The query as Millrace takes it. */
export function queryFile(name: string): string {
  return fileURLToPath(new URL(`queries/${name}.json`, import.meta.url))
}
