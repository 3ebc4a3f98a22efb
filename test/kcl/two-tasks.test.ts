// Two services over one stream, with the KCL's leases, that are killed, put to sleep, stopped and started again while the stream
// is written and resharded: the final panes are those of a run without any of it.
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CreateStreamCommand,
  KinesisClient,
  ListShardsCommand,
  PutRecordsCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { type EmbeddedKinesis, startEmbeddedKinesis } from '../../stream-service/src/embedded-kinesis/server.ts'
import type { Ledger } from '../../stream-service/src/engine/ledger.ts'
import type { ServiceHealth } from '../../stream-service/src/service.ts'
import { finalPanesOf, ServiceProcess } from '../system/service-process.ts'
import { events, expectPanesOf, queries } from '../system/shop.ts'
import { type DynamoDbLocal, startDynamoDbLocal } from './dynamodb-local.ts'
import { childrenOf, kclEnv } from './worker-process.ts'

let dynamoDb: DynamoDbLocal
let kinesis: EmbeddedKinesis
let client: KinesisClient
let folder: string
let services: ServiceProcess[]
let asleep: number[]
/** Leases of an earlier test are those of another application. */
let application: string
let applications = 0
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
  asleep = []
  application = `two-tasks-${applications++}`
  all = []
})
afterEach(async () => {
  wake(...asleep)
  for (const service of services) await service.end()
  client.destroy()
  await kinesis.close()
  await rm(folder, { recursive: true, force: true })
})

const exchange = { MILLRACE_EXCHANGE_STREAM: 'exchange' }

/** The folder for snapshots is everybody's, as a bucket is. */
async function start(name: string, more: Readonly<Record<string, string>> = exchange): Promise<ServiceProcess> {
  const output = join(folder, name)
  await mkdir(output, { recursive: true })
  const environment = {
    stream: 'events',
    application,
    kinesis: kinesis.endpoint,
    dynamoDb: dynamoDb.endpoint,
    folder,
  }
  const env = {
    ...kclEnv(environment, name),
    MILLRACE_OUTPUT_DIR: output,
    MILLRACE_KCL_FAILOVER_MS: '5000',
    MILLRACE_SNAPSHOT_INTERVAL_MS: '500',
    ...more,
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

/** Writes until it is told to stop, so that what happens meanwhile happens under load. */
function load(): () => Promise<void> {
  const stopping = new AbortController()
  const writing = (async () => {
    while (!stopping.signal.aborted) {
      await put(10)
      await sleep(100)
    }
  })()
  writing.catch(() => {})
  return async () => {
    stopping.abort()
    await writing
  }
}

async function asks<T>(service: ServiceProcess, path: string): Promise<T> {
  const answer = await fetch(`http://127.0.0.1:${service.port}${path}`)
  return (await answer.json()) as T
}

async function heldBy(service: ServiceProcess): Promise<{ readonly lanes: number; readonly partitions: number }> {
  const { snapshots } = await asks<ServiceHealth>(service, '/health')
  return { lanes: Object.keys(snapshots.lanes).length, partitions: Object.keys(snapshots.merges).length }
}

/** Whether it holds so many shards, and all partitions of the exchange. */
async function holds(service: ServiceProcess, shards: number): Promise<boolean> {
  const { lanes, partitions } = await heldBy(service)
  return lanes === shards && partitions === 2
}

/** The KCL shares leases out by and by; nobody tells when it has. */
function until(isSo: () => Promise<boolean>): Promise<void> {
  return vi.waitFor(async () => expect(await isSo()).toBe(true), { timeout: 120_000, interval: 250 })
}

/** A service's daemons. */
function daemonsOf(service: ServiceProcess): number[] {
  return childrenOf(service.pid)
}

/** Stops all processes of a task as they are: the service, its daemons and their relays. */
function putToSleep(service: ServiceProcess): readonly number[] {
  const stopped: number[] = []
  const stop = (pid: number) => {
    process.kill(pid, 'SIGSTOP')
    stopped.push(pid)
    // After it was stopped it has no new ones.
    for (const child of childrenOf(pid)) stop(child)
  }
  stop(service.pid)
  asleep.push(...stopped)
  return stopped
}

function wake(...pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGCONT')
    } catch {
      // A daemon kills its relays, and those of a task that has ended are gone.
    }
  }
}

const panesOf = (name: string) => join(folder, name, 'panes.ndjson')

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
  await until(() => holds(b, 4))

  a = await start('a')
  await split()
  await put(2_000)
  await until(async () => (await heldBy(a)).lanes > 0)
  expect(await b.kill('SIGTERM')).toBe(0)
  await put(1_000)
  await until(() => holds(a, 5))
  await a.drain()
  expectPanesOf(all, await finalPanesOf(panesOf('a'), panesOf('b')))
}, 400_000)

test('a task that sleeps longer than its leases is fenced, and killed daemons and relays come back, under load', async () => {
  await client.send(new CreateStreamCommand({ StreamName: 'events', ShardCount: 4 }))
  await client.send(new CreateStreamCommand({ StreamName: 'exchange', ShardCount: 2 }))
  const a = await start('a', { ...exchange, LOG_LEVEL: 'warn' })
  const stopLoad = load()
  await a.fired(50)
  const [service, ...daemonsAndRelays] = putToSleep(a)
  const b = await start('b')
  await until(() => holds(b, 4))

  // The service wakes alone: from its daemons it would hear that its leases are lost, so its saves have to find out.
  wake(service!)
  await a.logged('another task has claimed this shard')
  wake(...daemonsAndRelays)
  // It gets shards again, and has given up those that it lost.
  await until(async () => {
    const [ofA, ofB] = [(await heldBy(a)).lanes, (await heldBy(b)).lanes]
    return ofA > 0 && ofB > 0 && ofA + ofB === 4
  })

  const [relay] = daemonsOf(a).flatMap(childrenOf)
  for (const pid of [...daemonsOf(b), relay!]) process.kill(pid, 'SIGKILL')
  await until(async () => (await heldBy(b)).lanes === 0)
  await until(async () => (await heldBy(b)).lanes > 0)

  expect(await a.kill('SIGTERM')).toBe(0)
  await until(() => holds(b, 4))
  await stopLoad()
  await b.drain()
  expectPanesOf(all, await finalPanesOf(panesOf('a'), panesOf('b')))
}, 400_000)

test('without an exchange nothing is published while each of two has a part of the shards, and all once one has all', async () => {
  await client.send(new CreateStreamCommand({ StreamName: 'events', ShardCount: 4 }))
  const [a, b] = await Promise.all([start('a', {}), start('b', {})])
  const missing = async (service: ServiceProcess) =>
    (await asks<ServiceHealth>(service, '/health')).heldBack?.missingShards.length ?? 0
  await until(
    async () => (await missing(a)) > 0 && (await missing(b)) > 0 && (await missing(a)) + (await missing(b)) === 4,
  )

  await put(2_000)
  const read = async (service: ServiceProcess) =>
    (await asks<Ledger>(service, '/v1/ledger')).queries.hops?.total.read ?? 0
  await until(async () => (await read(a)) + (await read(b)) === 2_000)
  expect(a.panesFired.count + b.panesFired.count).toBe(0)

  expect(await a.kill('SIGTERM')).toBe(0)
  await until(async () => (await missing(b)) === 0)
  await put(1_000)
  await b.drain()
  expect(await readFile(panesOf('a'), 'utf8')).toBe('')
  expectPanesOf(all, await finalPanesOf(panesOf('b')))
}, 400_000)
