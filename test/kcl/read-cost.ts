// What reading with the KCL costs in the service's process: `node test/kcl/read-cost.ts`. A child plays the daemon and its
// relay: it sends `processRecords` lines over the Unix socket, each when the one before is answered. This process reads
// them with the source's own parts and gives them to a job, and then the same records once more from memory. Shares of both
// are CPU time, and so is what docs/kcl.md compares with `millrace replay`.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Job } from '../../stream-service/src/engine/job.ts'
import { compileQuery } from '../../stream-service/src/queries/compile.ts'
import { parseQuery } from '../../stream-service/src/queries/parse-query.ts'
import { FieldPlan } from '../../stream-service/src/records/fields.ts'
import type { StreamRecord } from '../../stream-service/src/records/record.ts'
import { Conversation } from '../../stream-service/src/sources/kcl/conversation.ts'

const recordsPerLine = 1_000
const lines = 1_000
const warmUp = 200

if (process.argv[2] === undefined) await measure()
else await playDaemon(process.argv[2])

async function measure(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-kcl-read-'))
  const socketPath = join(folder, 'shards.sock')
  const server = createServer().listen(socketPath)
  await once(server, 'listening')
  const child = fork(import.meta.filename, [socketPath])
  const [socket] = await once(server, 'connection')
  const job = newJob()
  const kept: StreamRecord[][] = []
  let read = 0
  let begin = process.cpuUsage()
  const { promise, resolve } = Promise.withResolvers<void>()
  new Conversation(socket, {
    answer: async (question) => {
      if (question.action !== 'processRecords') return
      const { records, millisBehindLatest } = question.batch
      job.accept('s1', records, millisBehindLatest, 0)
      if (kept.length < 50)
        kept.push(
          records.map(({ position, partitionKey, arrivedAt, data }) => ({
            position,
            partitionKey,
            arrivedAt,
            data: data.slice(),
          })),
        )
      if (++read === warmUp) begin = process.cpuUsage()
    },
    closed: () => resolve(),
  })
  await promise
  const withKcl = microsPerRecord(begin, read - warmUp)
  server.close()
  child.kill()
  rmSync(folder, { recursive: true })

  const other = newJob()
  for (let i = 0; i < warmUp; i++) other.accept('s1', kept[i % kept.length]!, 1, 0)
  const again = process.cpuUsage()
  for (let i = 0; i < 500; i++) other.accept('s1', kept[i % kept.length]!, 1, 0)
  const alone = microsPerRecord(again, 500)
  process.stdout.write(
    `a record of 248 bytes: ${withKcl.toFixed(2)} µs of CPU with the KCL, ${alone.toFixed(2)} µs for the job alone\n`,
  )
}

function microsPerRecord(begin: NodeJS.CpuUsage, batches: number): number {
  const { user, system } = process.cpuUsage(begin)
  return (user + system) / (batches * recordsPerLine)
}

function newJob(): Job {
  const plan = new FieldPlan()
  const query = parseQuery(
    {
      name: 'count',
      time: { field: 'ts', unit: 'ms', outOfOrderness: '1s' },
      window: { type: 'tumbling', size: '10s' },
      aggregates: { n: { fn: 'count' } },
    },
    'query',
  )
  const job = new Job({ queries: [compileQuery(query, plan)], plan, saved: undefined, idleBy: 'reads' })
  job.declare([{ shardId: 's1', parentShardIds: [] }])
  return job
}

async function playDaemon(socketPath: string): Promise<void> {
  const made = Array.from({ length: 50 }, (_, i) => aLine(i * recordsPerLine))
  const socket = connect(socketPath)
  await once(socket, 'connect')
  for (let i = 0; i < lines + warmUp; i++) {
    socket.write(made[i % made.length]!)
    await once(socket, 'data')
  }
  socket.end()
}

function aLine(from: number): string {
  const records = Array.from({ length: recordsPerLine }, (_, i) => {
    const n = from + i
    const event = {
      type: 'purchase',
      ts: 1_700_000_000_000 + n,
      page: `/p/${n % 100}`,
      userId: `u${n}`,
      value: n % 97,
      n,
    }
    const text = `${JSON.stringify(event).slice(0, -1)},"pad":"`.padEnd(246, 'x').concat('"}')
    return {
      data: Buffer.from(text).toString('base64'),
      partitionKey: `k${n}`,
      sequenceNumber: `495903382714902566085596925383615710959215759891365${String(n).padStart(5, '0')}`,
      approximateArrivalTimestamp: 1_700_000_000_000 + n,
      subSequenceNumber: 0,
      action: 'record',
    }
  })
  return `${JSON.stringify({ action: 'processRecords', records, millisBehindLatest: 1 })}\n`
}
