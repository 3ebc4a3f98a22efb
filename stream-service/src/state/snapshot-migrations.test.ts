import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import type { Emission } from '../engine/emission.ts'
import { Job, type SavedJob } from '../engine/job.ts'
import { queriesOfRun, recordsBefore, recordsInAll, recordsOfRun, shardIds } from './fixtures/format-2-run.ts'
import { decodeSnapshot } from './snapshot-codec.ts'

function newJob(saved?: SavedJob): Job {
  return new Job({ ...queriesOfRun(), saved, idleBy: 'reads' })
}

function take(job: Job, from: number, to: number): Emission[] {
  return [...recordsOfRun(from, to)].flatMap(([shardId, records]) => job.accept(shardId, records, 0, 5))
}

/** What comes of the rest of the run, in no order. */
function finish(job: Job): string[] {
  const emissions = [...take(job, recordsBefore, recordsInAll), ...job.drain()]
  return emissions.flatMap((emission) => (emission.kind === 'panes' ? emission.lines : [])).sort()
}

test('a snapshot of format 2 is gone on from as if its program had never stopped', async () => {
  const job = newJob()
  job.declare(shardIds.map((shardId) => ({ shardId, parentShardIds: [] })))
  job.tick(1)
  take(job, 0, recordsBefore)
  job.tick(25)
  const bytes = await readFile(new URL('./fixtures/format-2.snapshot', import.meta.url))
  const { version, state, note } = await decodeSnapshot(bytes, { name: 'service', where: 'format-2.snapshot' })
  const saved = state as unknown as { readonly job: SavedJob; readonly outbox: unknown }
  expect([version, note]).toEqual([1, null])
  expect(saved.outbox).toEqual([
    ['panes', 'a', 'a', '{"id":"a"}'],
    ['refused', 'b', 's1', '{"x":"ü"}'],
  ])
  const restored = newJob(saved.job)
  expect(restored.ledger()).toEqual(job.ledger())
  const rest = finish(job)
  expect(rest.length).toBeGreaterThan(300)
  expect(finish(restored)).toEqual(rest)
})
