// From a checked query to one the engine runs. Queries compiled with one FieldPlan share one decode of each record.

import { customAggregator } from '../aggregates/custom.ts'
import { aggregatorFor } from '../aggregates/registry.ts'
import type { AggregateColumn } from '../aggregates/row-layout.ts'
import { RowLayout } from '../aggregates/row-layout.ts'
import type { FieldPlan } from '../records/fields.ts'
import { timeReader } from '../time/event-time.ts'
import { sessionHeadCells } from '../windows/session-table.ts'
import type { CompiledQuery, CompiledTime } from './compiled-query.ts'
import type { QuerySpec, TimeSpec } from './query-spec.ts'
import { compileCondition, OneByOne } from './where.ts'

export function compileQuery(spec: QuerySpec, plan: FieldPlan): CompiledQuery {
  const { name, time, keyBy, window, allowedLatenessMs, earlyMs } = spec
  return {
    name,
    fingerprint: fingerprintOf(spec),
    isData: typeof spec.where !== 'function' && ![...spec.aggregates.values()].some((aggregate) => 'init' in aggregate),
    where: compileWhere(spec.where, plan),
    whereText: typeof spec.where === 'function' ? `function of ${name}` : (JSON.stringify(spec.where) ?? ''),
    time: compileTime(time, plan),
    outOfOrdernessMs: time.outOfOrdernessMs,
    maxAheadMs: time.maxAheadMs,
    idleAfterMs: time.idleAfterMs,
    closeAfterMs: time.closeAfterMs,
    keyBy,
    keySlots: keyBy.map((field) => plan.slotOf(field)),
    window,
    allowedLatenessMs,
    earlyMs,
    layout: new RowLayout(
      [...spec.aggregates].map(([column, aggregate]) => compileColumn(column, aggregate, plan)),
      window.type === 'session' ? sessionHeadCells : 0,
    ),
  }
}

function compileWhere(where: QuerySpec['where'], plan: FieldPlan): CompiledQuery['where'] {
  if (where === undefined) return undefined
  if (typeof where !== 'function') return compileCondition(where, plan)
  plan.requireWholeRecord()
  return new OneByOne((fields) => where(fields.record as never) === true)
}

function compileTime(time: TimeSpec, plan: FieldPlan): CompiledTime {
  if (time.from === 'arrival') return { from: 'arrival' }
  const { field, unit } = time
  return { from: 'field', field, slot: plan.slotOf(field), read: timeReader(unit), unit }
}

function compileColumn(
  name: string,
  aggregate: QuerySpec['aggregates'] extends ReadonlyMap<string, infer Value> ? Value : never,
  plan: FieldPlan,
): AggregateColumn {
  if ('init' in aggregate) {
    plan.requireWholeRecord()
    return { name, aggregator: customAggregator(aggregate), slot: -1, wholeRecord: true }
  }
  const slot = aggregate.field === undefined ? -1 : plan.slotOf(aggregate.field)
  return { name, aggregator: aggregatorFor(aggregate), slot, wholeRecord: false }
}

/** What gives saved state its meaning. Idleness and the like may be tuned without losing state. */
function fingerprintOf(spec: QuerySpec): string {
  const { where, time, keyBy, window, aggregates } = spec
  const source = (value: unknown) =>
    JSON.stringify(value, (_, part) => (typeof part === 'function' ? `function ${part}` : part))
  return source({
    where: typeof where === 'function' ? String(where) : where,
    time: time.from === 'arrival' ? 'arrival' : [time.field, time.unit],
    keyBy,
    window,
    aggregates: [...aggregates],
  })
}
