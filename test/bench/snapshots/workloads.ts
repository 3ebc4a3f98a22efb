// The jobs whose state is saved: one query, one shard, many open panes with four records each.
import { Job, type SavedJob } from '../../../stream-service/src/engine/job.ts'
import { compileQuery } from '../../../stream-service/src/queries/compile.ts'
import type { CompiledQuery } from '../../../stream-service/src/queries/compiled-query.ts'
import { parseQuery } from '../../../stream-service/src/queries/parse-query.ts'
import { FieldPlan } from '../../../stream-service/src/records/fields.ts'
import type { StreamRecord } from '../../../stream-service/src/records/record.ts'
import { Random } from '../random.ts'

const midnight = 1_699_920_000_000
export const recordsPerPane = 4

const numbers = {
  count: { fn: 'count' },
  sum: { fn: 'sum', field: 'value' },
  avg: { fn: 'avg', field: 'value' },
}
const sketches = {
  p90: { fn: 'quantile', field: 'value', q: 0.9 },
  pages: { fn: 'distinct', field: 'page' },
  top: { fn: 'topK', field: 'page', k: 3 },
}
const day = { type: 'tumbling', size: '1d' }

export const workloads = {
  tumbling: { window: day, aggregates: numbers },
  sessions: { window: { type: 'session', gap: '1h' }, aggregates: numbers },
  quantile: { window: day, aggregates: { p90: sketches.p90 } },
  sketches: { window: day, aggregates: { ...numbers, ...sketches } },
} as const
export type WorkloadName = keyof typeof workloads

export function newJob(name: WorkloadName, saved?: SavedJob): Job {
  const { query, plan } = compiled(name)
  return new Job({ queries: [query], plan, saved, idleBy: 'reads' })
}

export function compiled(name: WorkloadName): { readonly query: CompiledQuery; readonly plan: FieldPlan } {
  const definition = { name, keyBy: ['userId'], time: { field: 'ts', unit: 'ms' }, ...workloads[name] }
  const plan = new FieldPlan()
  return { query: compileQuery(parseQuery(JSON.parse(JSON.stringify(definition)), name), plan), plan }
}

/** Batches that open so many panes. */
export function* batches(panes: number, seed: number): Generator<readonly StreamRecord[]> {
  const random = new Random(seed)
  let position = 0
  for (let round = 0; round < recordsPerPane; round++) {
    yield Array.from({ length: panes }, (_, n): StreamRecord => {
      const value = Math.round(50 - 4_000 * Math.log(1 - random.uniform())) / 100
      const page = Math.floor(1_000 * random.uniform())
      const userId = `u${String((n * 7_654_321) % 10_000_000).padStart(7, '0')}`
      const text = `{"userId":"${userId}","page":"/p/item-${page}","value":${value},"ts":${midnight + 1_000 * round}}`
      return { position: String(++position), partitionKey: '', arrivedAt: undefined, data: Buffer.from(text) }
    })
  }
}
