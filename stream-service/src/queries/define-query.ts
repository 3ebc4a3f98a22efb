// Queries in TypeScript. The types follow from the event: a misspelled field, or a sum over a text, does not compile.

import type { CloudEvent } from '@millrace/shared/cloud-events'
import type { SampleEvent } from '@millrace/shared/events'
import type { JsonValue } from '../aggregates/aggregator.ts'
import type { CustomAggregate } from '../aggregates/custom.ts'
import type { Duration } from '../time/duration.ts'
import type { TimeUnit } from '../time/event-time.ts'
import { parseQuery } from './parse-query.ts'
import type { QuerySpec } from './query-spec.ts'

/** What the capture functions put on the stream. */
export type CapturedEvent = CloudEvent<SampleEvent>

type Scalar = string | number | boolean | null

/** The paths of an event's fields, with objects opened: `page`, `data.page`. */
export type FieldPath<Event> = {
  [Name in keyof Event & string]: NonNullable<Event[Name]> extends Scalar | readonly unknown[]
    ? Name
    : NonNullable<Event[Name]> extends object
      ? Name | `${Name}.${FieldPath<NonNullable<Event[Name]>>}`
      : Name
}[keyof Event & string]

type ValueAt<Event, Path> = Path extends `${infer Name}.${infer Rest}`
  ? Name extends keyof Event
    ? ValueAt<NonNullable<Event[Name]>, Rest>
    : never
  : Path extends keyof Event
    ? Event[Path]
    : never

/** The paths whose values may be of type `Value`. */
export type FieldOf<Event, Value> = {
  [Path in FieldPath<Event>]: Extract<NonNullable<ValueAt<Event, Path>>, Value> extends never ? never : Path
}[FieldPath<Event>]

type Comparison<Value> =
  | { ne?: Value | null; in?: readonly (Value | null)[]; exists?: boolean }
  | (Value extends number ? { lt?: number; lte?: number; gt?: number; gte?: number } : never)
  | (Value extends string ? { lt?: string; lte?: string; gt?: string; gte?: string; prefix?: string } : never)

export type Where<Event> = {
  [Path in FieldPath<Event>]?: NonNullable<ValueAt<Event, Path>> | null | Comparison<NonNullable<ValueAt<Event, Path>>>
} & { and?: readonly Where<Event>[]; or?: readonly Where<Event>[]; not?: readonly Where<Event>[] }

interface Aggregate<Fn extends string, Field> {
  readonly fn: Fn
  readonly field: Field
}

type AggregateOf<Event> =
  | { readonly fn: 'count'; readonly field?: FieldPath<Event> }
  | Aggregate<'sum' | 'min' | 'max' | 'avg' | 'stddev' | 'stddevPop', FieldOf<Event, number>>
  | (Aggregate<'quantile', FieldOf<Event, number>> & { readonly q: number })
  | (Aggregate<'histogram', FieldOf<Event, number>> & { readonly bounds: readonly number[] })
  | Aggregate<'first' | 'last' | 'distinct', FieldPath<Event>>
  | (Aggregate<'topK', FieldPath<Event>> & { readonly k: number })
  // biome-ignore lint/suspicious/noExplicitAny: a custom aggregate's state is its author's business.
  | CustomAggregate<Event, any, JsonValue>

export interface QueryDefinition<Event> {
  readonly name: string
  /** A condition on fields, or a function of the event at the price of a full parse. */
  readonly where?: Where<Event> | ((event: Event) => boolean)
  readonly time: (
    | { readonly field: FieldOf<Event, number>; readonly unit: Exclude<TimeUnit, 'iso'> }
    | { readonly field: FieldOf<Event, string>; readonly unit: 'iso' }
    | { readonly from: 'arrival' }
  ) & {
    /** How far the watermark trails the newest event; default 0. */
    readonly outOfOrderness?: Duration
    /** How long reads have to come back empty before a shard no longer holds the watermark back; default 10 s. */
    readonly idleAfter?: Duration
    /** How long all shards have to be idle before open windows close by the clock; default never. */
    readonly closeAfter?: Duration
    /** How far an event's time may lie after its arrival in the stream; default 10 min. */
    readonly maxAhead?: Duration
  }
  readonly keyBy?: readonly FieldOf<Event, string | number | boolean>[]
  readonly window: WindowDefinition
  /** How long a fired window still takes updates; default 0. */
  readonly allowedLateness?: Duration
  /** How often panes of windows that have not fired are published, by the clock; default never. Not for sessions and counts. */
  readonly early?: Duration
  readonly publish?: {
    /** Default true. */
    readonly firehose?: boolean
    /** CloudWatch metrics of each window's first on-time panes: `dimensions` from `keyBy` (default all), `top` panes (default 50). */
    readonly metrics?: { readonly dimensions?: readonly FieldPath<Event>[]; readonly top?: number }
  }
  readonly aggregates: Readonly<Record<string, AggregateOf<Event>>>
}

/**
 * Checks a query and makes it ready to be run.
 *
 * @example
 * defineQuery({
 *   name: 'orders',
 *   where: { type: 'purchase' },
 *   time: { field: 'data.ts', unit: 'ms', outOfOrderness: '5s' },
 *   keyBy: ['data.page'],
 *   window: tumbling('1m'),
 *   aggregates: { orders: count(), revenue: sum('data.value') },
 * })
 * @throws QueryError with every fault that the types cannot tell, such as a duration that is none.
 */
export function defineQuery<Event = CapturedEvent>(definition: QueryDefinition<NoInfer<Event>>): QuerySpec {
  return parseQuery(definition, `query '${definition.name}'`)
}

export type WindowDefinition =
  | { readonly type: 'tumbling'; readonly size: Duration; readonly offset?: Duration }
  | { readonly type: 'hopping'; readonly size: Duration; readonly every: Duration; readonly offset?: Duration }
  | { readonly type: 'cumulative'; readonly size: Duration; readonly step: Duration; readonly offset?: Duration }
  | { readonly type: 'session'; readonly gap: Duration }
  | { readonly type: 'count'; readonly size: number }

/** Windows `[k * size + offset, (k + 1) * size + offset)`: every instant lies in exactly one. */
export function tumbling(size: Duration, options: { readonly offset?: Duration } = {}): WindowDefinition {
  return { type: 'tumbling', size, ...options }
}

/** Windows `[k * every + offset, k * every + offset + size)`: they overlap, or leave gaps when `every` exceeds `size`. */
export function hopping(
  size: Duration,
  options: { readonly every: Duration; readonly offset?: Duration },
): WindowDefinition {
  return { type: 'hopping', size, ...options }
}

/** Windows that share a start and grow by `step` up to `size`, a multiple of it: `[0, step)`, `[0, 2 * step)`, … */
export function cumulative(
  size: Duration,
  options: { readonly step: Duration; readonly offset?: Duration },
): WindowDefinition {
  return { type: 'cumulative', size, ...options }
}

/** Windows `[first, last + gap)` around events of one key; two that touch are one. */
export function session(gap: Duration): WindowDefinition {
  return { type: 'session', gap }
}

/** Windows of `size` records of one key in one shard, in the shard's order. */
export function countWindow(size: number): WindowDefinition {
  return { type: 'count', size }
}

/** How many records, or how many with a value other than null in the field. */
export function count(): { readonly fn: 'count' }
export function count<Field extends string>(field: Field): { readonly fn: 'count'; readonly field: Field }
export function count<Field extends string>(field?: Field) {
  return field === undefined ? { fn: 'count' as const } : { fn: 'count' as const, field }
}

const over =
  <const Fn extends string>(fn: Fn) =>
  <const Field extends string>(field: Field): Aggregate<Fn, Field> => ({ fn, field })

/** The sum of the numbers in a field, compensated; null over none. */
export const sum = over('sum')
/** The least number in a field; null over none. */
export const min = over('min')
/** The greatest number in a field; null over none. */
export const max = over('max')
/** The mean of the numbers in a field; null over none. */
export const avg = over('avg')
/** The sample's standard deviation, by n - 1; null over fewer than two numbers. */
export const stddev = over('stddev')
/** The population's standard deviation, by n; null over none. */
export const stddevPop = over('stddevPop')
/** The value of the earliest record by event time that has one. */
export const first = over('first')
/** The value of the latest record by event time that has one. */
export const last = over('last')
/** How many different values: exact up to a few hundred, then within 1 % or so (HyperLogLog). */
export const distinct = over('distinct')

/** The q-quantile of the numbers in a field, q from 0 to 1, within 1 % of its value (DDSketch); null over none. */
export function quantile<const Field extends string>(field: Field, q: number) {
  return { fn: 'quantile' as const, field, q }
}

/** The k most frequent values as `[{ value, count, error }]`: the true count lies between count - error and count. */
export function topK<const Field extends string>(field: Field, k: number) {
  return { fn: 'topK' as const, field, k }
}

/** How many numbers fall between the bounds: one count more than bounds. */
export function histogram<const Field extends string>(field: Field, bounds: readonly number[]) {
  return { fn: 'histogram' as const, field, bounds }
}
