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
import { type OracleQuery, type OracleRecord, oracle } from '../properties/oracle.ts'
import { finalPanesOf, ServiceProcess } from './service-process.ts'

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

/** Event times move on by 10 ms a record with up to `disorderMs` of disorder, without chance. */
function events(from: number, count: number, disorderMs: number): Record<string, unknown>[] {
  return Array.from({ length: count }, (_, i) => {
    const n = from + i
    return { ts: 1_700_000_000_000 + 10 * n - ((n * 7_919) % (disorderMs + 1)), k: `key-${(n * 31) % 17}`, v: n % 100 }
  })
}

const time = (outOfOrderness: string) => ({ field: 'ts', unit: 'ms', outOfOrderness })
const values = { records: { fn: 'count' }, sum: { fn: 'sum', field: 'v' }, last: { fn: 'last', field: 'v' } }
const queries = [
  // Revisions: records come later than the watermark allows, but never later than the allowed lateness.
  {
    name: 'revised',
    time: time('20ms'),
    keyBy: ['k'],
    window: { type: 'tumbling', size: '1s' },
    allowedLateness: '10s',
    aggregates: values,
  },
  {
    name: 'hops',
    time: time('600ms'),
    keyBy: ['k'],
    window: { type: 'hopping', size: '2s', every: '500ms' },
    aggregates: values,
  },
  { name: 'visits', time: time('600ms'), keyBy: ['k'], window: { type: 'session', gap: '90ms' }, aggregates: values },
]
const oracleQueries: OracleQuery[] = [
  {
    name: 'revised',
    outOfOrdernessMs: 20,
    keyBy: ['k'],
    window: { type: 'tumbling', size: 1_000, offset: 0 },
    allowedLatenessMs: 10_000,
  },
  {
    name: 'hops',
    outOfOrdernessMs: 600,
    keyBy: ['k'],
    window: { type: 'hopping', size: 2_000, every: 500, offset: 0 },
    allowedLatenessMs: 0,
  },
  { name: 'visits', outOfOrdernessMs: 600, keyBy: ['k'], window: { type: 'session', gap: 90 }, allowedLatenessMs: 0 },
]

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

  const panes = await finalPanesOf(join(folder, 'panes.ndjson'))
  const records: OracleRecord[] = all.map((data) => ({ shard: 's', data }))
  for (const query of oracleQueries) {
    // In one shard the disorder is that of the events; nothing is late for good, so shards do not matter.
    const expected = oracle({ ...query, outOfOrdernessMs: 600 }, records).panes
    const found = new Map(panes.filter((pane) => pane.query === query.name).map((pane) => [pane.id, pane.values]))
    expect([...found.keys()].sort(), query.name).toEqual([...expected.keys()].sort())
    for (const [id, { records: count, sum, last }] of expected)
      expect(found.get(id), id).toEqual({ records: count, sum, last })
    const { total } = ledger.queries[query.name]!
    expect(total).toMatchObject({ read: all.length, aggregated: all.length, late: 0, rejected: 0, pending: 0 })
  }
})
