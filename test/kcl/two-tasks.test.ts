// Two services over one stream, with the KCL's leases and an exchange, that are killed, stopped and started again while the
// stream is written and resharded: the final panes are those of a run without any of it.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateStreamCommand,
  KinesisClient,
  ListShardsCommand,
  PutRecordsCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { type EmbeddedKinesis, startEmbeddedKinesis } from '../../stream-service/src/embedded-kinesis/server.ts'
import type { ServiceHealth } from '../../stream-service/src/service.ts'
import { finalPanesOf, ServiceProcess } from '../system/service-process.ts'
import { events, expectPanesOf, queries } from '../system/shop.ts'
import { type DynamoDbLocal, startDynamoDbLocal } from './dynamodb-local.ts'
import { kclEnv } from './worker-process.ts'

let dynamoDb: DynamoDbLocal
let kinesis: EmbeddedKinesis
let client: KinesisClient
let folder: string
let services: ServiceProcess[]
let all: Record<string, unknown>[]

beforeAll(async () => {
  dynamoDb = await startDynamoDbLocal()
})
afterAll(() => dynamoDb?.stop())

beforeEach(async () => {
  kinesis = await startEmbeddedKinesis()
  client = new KinesisClient({
    endpoint: kinesis.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  })
  folder = await mkdtemp(join(tmpdir(), 'millrace-two-'))
  services = []
  all = []
})
afterEach(async () => {
  for (const service of services) await service.end()
  client.destroy()
  await kinesis.close()
  await rm(folder, { recursive: true, force: true })
})

/** The folder for snapshots is everybody's, as a bucket is. */
async function start(name: string): Promise<ServiceProcess> {
  const output = join(folder, name)
  await mkdir(output, { recursive: true })
  const environment = {
    stream: 'events',
    application: 'two-tasks',
    kinesis: kinesis.endpoint,
    dynamoDb: dynamoDb.endpoint,
    folder,
  }
  const env = {
    ...kclEnv(environment, name),
    MILLRACE_OUTPUT_DIR: output,
    MILLRACE_EXCHANGE_STREAM: 'exchange',
    MILLRACE_KCL_FAILOVER_MS: '5000',
    MILLRACE_SNAPSHOT_INTERVAL_MS: '500',
  }
  const service = await ServiceProcess.start({ endpoint: kinesis.endpoint, stream: 'events', folder, queries, env })
  services.push(service)
  return service
}

async function put(count: number): Promise<void> {
  const next = events(all.length, count, 500)
  all.push(...next)
  for (let at = 0; at < next.length; at += 500) {
    const Records = next
      .slice(at, at + 500)
      .map((record) => ({ PartitionKey: String(record.k), Data: Buffer.from(JSON.stringify(record)) }))
    const answer = await client.send(new PutRecordsCommand({ StreamName: 'events', Records }))
    expect(answer.FailedRecordCount).toBe(0)
  }
}

async function split(): Promise<void> {
  const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: 'events' }))
  const { ShardId, HashKeyRange } = Shards.find(
    ({ SequenceNumberRange }) => SequenceNumberRange?.EndingSequenceNumber === undefined,
  )!
  const middle = (BigInt(HashKeyRange!.StartingHashKey!) + BigInt(HashKeyRange!.EndingHashKey!)) / 2n
  await client.send(
    new SplitShardCommand({ StreamName: 'events', ShardToSplit: ShardId, NewStartingHashKey: String(middle) }),
  )
}

async function heldBy(service: ServiceProcess): Promise<{ readonly lanes: number; readonly partitions: number }> {
  const answer = await fetch(`http://127.0.0.1:${service.port}/health`)
  const { snapshots } = (await answer.json()) as ServiceHealth
  return { lanes: Object.keys(snapshots.lanes).length, partitions: Object.keys(snapshots.merges).length }
}

/** The KCL shares leases out by and by; nobody tells when it has. */
function until(isSo: () => Promise<boolean>): Promise<void> {
  return vi.waitFor(async () => expect(await isSo()).toBe(true), { timeout: 120_000, interval: 250 })
}

test('kill -9 of one, its return, a split and a handover lose nothing and change no final pane', async () => {
  await client.send(new CreateStreamCommand({ StreamName: 'events', ShardCount: 4 }))
  await client.send(new CreateStreamCommand({ StreamName: 'exchange', ShardCount: 2 }))
  let a = await start('a')
  const b = await start('b')
  await put(2_000)
  await until(async () => (await heldBy(a)).lanes > 0 && (await heldBy(b)).lanes > 0)
  await put(2_000)

  await a.kill('SIGKILL')
  await put(2_000)
  await until(async () => {
    const { lanes, partitions } = await heldBy(b)
    return lanes === 4 && partitions === 2
  })

  a = await start('a')
  await split()
  await put(2_000)
  await until(async () => (await heldBy(a)).lanes > 0)
  expect(await b.kill('SIGTERM')).toBe(0)
  await put(1_000)
  await until(async () => {
    const { lanes, partitions } = await heldBy(a)
    return lanes === 5 && partitions === 2
  })
  await a.drain()
  expectPanesOf(all, await finalPanesOf(join(folder, 'a', 'panes.ndjson'), join(folder, 'b', 'panes.ndjson')))
}, 400_000)
