// How the shop is doing: orders, revenue and how long checkouts take, per country and minute. Orders may come a minute late
// and correct what was published.
import { count, defineQuery, quantile, sum, tumbling } from '../src/queries/define-query.ts'

export const checkoutHealth = defineQuery({
  name: 'checkout-health',
  where: { type: 'purchase' },
  time: { field: 'data.ts', unit: 'ms', outOfOrderness: '5s' },
  keyBy: ['data.country'],
  window: tumbling('1m'),
  allowedLateness: '1m',
  publish: { metrics: { top: 50 } },
  aggregates: { orders: count(), revenue: sum('data.value'), p95LatencyMs: quantile('data.latencyMs', 0.95) },
})
