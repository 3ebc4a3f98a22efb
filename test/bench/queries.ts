// The queries of the benchmark: what each asks, said once more beside its JSON form in queries/, so that the check of the
// outputs does not depend on how Millrace reads a query.
import { fileURLToPath } from 'node:url'
import { count, distinct, type Event, max, p95, type Query, statistics, sum, top100 } from './query.ts'
import { furtherQueries } from './together/further-queries.ts'

const shop = { workload: 'shop', time: 'ts', number: 'value', label: 'userId' } as const
const bids = { workload: 'nexmark', time: 'dateTime', where: ({ type }: Event) => type === 'bid' } as const

export const queries: readonly Query[] = [
  {
    ...shop,
    name: 'Q1',
    asks: 'tumbling 60 s by page: count, sum, min, max, avg of value',
    keyBy: ['page'],
    window: { size: 60_000, every: 60_000 },
    columns: statistics,
  },
  {
    ...shop,
    name: 'Q2',
    asks: 'as Q1, and the 95th percentile of value and distinct users',
    keyBy: ['page'],
    window: { size: 60_000, every: 60_000 },
    columns: { ...statistics, p95, distinctUsers: distinct },
    isLong: true,
  },
  {
    ...shop,
    name: 'Q3',
    asks: 'tumbling 10 s by user: count',
    keyBy: ['userId'],
    window: { size: 10_000, every: 10_000 },
    columns: { count },
    isLong: true,
  },
  {
    ...shop,
    name: 'Q4',
    asks: 'hopping 60 s every 10 s by page: count, sum',
    keyBy: ['page'],
    window: { size: 60_000, every: 10_000 },
    columns: { count, sum },
    isLong: true,
  },
  {
    ...shop,
    name: 'Q5',
    asks: 'sessions with a gap of 30 s by user: count',
    keyBy: ['userId'],
    window: { gap: 30_000 },
    columns: { count },
    isLong: true,
  },
  {
    ...bids,
    name: 'nexmark-q5',
    asks: 'hopping 10 s every 2 s by auction: bids',
    keyBy: ['auction'],
    window: { size: 10_000, every: 2_000 },
    columns: { bids: count },
  },
  {
    ...bids,
    name: 'nexmark-q5-top',
    asks: 'hopping 10 s every 2 s: the 100 auctions with most bids',
    keyBy: [],
    label: 'auction',
    window: { size: 10_000, every: 2_000 },
    columns: { hottest: top100 },
  },
  {
    ...bids,
    name: 'nexmark-q7',
    asks: 'tumbling 10 s: the highest price',
    keyBy: [],
    number: 'price',
    window: { size: 10_000, every: 10_000 },
    columns: { highest: max },
  },
  {
    ...bids,
    name: 'nexmark-q11',
    asks: 'sessions with a gap of 10 s by bidder: bids',
    keyBy: ['bidder'],
    window: { gap: 10_000 },
    columns: { bids: count },
  },
  {
    ...bids,
    name: 'nexmark-q12',
    asks: 'tumbling 10 s by bidder: bids',
    keyBy: ['bidder'],
    window: { size: 10_000, every: 10_000 },
    columns: { bids: count },
  },
]

export function queryNamed(name: string): Query {
  const all = [...queries, ...furtherQueries]
  const query = all.find((known) => known.name === name)
  if (query === undefined) throw new Error(`no query ${name}; there are ${all.map((known) => known.name).join(', ')}`)
  return query
}

/** The query as Millrace takes it. */
export function queryFile(name: string): string {
  return fileURLToPath(new URL(`queries/${name}.json`, import.meta.url))
}
