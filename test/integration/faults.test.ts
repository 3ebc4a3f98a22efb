// A service whose S3 and Firehose fail in every way there is, while the stream is written and resharded and the service is
// killed: what Firehose has delivered to S3 is in the end what the oracle says.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateStreamCommand,
  KinesisClient,
  ListShardsCommand,
  PutRecordsCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis'
import { LocalstackContainer, type StartedLocalStackContainer } from '@testcontainers/localstack'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { type EmbeddedKinesis, startEmbeddedKinesis } from '../../stream-service/src/embedded-kinesis/server.ts'
import { type Fault, FaultProxy, type FaultRule } from '../faults/fault-proxy.ts'
import { finalPanes, ServiceProcess } from '../system/service-process.ts'
import { events, expectPanesOf, queries } from '../system/shop.ts'
import { clientConfig, createBucket, createDelivery, linesInS3 } from './local-stack.ts'

const lines = 'faults-lines'
const snapshots = 'faults-snapshots'
const panesFirehose = 'faults-panes'

let container: StartedLocalStackContainer
let localStack: string
let kinesis: EmbeddedKinesis
let client: KinesisClient
let proxy: FaultProxy
let folder: string
const services: ServiceProcess[] = []
const all: Record<string, unknown>[] = []

beforeAll(async () => {
  container = await new LocalstackContainer('localstack/localstack:4.14.0')
    .withEnvironment({ SERVICES: 's3,firehose,iam,sts' })
    .start()
  localStack = container.getConnectionUri()
  await createBucket(snapshots, localStack)
  await createBucket(lines, localStack)
  await createDelivery(panesFirehose, lines, 'panes/', localStack)
})
afterAll(() => container?.stop({ timeout: 15_000 }))

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-faults-'))
  proxy = await FaultProxy.start(localStack)
  kinesis = await startEmbeddedKinesis()
  client = new KinesisClient(clientConfig(kinesis.endpoint))
  await client.send(new CreateStreamCommand({ StreamName: 'events', ShardCount: 2 }))
})
afterEach(async () => {
  for (const service of services) await service.end()
  client?.destroy()
  await kinesis?.close()
  await proxy?.stop()
  await rm(folder, { recursive: true, force: true })
})

async function start(): Promise<ServiceProcess> {
  const service = await ServiceProcess.start({
    endpoint: kinesis.endpoint,
    stream: 'events',
    folder,
    queries,
    env: {
      MILLRACE_SNAPSHOT_BUCKET: snapshots,
      MILLRACE_PANES_FIREHOSE: panesFirehose,
      AWS_ENDPOINT_URL_S3: proxy.endpoint,
      AWS_ENDPOINT_URL_FIREHOSE: proxy.endpoint,
    },
  })
  services.push(service)
  return service
}

async function put(count: number): Promise<void> {
  const next = events(all.length, count, 500)
  all.push(...next)
  for (let at = 0; at < next.length; at += 250) {
    const Records = next
      .slice(at, at + 250)
      .map((record) => ({ PartitionKey: String(record.k), Data: Buffer.from(JSON.stringify(record)) }))
    expect((await client.send(new PutRecordsCommand({ StreamName: 'events', Records }))).FailedRecordCount).toBe(0)
  }
}

async function split(): Promise<void> {
  const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: 'events' }))
  const { ShardId, HashKeyRange } = Shards[0]!
  const middle = (BigInt(HashKeyRange!.StartingHashKey!) + BigInt(HashKeyRange!.EndingHashKey!)) / 2n
  await client.send(
    new SplitShardCommand({ StreamName: 'events', ShardToSplit: ShardId, NewStartingHashKey: String(middle) }),
  )
}

const throttled: Fault = { kind: 'error', status: 400, code: 'ThrottlingException' }
const slowDown: Fault = { kind: 'error', status: 503, code: 'SlowDown' }
const failure: Fault = { kind: 'error', status: 500, code: 'InternalError' }
const reset: Fault = { kind: 'reset' }
const lost: Fault = { kind: 'lose-answer' }
const cut: Fault = { kind: 'cut-answer' }
/** What one rule lets through the next one counts. */
const faults: readonly FaultRule[] = [
  ...[throttled, failure, reset, lost, cut].map((fault) => ({ fault, every: 4, target: /PutRecordBatch/ })),
  ...[slowDown, failure, reset, lost, cut].map((fault) => ({ fault, every: 7, method: 'PUT' })),
  ...[slowDown, failure, reset, cut].map((fault) => ({ fault, every: 9, method: 'GET' })),
]

/** Whether each kind of fault has met both lines and snapshots since so many requests. */
function haveAllMetBoth(since: number): boolean {
  const seen = proxy.seen.slice(since).filter(({ method }) => method !== 'GET')
  return [true, false].every((areLines) =>
    (['error', 'reset', 'lose-answer', 'cut-answer'] as const).every((kind) =>
      seen.some(({ fault, target }) => fault === kind && (target !== undefined) === areLines),
    ),
  )
}

test('errors, throttling, resets and lost answers of S3 and Firehose, kill -9 and a split change no line', async () => {
  for (const rule of faults) proxy.inject(rule)
  let service = await start()
  await put(2_000)
  await service.fired(200)
  await service.kill('SIGKILL')

  await split()
  service = await start()
  await put(2_000)
  await service.fired(200)
  expect(await service.kill('SIGTERM')).toBe(0)

  service = await start()
  await put(1_000)
  await service.fired(50)
  const since = proxy.seen.length
  while (!haveAllMetBoth(since)) {
    await put(100)
    await service.fired(service.panesFired.count + 10)
  }
  proxy.clear()
  const ledger = await service.drain()
  expect(ledger.queries.hops?.total).toMatchObject({ read: all.length, aggregated: all.length })
  // Firehose tells nobody when it has written.
  await vi.waitFor(async () => expectPanesOf(all, finalPanes(await linesInS3(lines, 'panes/', localStack))), {
    timeout: 30_000,
    interval: 1_000,
  })
})
