// The nine queries that share a stream with Q1 in the measurement of many queries over one stream: what a shop would ask of
// the same events, each with its own windows, keys and conditions. Their results are few beside those of Q1, so that it is not
// the writing that is measured.
import { avg, count, distinct, type Event, max, min, p95, type Query, sum, top10 } from '../query.ts'

const shop = { workload: 'shop', time: 'ts', number: 'value', label: 'userId', isWithoutSql: true } as const

export const furtherQueries: readonly Query[] = [
  {
    ...shop,
    name: 'together-purchases',
    asks: 'purchases, tumbling 60 s by country: count, sum, avg of value',
    where: isPurchase,
    keyBy: ['country'],
    window: { size: 60_000, every: 60_000 },
    columns: { count, sum, avg },
  },
  {
    ...shop,
    name: 'together-types',
    asks: 'tumbling 10 s by type: count, 95th percentile of value',
    keyBy: ['type'],
    window: { size: 10_000, every: 10_000 },
    columns: { count, p95 },
  },
  {
    ...shop,
    name: 'together-visitors',
    asks: 'tumbling 5 m by country: count, distinct users',
    keyBy: ['country'],
    window: { size: 300_000, every: 300_000 },
    columns: { count, users: distinct },
  },
  {
    ...shop,
    name: 'together-traffic',
    asks: 'hopping 60 s every 10 s: count, sum, max of value',
    keyBy: [],
    window: { size: 60_000, every: 10_000 },
    columns: { count, sum, max },
  },
  {
    ...shop,
    name: 'together-countries-and-types',
    asks: 'tumbling 30 s by country and type: count, avg of value',
    keyBy: ['country', 'type'],
    window: { size: 30_000, every: 30_000 },
    columns: { count, avg },
  },
  {
    ...shop,
    name: 'together-sampled-users',
    asks: 'one user in ten, tumbling 10 m by user: count, sum of value',
    where: ({ userId }) => String(userId).startsWith('u00'),
    keyBy: ['userId'],
    window: { size: 600_000, every: 600_000 },
    columns: { count, sum },
  },
  {
    ...shop,
    name: 'together-bursts',
    asks: 'purchases, sessions with a gap of 500 ms by country: count, sum of value',
    where: isPurchase,
    keyBy: ['country'],
    window: { gap: 500 },
    columns: { count, sum },
  },
  {
    ...shop,
    name: 'together-hot-pages',
    asks: 'page views and clicks, tumbling 60 s: count, the 10 pages that come most often',
    where: ({ type }) => type === 'page_view' || type === 'click',
    label: 'page',
    keyBy: [],
    window: { size: 60_000, every: 60_000 },
    columns: { count, hottest: top10 },
  },
  {
    ...shop,
    name: 'together-top-shelf',
    asks: 'the first 1,000 pages, hopping 2 m every 1 m by page: count, sum, min of value',
    where: ({ page }) => String(page).startsWith('/p/item-00'),
    keyBy: ['page'],
    window: { size: 120_000, every: 60_000 },
    columns: { count, sum, min },
  },
]

function isPurchase({ type }: Event): boolean {
  return type === 'purchase'
}
