// Kills of the real service, with the stream being written and resharded meanwhile: the final panes are those of a run
// without any of it.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateStreamCommand,
  KinesisClient,
  ListShardsCommand,
  MergeShardsCommand,
  PutRecordsCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type EmbeddedKinesis, startEmbeddedKinesis } from '../../stream-service/src/embedded-kinesis/server.ts'
import { finalPanesOf, ServiceProcess } from './service-process.ts'
import { events, expectPanesOf, queries } from './shop.ts'

let kinesis: EmbeddedKinesis
let client: KinesisClient
let folder: string

beforeEach(async () => {
  kinesis = await startEmbeddedKinesis()
  client = new KinesisClient({
    endpoint: kinesis.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  })
  folder = await mkdtemp(join(tmpdir(), 'millrace-crash-'))
})
afterEach(async () => {
  client.destroy()
  await kinesis.close()
  await rm(folder, { recursive: true, force: true })
})

async function put(records: readonly Record<string, unknown>[]): Promise<void> {
  for (let at = 0; at < records.length; at += 500) {
    const answer = await client.send(
      new PutRecordsCommand({
        StreamName: 'events',
        Records: records
          .slice(at, at + 500)
          .map((record) => ({ PartitionKey: String(record.k), Data: Buffer.from(JSON.stringify(record)) })),
      }),
    )
    expect(answer.FailedRecordCount).toBe(0)
  }
}

async function openShards() {
  const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: 'events' }))
  return Shards.filter(({ SequenceNumberRange }) => SequenceNumberRange?.EndingSequenceNumber === undefined)
}

async function split(): Promise<void> {
  const [shard] = await openShards()
  const { StartingHashKey, EndingHashKey } = shard!.HashKeyRange!
  const middle = (BigInt(StartingHashKey!) + BigInt(EndingHashKey!)) / 2n
  await client.send(
    new SplitShardCommand({ StreamName: 'events', ShardToSplit: shard!.ShardId!, NewStartingHashKey: String(middle) }),
  )
}

async function merge(): Promise<void> {
  const shards = (await openShards()).sort((a, b) =>
    BigInt(a.HashKeyRange!.StartingHashKey!) < BigInt(b.HashKeyRange!.StartingHashKey!) ? -1 : 1,
  )
  const [left, right] = shards
  await client.send(
    new MergeShardsCommand({
      StreamName: 'events',
      ShardToMerge: left!.ShardId!,
      AdjacentShardToMerge: right!.ShardId!,
    }),
  )
}

test.each([
  { title: 'with the merge in the process', env: {} },
  { title: 'with an exchange', env: { MILLRACE_EXCHANGE_STREAM: 'exchange' } },
])('kill -9, resharding and a clean stop lose nothing and change no final pane, $title', async ({ env }) => {
  await client.send(new CreateStreamCommand({ StreamName: 'events', ShardCount: 2 }))
  await client.send(new CreateStreamCommand({ StreamName: 'exchange', ShardCount: 2 }))
  let lives = 0
  const start = () => {
    // The state is the same whatever number of threads reads.
    const threads = { MILLRACE_THREADS: `${1 + (lives++ % 2)}` }
    const options = { endpoint: kinesis.endpoint, stream: 'events', folder, queries }
    return ServiceProcess.start({ ...options, env: { ...env, ...threads } })
  }
  const all: Record<string, unknown>[] = []
  const more = async (count: number) => {
    const next = events(all.length, count, 500)
    all.push(...next)
    await put(next)
  }

  let service = await start()
  await more(2_000)
  await service.fired(50)
  await service.kill('SIGKILL')

  await more(2_000)
  await split()
  service = await start()
  await more(2_000)
  await service.fired(50)
  await service.kill('SIGKILL')

  await merge()
  await more(1_500)
  service = await start()
  await service.fired(20)
  expect(await service.kill('SIGTERM')).toBe(0)

  service = await start()
  await more(500)
  const ledger = await service.drain()

  expectPanesOf(all, await finalPanesOf(join(folder, 'panes.ndjson')))
  for (const query of queries) {
    const { total } = ledger.queries[query.name]!
    expect(total).toMatchObject({ read: all.length, aggregated: all.length, late: 0, rejected: 0, pending: 0 })
  }
})
