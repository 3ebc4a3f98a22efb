// A service that is told to stop while its sink does not answer: it ends in time, or at once when it is told again, and what
// the sink has not taken comes after the next start.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateStreamCommand, KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type EmbeddedKinesis, startEmbeddedKinesis } from '../../stream-service/src/embedded-kinesis/server.ts'
import type { ServiceHealth } from '../../stream-service/src/service.ts'
import { FakeFirehose } from '../../stream-service/src/sinks/fake-firehose.ts'
import { FaultProxy } from '../faults/fault-proxy.ts'
import { finalPanes, ServiceProcess } from './service-process.ts'
import { events, expectPanesOf, queries } from './shop.ts'

let kinesis: EmbeddedKinesis
let client: KinesisClient
let firehose: FakeFirehose
let proxy: FaultProxy
let folder: string
let services: ServiceProcess[]

beforeEach(async () => {
  kinesis = await startEmbeddedKinesis()
  client = new KinesisClient({
    endpoint: kinesis.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  })
  firehose = new FakeFirehose()
  proxy = await FaultProxy.start(await firehose.listen())
  folder = await mkdtemp(join(tmpdir(), 'millrace-stop-'))
  services = []
})
afterEach(async () => {
  for (const service of services) await service.end()
  await proxy.stop()
  firehose.close()
  client.destroy()
  await kinesis.close()
  await rm(folder, { recursive: true, force: true })
})

async function start(env: Readonly<Record<string, string>> = {}): Promise<ServiceProcess> {
  const service = await ServiceProcess.start({
    endpoint: kinesis.endpoint,
    stream: 'events',
    folder,
    queries,
    env: { MILLRACE_PANES_FIREHOSE: 'panes', AWS_ENDPOINT_URL_FIREHOSE: proxy.endpoint, LOG_LEVEL: 'info', ...env },
  })
  services.push(service)
  return service
}

/** The version of the newest snapshot of the merges, with the lines that wait for the sink. */
async function savedMerges(service: ServiceProcess): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${service.port}/health`)
  const { snapshots } = (await answer.json()) as ServiceHealth
  return snapshots.merges[0]!
}

test.each([
  {
    title: 'a second SIGTERM ends it at once',
    env: {},
    stop: async (service: ServiceProcess) => {
      const before = await savedMerges(service)
      service.signal('SIGTERM')
      // Two signals at once would be one; by now it has nothing to do but to wait for its sink.
      await vi.waitFor(async () => expect(await savedMerges(service)).toBeGreaterThan(before), { timeout: 30_000 })
      expect(await service.kill('SIGTERM')).toBe(1)
    },
  },
  {
    title: 'its deadline ends it in peace',
    env: { MILLRACE_STOP_DEADLINE_MS: '300' },
    stop: async (service: ServiceProcess) => {
      expect(await service.kill('SIGTERM')).toBe(0)
      await service.logged('the sinks took too long')
    },
  },
])('while a sink does not answer, $title, and nothing is lost', async ({ env, stop }) => {
  await client.send(new CreateStreamCommand({ StreamName: 'events', ShardCount: 2 }))
  const all: Record<string, unknown>[] = []
  const put = async (count: number) => {
    const next = events(all.length, count, 500)
    all.push(...next)
    const Records = next.map((record) => ({
      PartitionKey: String(record.k),
      Data: Buffer.from(JSON.stringify(record)),
    }))
    await client.send(new PutRecordsCommand({ StreamName: 'events', Records }))
  }
  proxy.inject({ fault: { kind: 'hold', until: () => new Promise(() => {}) } })
  const service = await start(env)
  for (let n = 0; n < 4; n++) await put(500)
  await service.fired(50)
  await stop(service)
  expect(firehose.records).toEqual([])

  proxy.clear()
  const next = await start()
  await put(500)
  const ledger = await next.drain()
  expectPanesOf(all, finalPanes(firehose.records.join('')))
  expect(ledger.queries.hops?.total).toMatchObject({ read: all.length, aggregated: all.length })
})
