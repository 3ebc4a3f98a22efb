import type { KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis'
import type { RecordToPut } from '@millrace/shared/put-records'
import { expect, test } from 'vitest'
import { awsError } from './fake-kinesis.ts'
import { runProducer, sampleRecords } from './producer.ts'
import { VirtualTime } from './virtual-time.ts'

/** Takes every record and notes when; `answer` may do otherwise. */
function aStream(timing: VirtualTime, answer: (call: number) => void = () => {}, callMs = 0) {
  const puts: Array<{ at: number; data: string }> = []
  let calls = 0
  const client = {
    async send({ input }: PutRecordsCommand) {
      answer(calls++)
      if (callMs > 0) await timing.sleep(callMs)
      const records = input.Records ?? []
      puts.push(...records.map(({ Data }) => ({ at: timing.now(), data: Buffer.from(Data ?? []).toString() })))
      return { Records: records.map(() => ({ ShardId: 's1', SequenceNumber: '1' })) }
    },
  } as unknown as KinesisClient
  return { puts, options: { client, streamName: 'orders', timing }, calls: () => calls }
}

function* endless(): Generator<RecordToPut> {
  for (let n = 0; ; n++) yield { partitionKey: `k${n % 3}`, data: Buffer.from(String(n)) }
}

function* some(count: number): Generator<RecordToPut> {
  for (const record of endless()) {
    if (count-- === 0) return
    yield record
  }
}

async function produceFor(ms: number, rate: number, callMs = 0) {
  const timing = new VirtualTime()
  const stream = aStream(timing, () => {}, callMs)
  const controller = new AbortController()
  void timing.sleep(ms).then(() => controller.abort())
  const summary = await runProducer({ ...stream.options, events: endless(), rate, signal: controller.signal })
  return { summary, puts: stream.puts }
}

test('keeps its rate, smoothly', async () => {
  const { summary, puts } = await produceFor(10_000, 100)
  expect(summary.put).toBeGreaterThanOrEqual(990)
  expect(summary.put).toBeLessThanOrEqual(1_005)
  for (let second = 0; second < 9; second++) {
    const inSecond = puts.filter(({ at }) => at >= second * 1_000 && at < (second + 1) * 1_000).length
    expect(Math.abs(inSecond - 100)).toBeLessThanOrEqual(5)
  }
})

test('a rate below one record a slice is kept too', async () => {
  expect((await produceFor(10_500, 0.5)).summary.put).toBe(5)
})

test('keeps its rate when calls take longer than a slice', async () => {
  const { summary } = await produceFor(10_000, 1_000, 120)
  expect(summary.put).toBeGreaterThan(9_700)
})

test('puts everything in order and then ends', async () => {
  const stream = aStream(new VirtualTime())
  const summary = await runProducer({ ...stream.options, events: some(1_234) })
  expect(summary).toMatchObject({ put: 1_234, failed: 0, retries: 0 })
  expect(stream.puts.map(({ data }) => Number(data))).toEqual(Array.from({ length: 1_234 }, (_, n) => n))
})

test('the lines of a pipe go on as they come', async () => {
  const timing = new VirtualTime()
  const stream = aStream(timing)
  async function* pipe() {
    for (const record of some(5)) {
      await timing.sleep(1_000)
      yield record
    }
  }
  const summary = await runProducer({ ...stream.options, events: pipe() })
  expect(summary.put).toBe(5)
  expect(stream.puts.map(({ at }) => at)).toEqual([1_000, 2_000, 3_000, 4_000, 5_000])
})

test('an abort is heard while nothing comes', async () => {
  const controller = new AbortController()
  async function* silent(): AsyncGenerator<RecordToPut> {
    setImmediate(() => controller.abort())
    await new Promise(() => {})
  }
  const stream = aStream(new VirtualTime())
  const summary = await runProducer({ ...stream.options, events: silent(), signal: controller.signal })
  expect(summary.put).toBe(0)
})

test('an outage after the start is sat out and its retries are counted', async () => {
  const stream = aStream(new VirtualTime(), (call) => {
    if (call > 0 && call < 30) throw awsError('ServiceUnavailable', '', 503)
  })
  const summary = await runProducer({ ...stream.options, events: some(501) })
  expect(summary).toMatchObject({ put: 501, failed: 0, retries: 29 })
})

test('an abort while the stream turns records away leaves them unfinished, not failed', async () => {
  const controller = new AbortController()
  const stream = aStream(new VirtualTime(), (call) => {
    if (call === 3) controller.abort()
    if (call > 0) throw awsError('ServiceUnavailable', '', 503)
  })
  const summary = await runProducer({ ...stream.options, events: some(700), signal: controller.signal })
  expect(summary).toMatchObject({ put: 500, failed: 0, unfinished: 200 })
})

test('a stream that cannot be reached at the start is an error with advice', async () => {
  const stream = aStream(new VirtualTime(), () => {
    throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
  })
  const running = runProducer({ ...stream.options, endpoint: 'http://localhost:1', events: endless(), rate: 10 })
  await expect(running).rejects.toThrow(
    'Could not put records into the stream "orders" at http://localhost:1: nothing listens',
  )
  expect(stream.calls()).toBe(5)
})

test('what the stream refuses is told and counted', async () => {
  const refused: string[] = []
  const summary = await runProducer({
    ...aStream(new VirtualTime()).options,
    events: [
      { partitionKey: '', data: Buffer.from('a') },
      { partitionKey: 'k', data: Buffer.from('b') },
    ],
    onRefused: ({ data }, reason) => refused.push(`${Buffer.from(data)} ${reason}`),
  })
  expect(summary).toMatchObject({ put: 1, failed: 1 })
  expect(refused).toEqual(['a partition-key-empty'])
})

test('sample records carry the time at which they are pulled', () => {
  let now = 1_000_000
  const records = sampleRecords({ seed: 1, now: () => now })
  const ts = (record: RecordToPut) =>
    (JSON.parse(Buffer.from(record.data).toString()) as { data: { ts: number } }).data.ts
  expect(ts(records.next().value)).toBeLessThanOrEqual(1_000_000)
  now = 9_000_000
  const next = records.next().value
  expect(ts(next)).toBeGreaterThan(8_990_000)
  expect(next.partitionKey).toMatch(/^u-\d+$/)
})
