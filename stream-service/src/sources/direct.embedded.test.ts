// The direct source and the producer against the embedded Kinesis, over real connections: a stream that is resharded
// under load.
import {
  CreateStreamCommand,
  type KinesisClient,
  ListShardsCommand,
  MergeShardsCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis'
import { kinesisClient } from '@millrace/shared/aws-clients'
import type { RecordToPut } from '@millrace/shared/put-records'
import { afterEach, expect, test } from 'vitest'
import { type EmbeddedKinesis, startEmbeddedKinesis } from '../embedded-kinesis/server.ts'
import { CreditGate } from '../operators/credit-gate.ts'
import { createDirectSource } from './direct.ts'
import { runProducer } from './producer.ts'
import type { StartAfter } from './shard-lineage.ts'
import type { ShardSession, ShardSource } from './shard-source.ts'

let kinesis: EmbeddedKinesis | undefined
let client: KinesisClient | undefined
afterEach(async () => {
  client?.destroy()
  await kinesis?.close()
})

async function aStream(): Promise<KinesisClient> {
  kinesis = await startEmbeddedKinesis()
  client = kinesisClient({ endpoint: kinesis.endpoint, env: {} })
  await client.send(new CreateStreamCommand({ StreamName: 'orders', ShardCount: 2 }))
  return client
}

async function openShards(from: KinesisClient) {
  const { Shards = [] } = await from.send(new ListShardsCommand({ StreamName: 'orders' }))
  return Shards.filter(({ SequenceNumberRange: range }) => range?.EndingSequenceNumber == null)
}

async function split(on: KinesisClient, shardId: string | undefined): Promise<void> {
  const { HashKeyRange: range } = (await openShards(on)).find(({ ShardId }) => ShardId === shardId) ?? {}
  const middle = (BigInt(range?.StartingHashKey ?? 0) + BigInt(range?.EndingHashKey ?? 0)) / 2n
  await on.send(
    new SplitShardCommand({ StreamName: 'orders', ShardToSplit: shardId, NewStartingHashKey: String(middle) }),
  )
}

/** Twenty keys in turn, each record with its number. */
function* numbered(from: number, count: number): Generator<RecordToPut> {
  for (let n = from; n < from + count; n++) yield { partitionKey: `k${n % 20}`, data: Buffer.from(String(n)) }
}

/** Reads into `numbers`, in the order of delivery, and remembers how far each shard was read. */
function read(from: KinesisClient, startAfter: StartAfter = new Map()) {
  const numbers: Array<{ key: string; n: number }> = []
  const positions = new Map(startAfter)
  const gate = new CreditGate(1)
  const source: ShardSource = createDirectSource({
    client: from,
    streamName: 'orders',
    startAt: 'TRIM_HORIZON',
    startAfter,
    pollIntervalMs: 5,
    readsPerSecond: 1_000,
    recordsPerRead: 37,
    gate: () => gate,
  })
  const readShard = (session: ShardSession) => {
    session.batches.subscribe(({ records }) => {
      for (const { partitionKey, data, position } of records) {
        numbers.push({ key: partitionKey, n: Number(Buffer.from(data)) })
        positions.set(session.shardId, position)
      }
      gate.give()
    })
    void session.released.then(async (reason) => {
      if (reason !== 'shard-end') return
      positions.set(session.shardId, 'SHARD_END')
      await session.checkpoint('SHARD_END')
    })
  }
  source.shards().subscribe(readShard)
  return { numbers, positions, source }
}

test('every record comes once and in the order of its key through splits, a merge and a restart', async () => {
  const stream = await aStream()
  const first = read(stream)
  const put = (from: number) => runProducer({ client: stream, streamName: 'orders', events: numbered(from, 1_000) })

  await put(0)
  const [one, two] = await openShards(stream)
  await split(stream, one?.ShardId)
  await put(1_000)
  await expect.poll(() => first.numbers.length).toBeGreaterThan(1_500)
  await first.source.stop()

  const [three, four] = (await openShards(stream)).filter(({ ShardId }) => ShardId !== two?.ShardId)
  await stream.send(
    new MergeShardsCommand({ StreamName: 'orders', ShardToMerge: three?.ShardId, AdjacentShardToMerge: four?.ShardId }),
  )
  await put(2_000)
  await split(stream, two?.ShardId)
  await put(3_000)
  const second = read(stream, first.positions)
  await expect.poll(() => first.numbers.length + second.numbers.length, { timeout: 20_000 }).toBe(4_000)
  await second.source.stop()

  const all = [...first.numbers, ...second.numbers]
  expect(all.map(({ n }) => n).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 4_000 }, (_, n) => n))
  for (let key = 0; key < 20; key++) {
    const ofKey = all.filter((record) => record.key === `k${key}`).map(({ n }) => n)
    expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b))
  }
})
