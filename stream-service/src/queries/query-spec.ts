// A query as its author wrote it, checked: durations in milliseconds, defaults filled in, nothing compiled yet.

import type { JsonValue } from '../aggregates/aggregator.ts'
import type { CustomAggregate } from '../aggregates/custom.ts'
import type { AggregateSpec } from '../aggregates/registry.ts'
import type { TimeUnit } from '../time/event-time.ts'
import type { WindowSpec } from '../windows/window-spec.ts'
import type { Condition } from './where.ts'

export type TimeSpec = (
  | { readonly from: 'field'; readonly field: string; readonly unit: TimeUnit }
  | { readonly from: 'arrival' }
) & {
  readonly outOfOrdernessMs: number
  readonly idleAfterMs: number
  readonly closeAfterMs: number | undefined
  readonly maxAheadMs: number
}

/** Where panes go besides the service's own API. */
export interface PublishSpec {
  readonly firehose: boolean
  readonly metrics: MetricsSpec | undefined
}

export interface MetricsSpec {
  /** Fields of `keyBy` that become dimensions. */
  readonly dimensions: readonly string[]
  /** Of each window only so many panes, those with the greatest first aggregate. */
  readonly top: number
}

// biome-ignore lint/suspicious/noExplicitAny: a custom aggregate's state is its author's business.
export type AnyCustomAggregate = CustomAggregate<any, any, JsonValue>

export interface QuerySpec {
  readonly name: string
  /** A function takes the whole record and costs a full parse. */
  readonly where: Condition | ((record: never) => boolean) | undefined
  readonly time: TimeSpec
  readonly keyBy: readonly string[]
  readonly window: WindowSpec
  readonly allowedLatenessMs: number
  readonly earlyMs: number | undefined
  readonly publish: PublishSpec
  readonly aggregates: ReadonlyMap<string, AggregateSpec | AnyCustomAggregate>
}

export const defaults = {
  outOfOrdernessMs: 0,
  idleAfterMs: 10_000,
  maxAheadMs: 600_000,
  allowedLatenessMs: 0,
  metricsTop: 50,
} as const
