// The queries of all simulations, one of each kind of window, as the service and as the oracle have them.
import { parseQuery } from '../../stream-service/src/queries/parse-query.ts'
import type { QuerySpec } from '../../stream-service/src/queries/query-spec.ts'
import { aggregates, type OracleQuery } from '../properties/oracle.ts'

export interface SimulatedQuery {
  readonly spec: QuerySpec
  readonly oracle: OracleQuery
  /** The field that event time is in. */
  readonly timeField: 'ts' | 'inTime'
}

/** Records in `inTime` are never further behind than this. */
export const outOfOrdernessMs = 2_000

interface Definition {
  readonly name: string
  readonly window: OracleQuery['window']
  readonly timeField?: SimulatedQuery['timeField']
  readonly allowedLatenessMs?: number
  readonly earlyMs?: number
}

const definitions: readonly Definition[] = [
  { name: 'tumbling', window: { type: 'tumbling', size: 5_000, offset: 0 } },
  {
    name: 'early',
    window: { type: 'tumbling', size: 8_000, offset: 1_000 },
    allowedLatenessMs: 4_000,
    earlyMs: 1_500,
  },
  { name: 'hopping', window: { type: 'hopping', size: 9_000, every: 4_000, offset: 0 }, allowedLatenessMs: 3_000 },
  // Of sessions whose records come too late, the answer depends on more than the oracle knows.
  { name: 'sessions', window: { type: 'session', gap: 1_500 }, timeField: 'inTime' },
  { name: 'count', window: { type: 'count', size: 3 } },
]

/** `idleAfterMs`: long enough for never, in most runs. */
export function simulatedQueries(idleAfterMs: number): readonly SimulatedQuery[] {
  return definitions.map(({ name, window, timeField = 'ts', allowedLatenessMs = 0, earlyMs }) => ({
    spec: parseQuery(
      {
        name,
        window,
        time: {
          field: timeField,
          unit: 'ms',
          outOfOrderness: `${outOfOrdernessMs}ms`,
          idleAfter: `${idleAfterMs}ms`,
        },
        keyBy: ['k'],
        allowedLateness: `${allowedLatenessMs}ms`,
        ...(earlyMs === undefined ? {} : { early: `${earlyMs}ms` }),
        aggregates: simulatedAggregates,
      },
      name,
    ),
    oracle: { name, window, outOfOrdernessMs, keyBy: ['k'], allowedLatenessMs },
    timeField,
  }))
}

const { records, sum, first, last } = aggregates
const simulatedAggregates = { records, sum, first, last }
export const aggregateNames: readonly string[] = Object.keys(simulatedAggregates)
