// Records that retention takes from a service that was away for too long are not passed over in silence.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateStreamCommand, KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis'
import { expect, test } from 'vitest'
import { startEmbeddedKinesis } from '../../stream-service/src/embedded-kinesis/server.ts'
import { finalPanesOf, ServiceProcess } from './service-process.ts'
import { events, expectPanesOf, queries } from './shop.ts'

test('a service that comes back after retention tells from where to where records are missing, and goes on', async () => {
  let clockOffsetMs = 0
  const kinesis = await startEmbeddedKinesis({ now: () => Date.now() + clockOffsetMs })
  const client = new KinesisClient({
    endpoint: kinesis.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  })
  const folder = await mkdtemp(join(tmpdir(), 'millrace-retention-'))
  const start = () => ServiceProcess.start({ endpoint: kinesis.endpoint, stream: 'events', folder, queries })
  const put = async (records: readonly Record<string, unknown>[]) => {
    const { Records } = await client.send(
      new PutRecordsCommand({
        StreamName: 'events',
        Records: records.map((record) => ({ PartitionKey: 'k', Data: Buffer.from(JSON.stringify(record)) })),
      }),
    )
    return Records!.map(({ SequenceNumber }) => SequenceNumber!)
  }
  try {
    await client.send(new CreateStreamCommand({ StreamName: 'events', ShardCount: 1 }))
    const before = events(0, 400, 0)
    const lost = events(400, 400, 0)
    const after = events(800, 400, 0)

    const first = await start()
    const read = await put(before)
    await first.fired(20)
    expect(await first.kill('SIGTERM')).toBe(0)
    await put(lost)
    clockOffsetMs = 25 * 3_600_000
    const [firstAfter] = await put(after)
    const second = await start()
    const { gap } = await second.logged('records were lost to retention')
    expect(gap).toMatchObject({
      shardId: 'shardId-000000000000',
      after: read.at(-1),
      firstRead: firstAfter,
    })
    const ledger = await second.drain()
    expect(ledger.queries.hops?.total.read).toBe(before.length + after.length)
    expectPanesOf([...before, ...after], await finalPanesOf(join(folder, 'panes.ndjson')))
  } finally {
    client.destroy()
    await kinesis.close()
    await rm(folder, { recursive: true, force: true })
  }
})
