// A sink that stalls under full load: reading stops at the outbox's bound, and everything arrives once the sink goes on.
import { CreateStreamCommand, KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type EmbeddedKinesis, startEmbeddedKinesis } from '../../stream-service/src/embedded-kinesis/server.ts'
import type { CreditGate } from '../../stream-service/src/operators/credit-gate.ts'
import { parseQuery } from '../../stream-service/src/queries/parse-query.ts'
import { StreamService } from '../../stream-service/src/service.ts'
import type { OutputLine, Sink } from '../../stream-service/src/sinks/sink.ts'
import { createDirectSource } from '../../stream-service/src/sources/direct.ts'
import { MemoryStore } from '../../stream-service/src/state/memory-store.ts'

let kinesis: EmbeddedKinesis
let client: KinesisClient

beforeEach(async () => {
  kinesis = await startEmbeddedKinesis()
  client = new KinesisClient({
    endpoint: kinesis.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  })
})
afterEach(async () => {
  client.destroy()
  await kinesis.close()
})

const records = 60_000
/** The outbox's bound, and what two credits of one shard may still bring, at 2,000 records a read. */
const most = 20_000 + 3 * 2_000

/** A count window of one record: every record is a pane, and each may be published at once. */
const query = parseQuery(
  {
    name: 'each',
    time: { from: 'arrival' },
    window: { type: 'count', size: 1 },
    aggregates: { n: { fn: 'last', field: 'n' } },
  },
  'each',
)

const nowhere: Sink = { publish: async (lines) => lines.map(() => ({ status: 'accepted' })), close: async () => {} }

/** A gate that tells when somebody has to wait for a credit. */
function watched(gate: CreditGate, onWait: () => void): CreditGate {
  return {
    take: (signal: AbortSignal) => {
      let isTaken = false
      const taken = gate.take(signal).then(() => {
        isTaken = true
      })
      setImmediate(() => {
        if (!isTaken) onWait()
      })
      return taken
    },
    give: () => gate.give(),
  } as CreditGate
}

test('reading stops at the bound while the sink stalls, and no line is lost', async () => {
  await client.send(new CreateStreamCommand({ StreamName: 'events', ShardCount: 1 }))
  for (let n = 0; n < records; n += 500) {
    const Records = Array.from({ length: 500 }, (_, i) => ({ PartitionKey: 'k', Data: Buffer.from(`{"n":${n + i}}`) }))
    await client.send(new PutRecordsCommand({ StreamName: 'events', Records }))
  }
  const stalled = Promise.withResolvers<void>()
  const delivered: OutputLine[] = []
  const panes: Sink = {
    async publish(lines) {
      await stalled.promise
      delivered.push(...lines)
      return lines.map(() => ({ status: 'accepted' }))
    },
    close: async () => {},
  }
  const starved = Promise.withResolvers<void>()
  const service: StreamService = await StreamService.open({
    stream: { name: 'events', createdAt: 0 },
    queries: [query],
    store: new MemoryStore(),
    sinks: { panes, refused: nowhere },
    deadLetters: nowhere,
    source: ({ startAfter, gate }) =>
      createDirectSource({
        client,
        streamName: 'events',
        startAfter,
        startAt: 'TRIM_HORIZON',
        pollIntervalMs: 1,
        readsPerSecond: 1_000,
        recordsPerRead: 2_000,
        gate: (shardId) =>
          watched(gate(shardId), () => {
            if (service.health().outboxLines >= 20_000) starved.resolve()
          }),
      }),
    snapshotIntervalMs: 50,
    now: Date.now,
    logger: { info: () => {}, warn: () => {}, error: () => {} },
  })
  const running = service.run()
  await starved.promise
  const { read } = service.ledger().queries.each!.total
  expect(read).toBeGreaterThanOrEqual(20_000)
  expect(read).toBeLessThanOrEqual(most)

  stalled.resolve()
  await service.drain()
  await running
  expect(delivered).toHaveLength(records)
  expect(new Set(delivered.map(({ id }) => id)).size).toBe(records)
})
