// Time and idle lanes, which no property of final panes sees.
import { expect, test } from 'vitest'
import { compileQuery } from '../queries/compile.ts'
import { parseQuery } from '../queries/parse-query.ts'
import { FieldPlan } from '../records/fields.ts'
import { Emitter } from './emitter.ts'
import type { LaneMessage } from './partials.ts'
import { QueryMerger } from './query-merger.ts'

const query = compileQuery(
  parseQuery(
    {
      name: 'q',
      time: { field: 'ts', unit: 'ms' },
      window: { type: 'tumbling', size: '10ms' },
      aggregates: { n: { fn: 'count' } },
    },
    'q',
  ),
  new FieldPlan(),
)
const shards = ['busy', 'quiet'].map((shardId) => ({ shardId, parentShardIds: [] }))
const told = (lane: string, watermark: number, more: Partial<LaneMessage> = {}): LaneMessage => {
  return { lane, query: 'q', partition: 0, first: 0, runs: [], watermark, isFollowing: false, ...more }
}

test('time goes on without an idle lane for as long as it is shown to be idle, and after a start it has to be shown anew', () => {
  const merger = new QueryMerger(query, new Emitter())
  merger.declare(shards)
  merger.take(told('quiet', 5), 1_000)
  merger.take(told('busy', 100), 1_000)
  expect(merger.watermark).toBe(5)
  merger.take(told('quiet', 5, { runs: [{ kind: 'idle', units: 1, at: 900 }], idleAt: 1_000 }), 1_000)
  expect(merger.watermark).toBe(100)
  merger.take(told('busy', 200), 3_900)
  expect(merger.watermark).toBe(200)
  merger.take(told('busy', 300), 4_100)
  expect(merger.watermark).toBe(200)
  merger.take(told('quiet', 5, { first: 1, idleAt: 4_100 }), 4_200)
  expect(merger.watermark).toBe(300)

  const restored = new QueryMerger(query, new Emitter(), merger.save())
  restored.take(told('busy', 400), 4_300)
  expect(restored.watermark).toBe(300)
  restored.take(told('quiet', 5, { first: 1, idleAt: 4_400 }), 4_400)
  expect(restored.watermark).toBe(400)
})
