// The service's way without a network: the records of four shards go through a JobRunner, in batches, side by side. Prints the
// time from the first batch to the last pane and a digest of all panes, as JSON: `shards.ts QUERY INPUT THREADS`.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Job } from '../../../stream-service/src/engine/job.ts'
import { compileQuery } from '../../../stream-service/src/queries/compile.ts'
import { parseQuery } from '../../../stream-service/src/queries/parse-query.ts'
import { FieldPlan } from '../../../stream-service/src/records/fields.ts'
import type { StreamRecord } from '../../../stream-service/src/records/record.ts'
import { JobRunner } from '../../../stream-service/src/threads/job-runner.ts'
import { LaneThreads } from '../../../stream-service/src/threads/lane-threads.ts'
import { queryFile } from '../queries.ts'

const shardCount = 4
/** As GetRecords gives them under load. */
const batchRecords = 1_000

export interface ShardsOutcome {
  readonly elapsedMs: number
  readonly cpuMs: number
  readonly panes: number
  readonly digest: string
}

const [queryName, input, threadCount] = process.argv.slice(2) as [string, string, string]
const spec = parseQuery(JSON.parse(readFileSync(queryFile(queryName), 'utf8')), queryName)
const count = Number(threadCount)
const threads = count === 1 ? undefined : new LaneThreads(count, { queries: [spec] })
const bytes = readFileSync(input)
const shards = cutShards()
// The first pass is the warm-up.
await run(shards.map((batches) => batches.slice(0, Math.ceil(batches.length / 4))))
process.stdout.write(JSON.stringify(await run(shards)))
await threads?.close()

/** Batches by shard, as the ends of lines in `bytes`; lines go to the shards in turn. */
function cutShards(): number[][][] {
  const batches: number[][][] = Array.from({ length: shardCount }, () => [[]])
  let line = 0
  for (let start = 0; start < bytes.length; line++) {
    const end = bytes.indexOf(10, start)
    const own = batches[line % shardCount]!
    if (own.at(-1)!.length === 2 * batchRecords) own.push([])
    own.at(-1)!.push(start, end)
    start = end + 1
  }
  return batches
}

/** Records made when they are needed, as a source does, so that no collection has to look at all of them. */
function recordsOf(batch: readonly number[]): StreamRecord[] {
  const records: StreamRecord[] = []
  for (let i = 0; i < batch.length; i += 2) {
    const [start, end] = [batch[i]!, batch[i + 1]!]
    records.push({ position: `${start}`, partitionKey: '', arrivedAt: undefined, data: bytes.subarray(start, end) })
  }
  return records
}

async function run(shards: readonly (readonly number[][])[]): Promise<ShardsOutcome> {
  const plan = new FieldPlan()
  // What comes out is looked at behind the clock.
  const output: Buffer[] = []
  let panes = 0
  const job = new Job({
    queries: [compileQuery(spec, plan)],
    plan,
    onPanes: ({ bytes, count }) => {
      panes += count
      output.push(Buffer.from(bytes))
    },
  })
  const runner = new JobRunner({ job, threads, onEmissions() {} })
  await runner.declare(shards.map((_, i) => ({ shardId: `s${i}`, parentShardIds: [] })))
  const usage = process.cpuUsage()
  const startedAt = performance.now()
  await readInTurns(shards, runner)
  await runner.drain()
  const elapsedMs = performance.now() - startedAt
  const { user, system } = process.cpuUsage(usage)
  return { elapsedMs, cpuMs: (user + system) / 1_000, panes, digest: digestOf(output) }
}

function digestOf(output: readonly Buffer[]): string {
  const hash = createHash('sha256')
  for (const bytes of output) hash.update(bytes)
  return hash.digest('hex')
}

/** Each shard has one batch under way; the next ones go out when all are done, so that every run sees the same order. */
async function readInTurns(shards: readonly (readonly number[][])[], runner: JobRunner): Promise<void> {
  const under = shards.map(() => Promise.resolve())
  const turns = Math.max(...shards.map((batches) => batches.length))
  for (let turn = 0; turn < turns; turn++) {
    for (const [i, batches] of shards.entries()) {
      await under[i]
      const batch = batches[turn]
      if (batch !== undefined) under[i] = runner.accept(`s${i}`, recordsOf(batch), 0, 0)
    }
  }
  await Promise.all(under)
}
