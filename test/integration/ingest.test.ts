// The way in as deployed: HTTP, API Gateway, the bundled function in a Lambda, Kinesis. What the answers call accepted is
// what the stream holds, no more and no less.
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
} from '@aws-sdk/client-kinesis'
import { LocalstackContainer, type StartedLocalStackContainer } from '@testcontainers/localstack'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundleLambdas, eventsFunctionDir } from '../../scripts/bundle.ts'
import { createLocalStack, type LocalStack, patientKinesisClient } from './local-stack.ts'

let container: StartedLocalStackContainer
let stack: LocalStack

beforeAll(async () => {
  await bundleLambdas()
  container = await new LocalstackContainer('localstack/localstack:4.14.0')
    .withBindMounts([{ source: '/var/run/docker.sock', target: '/var/run/docker.sock' }])
    .start()
  stack = await createLocalStack({
    endpoint: container.getConnectionUri(),
    eventsFunctionDir,
    functionEnvironment: { PARTITION_KEY_FIELD: 'userId' },
  })
})
// The time lets LocalStack take its Lambda containers with it.
afterAll(() => container?.stop({ timeout: 15_000 }))

test('the stream holds exactly the events that were called accepted, each in its envelope, keyed by user', async () => {
  const purchase = { eventId: 'e1', type: 'purchase', userId: 'u1', page: '/p/7', value: 41.5, ts: 1_700_000_040_000 }
  const single = await post('application/json', JSON.stringify(purchase))
  expect([single.status, single.body.accepted]).toEqual([200, 1])

  const batch = await post(
    'application/json',
    '[{"eventId":"e2","type":"click","n":12345678901234567890}, {"eventId":"e3"}, 4]',
  )
  expect(batch.status).toBe(207)
  expect(batch.body).toMatchObject({
    accepted: 1,
    rejected: 2,
    results: [
      { index: 0, eventId: 'e2', status: 'accepted' },
      { index: 1, eventId: 'e3', status: 'rejected', code: 'invalid-event' },
      { index: 2, status: 'rejected', code: 'invalid-event' },
    ],
  })

  const lines = Array.from({ length: 300 }, (_, n) => `{"type":"view","userId":"u${n % 7}","title":"é ${n}"}`)
  const ndjson = await post('application/x-ndjson', [...lines, '{"type":'].join('\n'))
  expect([ndjson.status, ndjson.body.accepted, ndjson.body.rejected]).toEqual([207, 300, 1])
  expect(ndjson.body.results[300]).toMatchObject({ code: 'invalid-json', reason: expect.stringMatching(/^line 301/) })

  const accepted = [single, batch, ndjson].flatMap(({ body }) => body.results).filter(isAccepted)
  const stored = await recordsOf(stack.streamName)
  expect(stored.map(({ place }) => place).sort()).toEqual(accepted.map(placeOf).sort())
  expect(stored.map(({ envelope }) => envelope.id).sort()).toEqual(accepted.map(({ eventId }) => eventId).sort())

  const first = stored.find(({ envelope }) => envelope.id === 'e1')!
  expect(first.partitionKey).toBe('u1')
  expect(first.envelope).toEqual({
    specversion: '1.0',
    id: 'e1',
    source: '/millrace/events',
    type: 'purchase',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    datacontenttype: 'application/json',
    data: purchase,
  })
  expect(stored.find(({ envelope }) => envelope.id === 'e2')!.text).toContain('"n":12345678901234567890')
  expect(stored.filter(({ text }) => text.includes('é')).length).toBe(300)
})

test('what is no JSON, of another type, or too large is refused before it costs anything', async () => {
  const before = (await recordsOf(stack.streamName)).length
  expect(await post('application/json', '{"type":"a",}')).toMatchObject({
    status: 400,
    body: { code: 'invalid-json', position: 12 },
  })
  expect(await post('text/plain', '{"type":"a"}')).toMatchObject({ status: 415 })
  expect(await post('application/json', `{"type":"a","x":"${'x'.repeat(4 * 1024 * 1024)}"}`)).toMatchObject({
    status: 413,
  })
  expect(await recordsOf(stack.streamName)).toHaveLength(before)
})

interface Answer {
  readonly accepted: number
  readonly rejected: number
  readonly results: readonly Result[]
}

interface Result {
  readonly eventId: string
  readonly status: string
  readonly shardId: string
  readonly sequenceNumber: string
}

const isAccepted = ({ status }: Result) => status === 'accepted'
const placeOf = ({ shardId, sequenceNumber }: Result) => `${shardId} ${sequenceNumber}`

async function post(contentType: string, body: string) {
  const response = await fetch(stack.eventsUrl, { method: 'POST', headers: { 'content-type': contentType }, body })
  return { status: response.status, body: (await response.json()) as Answer }
}

/** Everything in the stream, to the end of each shard. */
async function recordsOf(streamName: string) {
  const kinesis = patientKinesisClient(stack.endpoint)
  const { Shards = [] } = await kinesis.send(new ListShardsCommand({ StreamName: streamName }))
  const records = await Promise.all(Shards.map(({ ShardId }) => recordsOfShard(kinesis, streamName, ShardId!)))
  kinesis.destroy()
  return records.flat()
}

async function recordsOfShard(kinesis: KinesisClient, streamName: string, shardId: string) {
  const start = { StreamName: streamName, ShardId: shardId, ShardIteratorType: 'TRIM_HORIZON' } as const
  let iterator = (await kinesis.send(new GetShardIteratorCommand(start))).ShardIterator
  const found = []
  for (let isBehind = true; isBehind && iterator !== undefined; ) {
    const {
      Records = [],
      MillisBehindLatest,
      NextShardIterator,
    } = await kinesis.send(new GetRecordsCommand({ ShardIterator: iterator }))
    for (const { Data, PartitionKey, SequenceNumber } of Records) {
      const text = Buffer.from(Data!).toString()
      const place = `${shardId} ${SequenceNumber}`
      found.push({ place, partitionKey: PartitionKey, text, envelope: JSON.parse(text) })
    }
    isBehind = (MillisBehindLatest ?? 0) > 0
    iterator = NextShardIterator
  }
  return found
}
