// From a lease to the end of its first batch, as the service goes there: the shard's snapshot is read, restored and saved once
// more, which claims the shard, and the batch goes into its lanes.
import { KeyPartitions } from '../../../stream-service/src/engine/key-partitions.ts'
import { LaneKits } from '../../../stream-service/src/engine/lane-kits.ts'
import type { StreamRecord } from '../../../stream-service/src/records/record.ts'
import type { SnapshotStore } from '../../../stream-service/src/state/snapshot-store.ts'
import { OwnLaneReaders } from '../../../stream-service/src/tasks/lane-reader.ts'
import { LaneTask } from '../../../stream-service/src/tasks/lane-task.ts'
import { batches, compiled, recordsPerPane, type WorkloadName } from './workloads.ts'

/** Fills a lane with panes and lets go of it; resolves to a batch that comes after. */
export async function leaveLane(
  workload: WorkloadName,
  { panes, seed }: { readonly panes: number; readonly seed: number },
  store: SnapshotStore,
): Promise<readonly StreamRecord[]> {
  const lane = await openLane(workload, store)
  for (const records of batches(panes, seed)) await accept(lane, records)
  await lane.save()
  await lane.close()
  const [next] = batches(Math.min(panes, 500), seed)
  return next!.map((record, i) => ({ ...record, position: String(1_000_000_000 + i) }))
}

/** Milliseconds until a process that has nothing yet has taken the batch. */
export async function measureRecovery(
  workload: WorkloadName,
  { panes, batch }: { readonly panes: number; readonly batch: readonly StreamRecord[] },
  store: SnapshotStore,
): Promise<number> {
  const begunAt = performance.now()
  const lane = await openLane(workload, store)
  await accept(lane, batch)
  const tookMs = performance.now() - begunAt
  const read = lane.ledgers.get(workload)!.read
  if (read !== panes * recordsPerPane + batch.length) throw new Error(`${workload}: ${read} records came back`)
  await lane.close()
  return tookMs
}

function openLane(workload: WorkloadName, store: SnapshotStore): Promise<LaneTask> {
  const { query, plan } = compiled(workload)
  return LaneTask.open({
    shardId: 'shard',
    store,
    readers: new OwnLaneReaders(new LaneKits([query], plan, new KeyPartitions(1))),
    queries: [query.name],
    partitions: 1,
    owner: 'bench',
    start: async () => new Map([[query.name, { watermark: Number.NEGATIVE_INFINITY, isIdle: false }]]),
    now: () => 0,
    onRefused: () => {},
    onMessages: () => {},
  })
}

function accept(lane: LaneTask, records: readonly StreamRecord[]): Promise<void> {
  return lane.accept({ records, millisBehindLatest: 0 }, async () => {})
}
