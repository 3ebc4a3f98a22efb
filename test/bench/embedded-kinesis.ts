// Measures the embedded Kinesis with the ordinary AWS SDK, the server in a process of its own so that its CPU time is
// told apart from the client's:
//   1. batches of 500 put, then read, with 0, 20,000 and 100,000 records already stored;
//   2. a steady load with trimming: CPU share and memory of the server.
//
//   node test/bench/embedded-kinesis.ts [steady seconds, default 30]
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CreateStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  PutRecordsCommand,
} from '@aws-sdk/client-kinesis'
import { type KinesisServer, startKinesisServer } from './kinesis-server.ts'

const BATCH = 500
const RECORD_BYTES = 250
const MEASURED_RECORDS = 20_000
const STORED_BEFORE = [0, 20_000, 100_000]
const STEADY_PER_SECOND = 5_000
const STEADY_RETENTION_MS = 10_000
const READ_EVERY_MS = 200

async function main(steadySeconds: number): Promise<void> {
  for (const stored of STORED_BEFORE) {
    const server = await startKinesisServer()
    await measureBatches(server, stored)
    await server.stop()
  }
  const server = await startKinesisServer(STEADY_RETENTION_MS)
  await measureSteady(server, steadySeconds)
  await server.stop()
}

async function measureBatches(server: KinesisServer, stored: number): Promise<void> {
  const client = clientOf(server)
  const stream = await createStream(client, 1)
  for (let put = 0; put < stored; put += BATCH) await putBatch(client, stream)
  await warmUp(client)

  const put = await timed(server, async () => {
    for (let count = 0; count < MEASURED_RECORDS; count += BATCH) await putBatch(client, stream)
  })
  const get = await timed(server, () => readRecords(client, stream, MEASURED_RECORDS))
  client.destroy()
  console.log(
    `${String(stored).padStart(7)} stored | put ${rate(put.ms)} records/s, ${cpu(put.cpuMs)} µs server CPU per record | ` +
      `get ${rate(get.ms)} records/s, ${cpu(get.cpuMs)} µs server CPU per record`,
  )
}

/** Both code paths run hot before anything is timed, in a stream of their own. */
async function warmUp(client: KinesisClient): Promise<void> {
  const stream = await createStream(client, 1)
  for (let count = 0; count < 10_000; count += BATCH) await putBatch(client, stream)
  await readRecords(client, stream, 10_000)
}

/** Puts at a constant rate and reads every shard five times a second; a report every five seconds. */
async function measureSteady(server: KinesisServer, seconds: number): Promise<void> {
  const client = clientOf(server)
  const stream = await createStream(client, 2)
  const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: stream }))
  const iterators = await Promise.all(Shards.map((shard) => startIterator(client, stream, shard.ShardId!)))
  let put = 0
  let got = 0
  let isOver = false
  const reading = iterators.map(async (start) => {
    let iterator = start
    while (!isOver) {
      const read = await client.send(new GetRecordsCommand({ ShardIterator: iterator }))
      got += read.Records!.length
      iterator = read.NextShardIterator!
      await sleep(READ_EVERY_MS)
    }
  })
  const startedAt = Date.now()
  const first = await server.usage()
  let last = first
  let lastAt = startedAt
  while (Date.now() - startedAt < seconds * 1000) {
    await putBatch(client, stream)
    put += BATCH
    await sleep(Math.max(0, startedAt + (put / STEADY_PER_SECOND) * 1000 - Date.now()))
    if (Date.now() - lastAt < 5_000) continue
    const usage = await server.usage()
    const share = (100 * (usage.cpuMs - last.cpuMs)) / (Date.now() - lastAt)
    const elapsed = Math.round((Date.now() - startedAt) / 1000)
    console.log(
      `steady ${elapsed} s | put ${put}, got ${got} | server ${share.toFixed(1)} % of a core, ${usage.rssMiB} MiB`,
    )
    last = usage
    lastAt = Date.now()
  }
  isOver = true
  await Promise.all(reading)
  client.destroy()
}

async function readRecords(client: KinesisClient, stream: string, count: number): Promise<void> {
  let iterator = await startIterator(client, stream, 'shardId-000000000000')
  for (let got = 0; got < count; ) {
    const read = await client.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: 5_000 }))
    got += read.Records!.length
    iterator = read.NextShardIterator!
  }
}

async function startIterator(client: KinesisClient, StreamName: string, ShardId: string): Promise<string> {
  const start = { StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' } as const
  return (await client.send(new GetShardIteratorCommand(start))).ShardIterator!
}

let streamsMade = 0
async function createStream(client: KinesisClient, shards: number): Promise<string> {
  const StreamName = `bench-${++streamsMade}`
  await client.send(new CreateStreamCommand({ StreamName, ShardCount: shards }))
  return StreamName
}

const data = Buffer.from(
  JSON.stringify({ type: 'purchase', page: '/p/7', pad: 'x'.repeat(300) }).slice(0, RECORD_BYTES),
)
let recordsMade = 0
async function putBatch(client: KinesisClient, StreamName: string): Promise<void> {
  const Records = Array.from({ length: BATCH }, () => ({ Data: data, PartitionKey: `user-${recordsMade++ % 5_000}` }))
  const { FailedRecordCount } = await client.send(new PutRecordsCommand({ StreamName, Records }))
  if (FailedRecordCount !== 0) throw new Error(`${FailedRecordCount} records were refused`)
}

async function timed(server: KinesisServer, work: () => Promise<void>): Promise<{ ms: number; cpuMs: number }> {
  const before = await server.usage()
  const startedAt = performance.now()
  await work()
  const ms = performance.now() - startedAt
  return { ms, cpuMs: (await server.usage()).cpuMs - before.cpuMs }
}

function rate(ms: number): string {
  return String(Math.round(MEASURED_RECORDS / (ms / 1000))).padStart(7)
}

function cpu(cpuMs: number): string {
  return ((cpuMs * 1000) / MEASURED_RECORDS).toFixed(1).padStart(5)
}

function clientOf(server: KinesisServer): KinesisClient {
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' }
  return new KinesisClient({ endpoint: server.endpoint, region: 'us-east-1', credentials })
}

await main(Number(process.argv[2] ?? 30))
