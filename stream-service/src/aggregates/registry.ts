// The aggregates a query can name, with the parameters each takes. To add one: write its aggregator beside this file and
// give it an entry here.
import type { Aggregator } from './aggregator.ts'
import { countRecords, countValues } from './count.ts'
import { distinct } from './distinct.ts'
import { first, last } from './ends.ts'
import { max, min } from './extremes.ts'
import { histogram } from './histogram.ts'
import { quantile } from './quantile.ts'
import { stddev, stddevPop } from './spread.ts'
import { avg, sum } from './sum.ts'
import { topK } from './top-k.ts'

/** A built-in aggregate as a query writes it. */
export type AggregateSpec =
  | { readonly fn: 'count'; readonly field?: string }
  | { readonly fn: SimpleAggregate; readonly field: string }
  | { readonly fn: 'quantile'; readonly field: string; readonly q: number }
  | { readonly fn: 'topK'; readonly field: string; readonly k: number }
  | { readonly fn: 'histogram'; readonly field: string; readonly bounds: readonly number[] }

const simple = { sum, min, max, avg, stddev, stddevPop, first, last, distinct } as const
type SimpleAggregate = keyof typeof simple

export const aggregateNames: readonly string[] = ['count', ...Object.keys(simple), 'quantile', 'topK', 'histogram']

export function aggregatorFor(spec: AggregateSpec): Aggregator {
  switch (spec.fn) {
    case 'count':
      return spec.field === undefined ? countRecords : countValues
    case 'quantile':
      return quantile(spec.q)
    case 'topK':
      return topK(spec.k)
    case 'histogram':
      return histogram(spec.bounds)
    default:
      return simple[spec.fn]
  }
}
