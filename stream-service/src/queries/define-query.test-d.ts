// What must not compile, checked by the compiler itself.
import { expectTypeOf } from 'vitest'
import { count, defineQuery, quantile, sum, tumbling } from './define-query.ts'
import type { QuerySpec } from './query-spec.ts'

interface Order {
  readonly type: 'order'
  readonly at: number
  readonly placed: string
  readonly shop: { readonly city: string; readonly open: boolean }
  readonly total?: number | null
}

const time = { field: 'at', unit: 'ms' } as const
const base = { name: 'orders', time, window: tumbling('1m') }
const aggregates = { orders: count() }

expectTypeOf(
  defineQuery<Order>({
    ...base,
    where: { type: 'order', total: { gte: 10 }, 'shop.city': { prefix: 'B' } },
    keyBy: ['shop.city', 'shop.open'],
    aggregates: { ...aggregates, revenue: sum('total'), p95: quantile('total', 0.95), cities: count('shop.city') },
  }),
).toEqualTypeOf<QuerySpec>()

// @ts-expect-error a misspelled field
defineQuery<Order>({ ...base, aggregates: { revenue: sum('totl') } })
// @ts-expect-error a sum over a text
defineQuery<Order>({ ...base, aggregates: { revenue: sum('shop.city') } })
// @ts-expect-error an object is no key
defineQuery<Order>({ ...base, keyBy: ['shop'], aggregates })
// @ts-expect-error a value the field never has
defineQuery<Order>({ ...base, where: { type: 'ordr' }, aggregates })
// @ts-expect-error text where a number is due
defineQuery<Order>({ ...base, where: { total: { gte: '10' } }, aggregates })
// @ts-expect-error a number field read as ISO text
defineQuery<Order>({ ...base, time: { field: 'at', unit: 'iso' }, aggregates })
defineQuery<Order>({ ...base, time: { field: 'placed', unit: 'iso' }, aggregates })
// @ts-expect-error an option that does not exist
defineQuery<Order>({ ...base, alowedLateness: '1m', aggregates })
