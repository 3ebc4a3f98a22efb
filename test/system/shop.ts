// A stream of events for tests that kill services, queries over it, and what their panes must be in the end.
import { expect } from 'vitest'
import { type OracleQuery, oracle } from '../properties/oracle.ts'
import type { PaneLine } from './service-process.ts'

/** Event times move on by 10 ms a record with up to `disorderMs` of disorder, without chance. */
export function events(from: number, count: number, disorderMs: number): Record<string, unknown>[] {
  return Array.from({ length: count }, (_, i) => {
    const n = from + i
    return { ts: 1_700_000_000_000 + 10 * n - ((n * 7_919) % (disorderMs + 1)), k: `key-${(n * 31) % 17}`, v: n % 100 }
  })
}

/** Whether a lane is idle is the one thing that timing decides: here none is, however long a task takes to come back. */
const time = (outOfOrderness: string) => ({ field: 'ts', unit: 'ms', outOfOrderness, idleAfter: '1h' })
const values = { records: { fn: 'count' }, sum: { fn: 'sum', field: 'v' }, last: { fn: 'last', field: 'v' } }
export const queries = [
  // Revisions: records come later than the watermark allows, but never later than the allowed lateness.
  {
    name: 'revised',
    time: time('20ms'),
    keyBy: ['k'],
    window: { type: 'tumbling', size: '1s' },
    allowedLateness: '10s',
    aggregates: values,
  },
  {
    name: 'hops',
    time: time('600ms'),
    keyBy: ['k'],
    window: { type: 'hopping', size: '2s', every: '500ms' },
    aggregates: values,
  },
  { name: 'visits', time: time('600ms'), keyBy: ['k'], window: { type: 'session', gap: '90ms' }, aggregates: values },
]
const oracleQueries: OracleQuery[] = [
  {
    name: 'revised',
    outOfOrdernessMs: 20,
    keyBy: ['k'],
    window: { type: 'tumbling', size: 1_000, offset: 0 },
    allowedLatenessMs: 10_000,
  },
  {
    name: 'hops',
    outOfOrdernessMs: 600,
    keyBy: ['k'],
    window: { type: 'hopping', size: 2_000, every: 500, offset: 0 },
    allowedLatenessMs: 0,
  },
  { name: 'visits', outOfOrdernessMs: 600, keyBy: ['k'], window: { type: 'session', gap: 90 }, allowedLatenessMs: 0 },
]

/** Compares what readers of the panes have in the end with the oracle's. Without disorder of more than 600 ms nothing is lost. */
export function expectPanesOf(all: readonly Record<string, unknown>[], panes: readonly PaneLine[]): void {
  const records = all.map((data) => ({ shard: 's', data }))
  for (const query of oracleQueries) {
    // In one shard the disorder is that of the events; nothing is late for good, so shards do not matter.
    const expected = oracle({ ...query, outOfOrdernessMs: 600 }, records).panes
    const found = new Map(panes.filter((pane) => pane.query === query.name).map((pane) => [pane.id, pane.values]))
    expect([...found.keys()].sort(), query.name).toEqual([...expected.keys()].sort())
    for (const [id, { records: count, sum, last }] of expected)
      expect(found.get(id), id).toEqual({ records: count, sum, last })
  }
}
