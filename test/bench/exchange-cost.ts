// What tasks pay for sharing: `node test/bench/exchange-cost.ts`. Bytes and CPU time of what lanes put on the exchange, by
// aggregates; of a message that only tells where a lane stands; of a put and of looking whether there is anything to put; and
// what lanes add to the snapshots of merges. docs/scale.md has the figures. CPU time is that of this process alone; the
// embedded Kinesis is another one.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { CreateStreamCommand, KinesisClient } from '@aws-sdk/client-kinesis'
import type { SnapshotValue } from '../../stream-service/src/aggregates/snapshot-value.ts'
import { KeyPartitions } from '../../stream-service/src/engine/key-partitions.ts'
import { LaneKits } from '../../stream-service/src/engine/lane-kits.ts'
import { Merger } from '../../stream-service/src/engine/merger.ts'
import type { LaneMessage } from '../../stream-service/src/engine/partials.ts'
import { ShardLanes } from '../../stream-service/src/engine/shard-lanes.ts'
import { openKinesisExchange } from '../../stream-service/src/exchange/kinesis-exchange.ts'
import { decodeMessages, encodeMessages } from '../../stream-service/src/exchange/message-codec.ts'
import { compileQuery } from '../../stream-service/src/queries/compile.ts'
import { parseQuery } from '../../stream-service/src/queries/parse-query.ts'
import { FieldPlan } from '../../stream-service/src/records/fields.ts'
import type { StreamRecord } from '../../stream-service/src/records/record.ts'
import { MessageOutbox } from '../../stream-service/src/state/message-outbox.ts'
import { encodeBody } from '../../stream-service/src/state/snapshot-codec.ts'
import { ExchangeLink } from '../../stream-service/src/tasks/exchange-link.ts'
import type { LaneTask } from '../../stream-service/src/tasks/lane-task.ts'
import { startKinesisServer } from './kinesis-server.ts'
import { Random } from './random.ts'
import { recordsPerPane, type WorkloadName, workloads } from './snapshots/workloads.ts'

const midnight = 1_699_920_000_000
const day = 86_400_000
const shardName = (n: number) => `shardId-${String(n).padStart(12, '0')}`

for (const keys of [100, 10_000, 100_000]) for (const name of Object.keys(workloads) as WorkloadName[]) rows(name, keys)
for (const queries of [1, 3, 10]) standing(queries)
for (const shards of [100, 1_000, 10_000]) standingOfMany(shards)
await snapshotsOfMerges(1_000)
memoryOfLanes(1_000, 3)
await looking(100, 100)
await puts(32, 3_000)

function compiled(name: WorkloadName, count = 1) {
  const plan = new FieldPlan()
  const queries = Array.from({ length: count }, (_, n) => {
    const definition = {
      name: `${name}-${n}`,
      keyBy: ['userId'],
      time: { field: 'ts', unit: 'ms' },
      ...workloads[name],
    }
    return compileQuery(parseQuery(JSON.parse(JSON.stringify(definition)), name), plan)
  })
  return { queries, kits: new LaneKits(queries, plan, new KeyPartitions(1)) }
}

function newLanes(kits: LaneKits, shard: number): ShardLanes {
  const start = () => ({ watermark: Number.NEGATIVE_INFINITY, isIdle: false })
  return new ShardLanes({ shardId: shardName(shard), kits, start })
}

function record(position: number, text: string): StreamRecord {
  return { position: String(position), partitionKey: '', arrivedAt: undefined, data: Buffer.from(text) }
}

/** A window of so many keys closes: its rows on the exchange. */
function rows(name: WorkloadName, keys: number): void {
  const { queries, kits } = compiled(name)
  const lanes = newLanes(kits, 0)
  const random = new Random(1)
  let position = 0
  for (let round = 0; round < recordsPerPane; round++) {
    const records = Array.from({ length: keys }, (_, n) => {
      const value = Math.round(50 - 4_000 * Math.log(1 - random.uniform())) / 100
      const userId = `u${String((n * 7_654_321) % 10_000_000).padStart(7, '0')}`
      const page = random.below(1_000)
      return record(
        ++position,
        `{"userId":"${userId}","page":"/p/item-${page}","value":${value},"ts":${midnight + 1_000 * round}}`,
      )
    })
    lanes.accept(records)
  }
  lanes.takeMessages()
  lanes.accept([record(++position, `{"userId":"u","page":"","value":1,"ts":${midnight + 2 * day}}`)])
  const messages = lanes.takeMessages()
  const encoding = cpuMicros(() => encodeMessages(messages))
  const bytes = encoding.result.length
  const decoding = cpuMicros(() => decodeMessages(encoding.result) as readonly LaneMessage[])
  const merger = new Merger(queries)
  merger.declare([{ shardId: shardName(0), parentShardIds: [] }])
  const merging = cpuMicros(() => {
    for (const message of decoding.result) merger.take(message)
    return merger.takeEmissions()
  })
  const each = (micros: number) => (micros / keys).toFixed(2)
  say(
    `${name}, ${keys} rows: ${(bytes / keys).toFixed(1)} bytes a row in one record of ${(bytes / 1024).toFixed(0)} KiB; ` +
      `µs a row: encoding ${each(encoding.micros)}, decoding ${each(decoding.micros)}, merging and lines ${each(merging.micros)}`,
  )
}

/** Nothing but where the lanes of a shard stand, as after every batch. */
function standing(count: number): void {
  const { kits } = compiled('tumbling', count)
  const lanes = newLanes(kits, 0)
  lanes.accept([record(1, `{"userId":"u","value":1,"ts":${midnight}}`)])
  const messages = lanes.takeMessages()
  const rounds = 2_000
  const encode = cpuMicros(() => repeat(rounds, () => encodeMessages(messages)))
  const bytes = encodeMessages(messages)
  const decode = cpuMicros(() => repeat(rounds, () => decodeMessages(bytes)))
  say(
    `where a shard's lanes of ${count} queries stand: ${bytes.length} bytes; encoding ${(encode.micros / rounds).toFixed(0)} µs, ` +
      `decoding ${(decode.micros / rounds).toFixed(0)} µs`,
  )
}

/** A merge looks at all lanes for each message. */
function standingOfMany(shards: number): void {
  const { queries } = compiled('tumbling')
  const merger = new Merger(queries)
  merger.declare(Array.from({ length: shards }, (_, shard) => ({ shardId: shardName(shard), parentShardIds: [] })))
  const message = { query: queries[0]!.name, partition: 0, first: 0, runs: [], isFollowing: false }
  const rounds = 2_000
  const take = (n: number) => merger.take({ ...message, lane: shardName(n % shards), watermark: midnight + n })
  for (let n = 0; n < rounds; n++) take(n)
  const { micros } = cpuMicros(() => {
    for (let n = rounds; n < 2 * rounds; n++) take(n)
  })
  say(`taking such a message of a query, with ${shards} shards: ${(micros / rounds).toFixed(1)} µs`)
}

async function snapshotsOfMerges(shards: number): Promise<void> {
  const { queries, kits } = compiled('tumbling')
  const merger = new Merger(queries)
  for (let shard = 0; shard < shards; shard++) {
    const lanes = newLanes(kits, shard)
    lanes.accept([record(1, `{"userId":"u","value":1,"ts":${midnight + shard}}`)])
    for (const message of lanes.takeMessages()) merger.take(message)
    lanes.acceptEmpty(true, 0)
    lanes.acceptEmpty(true, day)
    lanes.beginWaking()
    for (const message of lanes.takeMessages()) merger.take(message)
  }
  const { body } = await encodeBody({ state: merger.save() as unknown as SnapshotValue })
  const [waking] = [...merger.waking().values()]
  const note = JSON.stringify(Object.fromEntries(waking!)).length
  say(
    `a shard adds ${(body.length / shards).toFixed(1)} bytes a query to the snapshot of each merge, and ${(note / shards).toFixed(0)} ` +
      `bytes to its note while it wakes: 32 KiB hold ${Math.floor((32 << 10) / (note / shards))}`,
  )
}

function memoryOfLanes(shards: number, queries: number): void {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const { kits } = compiled('tumbling', queries)
  const used = () => {
    gc()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const before = used()
  const all = Array.from({ length: shards }, (_, shard) => {
    const lanes = newLanes(kits, shard)
    lanes.accept([record(1, `{"userId":"u","value":1,"ts":${midnight}}`)])
    lanes.takeMessages()
    return lanes
  })
  say(`lanes of ${queries} queries, one pane each: ${((used() - before) / all.length / 1024).toFixed(1)} KiB a shard`)
}

/** After each step of any lane all lanes are asked, for each partition, whether there is something to put. */
async function looking(lanes: number, partitions: number): Promise<void> {
  const unused = () => undefined as never
  const link = new ExchangeLink({
    exchange: { partitions, put: unused, source: unused, partitionOf: unused },
    merges: undefined as never,
    gateOf: unused,
    now: unused,
    logger: undefined as never,
    signal: new AbortController().signal,
    onFailure: unused,
    onProgress: unused,
  })
  const tasks = Array.from(
    { length: lanes },
    (_, n) => ({ shardId: shardName(n), messages: new MessageOutbox(partitions) }) as unknown as LaneTask,
  )
  const rounds = 20
  const before = process.cpuUsage()
  for (let round = 0; round < rounds; round++) {
    for (const task of tasks) link.forward(task)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { user, system } = process.cpuUsage(before)
  const micros = (user + system) / rounds
  say(
    `looking whether there is something to put: ${(micros / lanes / partitions).toFixed(2)} µs a lane and partition; ` +
      `${(micros / 1000).toFixed(1)} ms with ${lanes} lanes and ${partitions} partitions`,
  )
}

async function puts(partitions: number, count: number): Promise<void> {
  const server = await startKinesisServer()
  const client = new KinesisClient({
    endpoint: server.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  })
  await client.send(new CreateStreamCommand({ StreamName: 'exchange', ShardCount: partitions }))
  const exchange = await openKinesisExchange({ client, streamName: 'exchange', source: () => undefined as never })
  const { kits } = compiled('tumbling', 3)
  const lanes = newLanes(kits, 0)
  lanes.accept([record(1, `{"userId":"u","value":1,"ts":${midnight}}`)])
  const bytes = encodeMessages(lanes.takeMessages())
  const { signal } = new AbortController()
  let left = 0
  const putSome = async (partition: number) => {
    while (left-- > 0) await exchange.put(partition, shardName(0), [bytes], signal)
  }
  const run = async (times: number, sideBySide: number) => {
    left = times
    await Promise.all(Array.from({ length: sideBySide }, (_, n) => putSome(n)))
  }
  await run(1_000, partitions)
  for (const sideBySide of [1, partitions]) {
    const before = process.cpuUsage()
    await run(count, sideBySide)
    const { user, system } = process.cpuUsage(before)
    say(
      `a put of one record of ${bytes.length} bytes, ${sideBySide} at a time: ${((user + system) / count).toFixed(0)} µs`,
    )
  }
  client.destroy()
  await server.stop()
}

function repeat(times: number, work: () => unknown): void {
  for (let n = 0; n < times; n++) work()
}

/** What it gives, and the CPU time it takes. */
function cpuMicros<Result>(work: () => Result): { readonly result: Result; readonly micros: number } {
  const before = process.cpuUsage()
  const result = work()
  const { user, system } = process.cpuUsage(before)
  return { result, micros: user + system }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
