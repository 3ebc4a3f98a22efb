// Random queries and records for the properties of the engine, and what a reader of its panes has in the end.
import fc from 'fast-check'
import { expect } from 'vitest'
import type { Emission } from '../../stream-service/src/engine/emission.ts'
import { compileQuery } from '../../stream-service/src/queries/compile.ts'
import { parseQuery } from '../../stream-service/src/queries/parse-query.ts'
import type { Condition } from '../../stream-service/src/queries/where.ts'
import { FieldPlan } from '../../stream-service/src/records/fields.ts'
import { aggregates, type OracleQuery, type OracleRecord } from './oracle.ts'

export const duration = (least: number, greatest: number) => fc.integer({ min: least, max: greatest })

const window: fc.Arbitrary<OracleQuery['window']> = fc.oneof(
  fc.record({
    type: fc.constant('tumbling' as const),
    size: duration(1, 40),
    offset: fc.integer({ min: -40, max: 40 }),
  }),
  fc.record({
    type: fc.constant('hopping' as const),
    size: duration(1, 40),
    every: duration(1, 30),
    offset: fc.integer({ min: -40, max: 40 }),
  }),
  fc
    .record({ steps: duration(1, 5), step: duration(1, 10), offset: fc.integer({ min: -40, max: 40 }) })
    .map(({ steps, step, offset }) => ({ type: 'cumulative' as const, size: steps * step, step, offset })),
  fc.record({ type: fc.constant('session' as const), gap: duration(1, 20) }),
  fc.record({ type: fc.constant('count' as const), size: duration(1, 5) }),
)

const where: fc.Arbitrary<Condition | undefined> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  fc.constantFrom<Condition>(
    { v: { gte: 0 } },
    { k: { in: ['a', 5, true] } },
    { k: { ne: 'a' } },
    { or: [{ v: { lt: 3 } }, { k: { prefix: 'b' } }] },
    { not: [{ v: { exists: false } }, { k: null }] },
    { v: null },
  ),
)

export const query: fc.Arbitrary<OracleQuery> = fc
  .record({
    name: fc.constantFrom('q', 'a query/1~'),
    where,
    outOfOrdernessMs: duration(0, 20),
    keyBy: fc.constantFrom([], ['k'], ['k', 'j']),
    window,
    allowedLatenessMs: fc.oneof(fc.constant(0), duration(1, 30)),
  })
  .filter(({ window: w }) => !('offset' in w) || Math.abs(w.offset) < w.size)
  .map(({ where: condition, ...rest }) => (condition === undefined ? rest : { ...rest, where: condition }))

const value = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -9, max: 9 }) },
  fc.constantFrom('x', true, null, undefined),
)
const key = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('a', 'b', '5', 5, true, 0, -0) },
  fc.constantFrom(null, undefined, {}, []),
)
export const disorderly = fc.array(
  fc.record({
    shard: fc.constantFrom('s1', 's2', 's3'),
    data: fc.record({
      ts: fc.oneof(
        { weight: 20, arbitrary: fc.integer({ min: -60, max: 200 }) },
        fc.constantFrom('1', null, undefined),
      ),
      k: key,
      j: fc.constantFrom('x', 1),
      v: value,
    }),
  }),
  { maxLength: 60, size: 'max' },
)

/** Event times that move on, each record at most `disorder` behind the newest of its shard. */
export function inTime(records: readonly OracleRecord[], disorder: number): OracleRecord[] {
  const newest = new Map<string, number>()
  return records.map(({ shard, data }, i) => {
    const max = newest.get(shard) ?? 0
    const jitter = typeof data.ts === 'number' ? Math.abs(data.ts) : 0
    const ts = Math.max(max - (jitter % (disorder + 1)), 0) + (i % 3 === 0 ? jitter % 15 : 0)
    newest.set(shard, Math.max(max, ts))
    return { shard, data: { ...data, ts } }
  })
}

export function compiled(q: OracleQuery, hasEarlyPanes: boolean) {
  const { outOfOrdernessMs, allowedLatenessMs, ...rest } = q
  const plan = new FieldPlan()
  const definition = JSON.parse(
    JSON.stringify({
      ...rest,
      ...(hasEarlyPanes ? { early: '1ms' } : {}),
      time: { field: 'ts', unit: 'ms', outOfOrderness: `${outOfOrdernessMs}ms` },
      allowedLateness: `${allowedLatenessMs}ms`,
      aggregates,
    }),
  )
  return { queries: [compileQuery(parseQuery(definition, 'q'), plan)], plan }
}

interface Pane {
  readonly id: string
  readonly pane: { readonly index: number; readonly final: boolean; readonly timing: string }
  readonly values: Record<string, unknown>
  readonly supersedes?: readonly string[]
}

/** What a reader of the panes has in the end: the highest revision of each id, without superseded ids. */
export function finalPanes(emissions: readonly Emission[]): Map<string, Record<string, unknown>> {
  const panes = new Map<string, Pane>()
  const superseded = new Set<string>()
  for (const emission of emissions) {
    if (emission.kind !== 'panes') continue
    for (const line of emission.lines) {
      const pane = JSON.parse(line) as Pane
      const before = panes.get(pane.id)
      expect(pane.pane.index).toBe(before === undefined ? 0 : before.pane.index + 1)
      expect(before?.pane.final ?? false).toBe(false)
      panes.set(pane.id, pane)
      for (const id of pane.supersedes ?? []) superseded.add(id)
    }
  }
  for (const id of superseded) panes.delete(id)
  return new Map([...panes].map(([id, { values }]) => [id, values]))
}

export function rounded(panes: Map<string, Record<string, unknown>>) {
  return new Map(
    [...panes].map(([id, values]) => [
      id,
      Object.fromEntries(
        Object.entries(values).map(([name, v]) => [
          name,
          typeof v === 'number' && !Number.isInteger(v) ? Number(v.toPrecision(10)) : v,
        ]),
      ),
    ]),
  )
}

export function encodedName(q: OracleQuery): string {
  return encodeURIComponent(q.name).replaceAll('~', '%7E')
}
