// The mode --snapshots: how long taking a snapshot keeps everything else waiting while many panes are open, how long it takes in
// all, to the disk, how large it is, and how long it takes to go on from it.
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { SnapshotValue } from '../../../stream-service/src/aggregates/snapshot-value.ts'
import type { Job, SavedJob } from '../../../stream-service/src/engine/job.ts'
import { openFolderStore } from '../../../stream-service/src/state/folder-store.ts'
import { workFolder } from '../cache.ts'
import type { Found } from '../findings.ts'
import type { SnapshotsOptions } from '../options.ts'
import { median } from '../samples.ts'
import { describeTarget, isMet, type Target } from '../target.ts'
import { formatTable } from '../text-table.ts'
import { leaveLane, measureRecovery } from './recovery.ts'
import { longestStall } from './stall.ts'
import { batches, newJob, recordsPerPane, type WorkloadName, workloads } from './workloads.ts'

/** The targets are meant for so many panes of numbers. */
const targetPanes = 100_000

interface Row {
  readonly workload: WorkloadName
  readonly panes: number
  readonly bytes: number
  /** A sample per run. `cpuMs` is the CPU time of the part that nothing else can come between; it is told apart from a busy machine. */
  readonly cpuMs: readonly number[]
  readonly stallMs: readonly number[]
  readonly saveMs: readonly number[]
  readonly restoreMs: readonly number[]
  /** From a lease to the end of its first batch. */
  readonly recoveryMs: readonly number[]
  readonly faults: readonly string[]
}

export async function measureSnapshots(options: SnapshotsOptions, say: (text: string) => void): Promise<Found> {
  const { panes, runs, seed } = options
  const rows: Row[] = []
  for (const workload of Object.keys(workloads) as WorkloadName[]) {
    say(`${workload}: ${runs} ${runs === 1 ? 'snapshot' : 'snapshots'} of ${panes} panes`)
    rows.push(await measure(workload, options))
  }
  const targets = panes < targetPanes ? [] : targetsOf(rows)
  return {
    text: [
      tableOf(rows),
      '',
      ...(targets.length === 0 ? [`the targets are for ${targetPanes} panes`] : targets.map(describeTarget)),
      `${panes} panes of ${recordsPerPane} records (seed ${seed}), medians of ${runs} ${runs === 1 ? 'run' : 'runs'}`,
    ],
    data: { panes, runs, seed, rows, targets: targets.map((target) => ({ ...target, isMet: isMet(target) })) },
    failures: rows.flatMap(({ workload, faults }) => faults.map((fault) => `${workload} is wrong: ${fault}`)),
  }
}

async function measure(workload: WorkloadName, { panes, runs, seed }: SnapshotsOptions): Promise<Row> {
  const folder = join(workFolder, `snapshots-${workload}`)
  mkdirSync(folder, { recursive: true })
  const job = newJob(workload)
  for (const records of batches(panes, seed)) job.accept('shard', records, 0, 0)
  const cpuMs: number[] = []
  const stallMs: number[] = []
  const saveMs: number[] = []
  const restoreMs: number[] = []
  const recoveryMs: number[] = []
  const store = await openFolderStore({ folder })
  let restored: Job | undefined
  let version = 0
  for (let run = 0; run < runs; run++) {
    stallMs.push(
      await longestStall(async () => {
        const begunAt = performance.now()
        const before = process.threadCpuUsage()
        const saving = store.save(workload, { state: job.save() as unknown as SnapshotValue }, version)
        const { user, system } = process.threadCpuUsage(before)
        cpuMs.push((user + system) / 1_000)
        version = await saving
        saveMs.push(performance.now() - begunAt)
      }),
    )
    const begunAt = performance.now()
    const loaded = await (await openFolderStore({ folder })).load(workload)
    restored = newJob(workload, loaded!.state as unknown as SavedJob)
    restoreMs.push(performance.now() - begunAt)
  }
  const batch = await leaveLane(workload, { panes, seed }, store)
  for (let run = 0; run < runs; run++) {
    recoveryMs.push(await measureRecovery(workload, { panes, batch }, await openFolderStore({ folder })))
  }
  const files = join(folder, workload)
  const bytes = statSync(join(files, readdirSync(files).sort().at(-1)!)).size
  return {
    workload,
    panes,
    bytes,
    cpuMs,
    stallMs,
    saveMs,
    restoreMs,
    recoveryMs,
    faults: faultsOf(job, restored!, panes),
  }
}

/** What is restored has to come to the same as what was saved. */
function faultsOf(job: Job, restored: Job, panes: number): string[] {
  const [wanted, found] = [job, restored].map((one) =>
    one
      .drain()
      .flatMap((emission) => (emission.kind === 'panes' ? [...emission.lines] : []))
      .sort(),
  ) as [string[], string[]]
  const different = wanted.findIndex((line, i) => line !== found[i])
  return [
    ...(wanted.length === panes ? [] : [`${wanted.length} panes were open`]),
    ...(found.length === wanted.length ? [] : [`${found.length} of ${wanted.length} panes came back`]),
    ...(different < 0 ? [] : [`${found[different]} rather than ${wanted[different]}`]),
  ]
}

function targetsOf(rows: readonly Row[]): Target[] {
  return rows
    .filter(({ workload }) => workload === 'tumbling' || workload === 'sessions')
    .flatMap(({ workload, stallMs, restoreMs, recoveryMs }) => [
      { name: `${workload}: stall`, value: median(stallMs), most: 50, unit: ' ms', digits: 0 },
      { name: `${workload}: restore`, value: median(restoreMs), most: 300, unit: ' ms', digits: 0 },
      { name: `${workload}: lease to first batch`, value: median(recoveryMs), most: 2_000, unit: ' ms', digits: 0 },
    ])
}

function tableOf(rows: readonly Row[]): string {
  return formatTable({
    headings: [
      'open panes',
      'stall ms',
      'the first',
      'CPU ms of it',
      'in all ms',
      'bytes a pane',
      'restore ms',
      'recovery ms',
    ],
    textColumns: [0],
    lines: rows.map(({ workload, panes, bytes, cpuMs, stallMs, saveMs, restoreMs, recoveryMs }) => [
      workload,
      median(stallMs).toFixed(0),
      stallMs[0]!.toFixed(0),
      median(cpuMs).toFixed(0),
      median(saveMs).toFixed(0),
      (bytes / panes).toFixed(1),
      median(restoreMs).toFixed(0),
      median(recoveryMs).toFixed(0),
    ]),
  })
}
