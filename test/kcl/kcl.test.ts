// The source `kcl` with the real daemon: the KCL's own leases in DynamoDB Local, records from the embedded Kinesis, and
// workers that are processes, so that they can be killed.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateStreamCommand, KinesisClient, PutRecordsCommand, SplitShardCommand } from '@aws-sdk/client-kinesis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type EmbeddedKinesis, startEmbeddedKinesis } from '../../stream-service/src/embedded-kinesis/server.ts'
import { ServiceProcess } from '../system/service-process.ts'
import { type DynamoDbLocal, startDynamoDbLocal } from './dynamodb-local.ts'
import { type KclEnvironment, kclEnv, WorkerProcess } from './worker-process.ts'

let dynamoDb: DynamoDbLocal
let kinesis: EmbeddedKinesis
let client: KinesisClient
let environment: KclEnvironment
let applications = 0
let clockOffsetMs = 0
const workers: WorkerProcess[] = []

beforeAll(async () => {
  dynamoDb = await startDynamoDbLocal()
})
afterAll(() => dynamoDb?.stop())

beforeEach(async () => {
  clockOffsetMs = 0
  kinesis = await startEmbeddedKinesis({ now: () => Date.now() + clockOffsetMs })
  client = new KinesisClient({
    endpoint: kinesis.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  })
  environment = {
    stream: 'orders',
    application: `orders-${applications++}`,
    kinesis: kinesis.endpoint,
    dynamoDb: dynamoDb.endpoint,
    folder: await mkdtemp(join(tmpdir(), 'millrace-kcl-test-')),
  }
})

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.kill('SIGKILL')))
  client.destroy()
  await kinesis.close()
  await rm(environment.folder, { recursive: true, force: true })
})

async function start(workerId: string, env: Readonly<Record<string, string>> = {}): Promise<WorkerProcess> {
  await mkdir(join(environment.folder, workerId), { recursive: true })
  const worker = new WorkerProcess(environment, workerId, env)
  workers.push(worker)
  return worker
}

const ids = ['0', '1', '2', '3', '4', '5'].map((digit) => `shardId-00000000000${digit}`)
/** What was put into each shard, in order. */
let put = new Map<string, string[]>()
let serial = 0

async function create(shards: number): Promise<void> {
  put = new Map()
  serial = 0
  await client.send(new CreateStreamCommand({ StreamName: environment.stream, ShardCount: shards }))
}

/** Puts records with keys of all shards. */
async function putRecords(count: number): Promise<void> {
  const texts = Array.from({ length: count }, () => JSON.stringify({ n: serial++, at: 1_700_000_000_000 + serial }))
  const { Records = [] } = await client.send(
    new PutRecordsCommand({
      StreamName: environment.stream,
      Records: texts.map((text, i) => ({ PartitionKey: `k${i}`, Data: Buffer.from(text) })),
    }),
  )
  for (const [i, { ShardId = '' }] of Records.entries()) put.set(ShardId, [...(put.get(ShardId) ?? []), texts[i]!])
}

function hasAll(...readers: readonly WorkerProcess[]): boolean {
  const read = new Set(readers.flatMap(({ texts }) => texts))
  return [...put.values()].flat().every((text) => read.has(text))
}

function isCheckpointed(worker: WorkerProcess, shardIds: readonly string[]): boolean {
  return shardIds.every((shardId) => worker.count('checkpoint', shardId) > 0)
}

test('each record comes once and in order, through a split and a restart that goes on after the checkpoint', async () => {
  await create(3)
  await putRecords(60)
  const first = await start('a')
  await first.until((worker) => hasAll(worker) && isCheckpointed(worker, ids.slice(0, 3)))
  await client.send(
    new SplitShardCommand({ StreamName: environment.stream, ShardToSplit: ids[0], NewStartingHashKey: '5'.repeat(37) }),
  )
  await putRecords(60)
  await first.until((worker) => hasAll(worker) && isCheckpointed(worker, ids.slice(0, 5)))
  expect(first.messages).toContainEqual({ kind: 'released', shardId: ids[0], reason: 'shard-end' })
  expect(await first.kill('SIGTERM')).toBe(0)
  for (const shardId of put.keys()) expect(first.textsOf(shardId), shardId).toEqual(put.get(shardId))

  put = new Map()
  await putRecords(60)
  const second = await start('a')
  await second.until(hasAll)
  // The daemon's checkpoint is behind the last record, so that nothing of the first run comes again.
  for (const shardId of put.keys()) expect(second.textsOf(shardId), shardId).toEqual(put.get(shardId))
  expect(second.messages).not.toContainEqual(expect.objectContaining({ shardId: ids[0] }))
  expect(await second.kill('SIGTERM')).toBe(0)
})

test('a relay that is killed costs nothing but a new start of the daemon', async () => {
  await create(2)
  await putRecords(20)
  const worker = await start('a')
  await worker.until(hasAll)
  process.kill(worker.relays()[0]!, 'SIGKILL')
  await worker.until(() => ids.slice(0, 2).every((shardId) => worker.count('released', shardId) > 0))
  await putRecords(20)
  await worker.until(hasAll)
  for (const shardId of put.keys()) expect(worker.textsOf(shardId), shardId).toEqual(put.get(shardId))
})

test('two workers share the shards, and one takes over what the other leaves, killed or stopped', async () => {
  await create(4)
  await putRecords(40)
  const a = await start('a')
  await a.until((worker) => hasAll(worker) && worker.count('session') === 4)
  const b = await start('b')
  await b.until((worker) => worker.count('session') >= 2)
  await putRecords(40)
  await a.until(() => hasAll(a, b) || a.count('released') < 2)
  await a.kill('SIGKILL')
  await putRecords(40)
  await b.until((worker) => hasAll(a, worker) && worker.count('session') >= 4)
  // At the handover some may have come to both, and again in a later session; each session has them in order.
  expect(b.sessionsInOrder()).toBe(true)
  const c = await start('c')
  expect(await b.kill('SIGTERM')).toBe(0)
  await putRecords(40)
  await c.until((worker) => hasAll(a, b, worker))
})

test('the service goes on where it was when it is killed, with its daemon left behind or not', async () => {
  await create(2)
  const options = {
    endpoint: kinesis.endpoint,
    stream: environment.stream,
    folder: environment.folder,
    queries: [
      {
        name: 'count',
        time: { field: 'at', unit: 'ms', outOfOrderness: '0s' },
        window: { type: 'tumbling', size: '10ms' },
        aggregates: { n: { fn: 'count' } },
      },
    ],
    env: kclEnv(environment, 'a'),
  }
  await putRecords(200)
  const first = await ServiceProcess.start(options)
  await first.fired(5)
  await first.kill('SIGKILL')
  await putRecords(200)
  const second = await ServiceProcess.start(options)
  const ledger = await second.drain()
  expect(ledger.queries.count?.total.read).toBe(400)
})

test('LATEST is where the application began, for shards without a checkpoint too', async () => {
  await create(2)
  // What was there a minute before.
  clockOffsetMs = -60_000
  await putRecords(20)
  clockOffsetMs = 0
  put = new Map()
  const first = await start('a', { MILLRACE_START_AT: 'LATEST' })
  await first.until((worker) => worker.count('session') === 2)
  await first.kill('SIGKILL')
  // Nobody reads now, and no shard has a checkpoint yet.
  await putRecords(20)
  const second = await start('a', { MILLRACE_START_AT: 'LATEST' })
  await second.until(hasAll)
  for (const shardId of put.keys()) expect(second.textsOf(shardId), shardId).toEqual(put.get(shardId))
})
