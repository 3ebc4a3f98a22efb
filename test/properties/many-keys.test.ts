// More keys than are kept: those without a window are forgotten, their numbers go to others, and no pane is mixed up.
import { expect, test } from 'vitest'
import { Job } from '../../stream-service/src/engine/job.ts'
import { compileQuery } from '../../stream-service/src/queries/compile.ts'
import { parseQuery } from '../../stream-service/src/queries/parse-query.ts'
import { FieldPlan } from '../../stream-service/src/records/fields.ts'
import type { StreamRecord } from '../../stream-service/src/records/record.ts'

const keys = 300_000
const batch = 2_000
const firstInstant = 1_700_000_000_000

test.each([
  ['tumbling', { type: 'tumbling', size: '1s' }, 1],
  ['hopping', { type: 'hopping', size: '1s', every: '500ms' }, 2],
  ['session', { type: 'session', gap: '500ms' }, 1],
])('%s windows of ever new keys', (_, window, panesEach) => {
  const plan = new FieldPlan()
  const time = { field: 'ts', unit: 'ms' }
  const aggregates = { n: { fn: 'count' }, k: { fn: 'max', field: 'n' } }
  const query = parseQuery({ name: 'q', time, keyBy: ['k'], window, aggregates }, 'q')
  let panes = 0
  let wrong = 0
  const job = new Job({
    queries: [compileQuery(query, plan)],
    plan,
    onPanes: (emission) => {
      for (const line of emission.lines) {
        const { key, values } = JSON.parse(line)
        panes++
        // A page in ten has a sign that ids escape. The value names the key.
        if (key.k !== keyOf(values.k) || values.n !== 1) wrong++
      }
    },
  })
  for (let first = 0; first < keys; first += batch) {
    const records: StreamRecord[] = []
    for (let n = first; n < first + batch; n++) {
      const data = Buffer.from(JSON.stringify({ ts: firstInstant + n, k: keyOf(n), n }))
      records.push({ position: `${n}`, partitionKey: '', arrivedAt: undefined, data })
    }
    job.accept('s', records, 0, 0)
  }
  job.drain()
  expect({ panes, wrong }).toEqual({ panes: keys * panesEach, wrong: 0 })
})

function keyOf(n: number): string {
  return n % 10 === 0 ? `/k/${n}` : `k${n}`
}
