import { type KinesisClient, PutRecordsCommand as Put, type PutRecordsCommand } from '@aws-sdk/client-kinesis'
import { expect, test } from 'vitest'
import { putRecords, type RecordToPut } from './put-records.ts'

const MiB = 1024 * 1024
const fast = { now: () => 0, random: () => 0, sleep: async () => {} }

/** A stream of one shard that keeps the limits of PutRecords; `fails` says which records a call turns away. */
function fakeStream(fails: (data: string, attempt: number) => boolean = () => false, recordBytes = 1 * MiB) {
  const calls: string[][] = []
  const stored: string[] = []
  const attempts = new Map<string, number>()
  const client = {
    async send(command: PutRecordsCommand) {
      expect(command).toBeInstanceOf(Put)
      const records = command.input.Records ?? []
      const bytes = records.reduce(
        (sum, { Data, PartitionKey }) => sum + (Data?.length ?? 0) + (PartitionKey?.length ?? 0),
        0,
      )
      if (records.length === 0 || records.length > 500 || bytes > 10 * MiB) throw invalid('the call is too large')
      if (records.some(({ Data }) => (Data?.length ?? 0) > recordBytes)) throw invalid('a record is too large')
      calls.push(records.map(({ PartitionKey }) => PartitionKey ?? ''))
      return {
        Records: records.map(({ Data }) => {
          const text = Buffer.from((Data ?? new Uint8Array()).subarray(0, 20)).toString()
          const attempt = (attempts.get(text) ?? 0) + 1
          attempts.set(text, attempt)
          if (fails(text, attempt))
            return { ErrorCode: 'ProvisionedThroughputExceededException', ErrorMessage: 'slow down' }
          stored.push(text)
          return { ShardId: 's1', SequenceNumber: String(stored.length) }
        }),
      }
    },
  } as unknown as KinesisClient
  return { calls, stored, options: { client, streamName: 'orders', timing: fast } }
}

function invalid(message: string): Error {
  return Object.assign(new Error(message), { name: 'InvalidArgumentException', $metadata: { httpStatusCode: 400 } })
}

const aRecord = (text: string, partitionKey = 'k'): RecordToPut => ({ partitionKey, data: Buffer.from(text) })

test('puts any number of records in calls of 500 and tells where each stands', async () => {
  const stream = fakeStream((data, attempt) => data === 'r501' && attempt === 1)
  const results = await putRecords({
    ...stream.options,
    records: Array.from({ length: 1_201 }, (_, n) => aRecord(`r${n}`)),
  })
  expect(stream.calls.map((call) => call.length)).toEqual([500, 500, 1, 201])
  expect(results).toHaveLength(1_201)
  expect(results[0]).toEqual({ status: 'accepted', value: { shardId: 's1', sequenceNumber: '1' } })
  expect(results[501]).toEqual({ status: 'accepted', value: { shardId: 's1', sequenceNumber: '1000' } })
})

test('counts partition keys in the 10 MiB of a call', async () => {
  const stream = fakeStream()
  const big: RecordToPut = { partitionKey: 'k'.repeat(256), data: new Uint8Array(1 * MiB - 256) }
  const exact = await putRecords({ ...stream.options, records: Array.from({ length: 10 }, () => big) })
  expect(exact.every(({ status }) => status === 'accepted')).toBe(true)
  expect(stream.calls).toHaveLength(1)
  await putRecords({ ...stream.options, records: [...Array.from({ length: 10 }, () => big), aRecord('x')] })
  expect(stream.calls).toHaveLength(3)
})

test('a record that the stream cannot take is refused and its neighbours are put', async () => {
  const stream = fakeStream()
  const results = await putRecords({
    ...stream.options,
    records: [
      aRecord('first'),
      { partitionKey: 'k', data: new Uint8Array(10 * MiB) },
      { partitionKey: 'k', data: new Uint8Array(2 * MiB) },
      aRecord('x', ''),
      aRecord('x', '😀'.repeat(257)),
      aRecord('last', '😀'.repeat(256)),
    ],
  })
  expect(results.map((result) => (result.status === 'refused' ? result.reason : result.status))).toEqual([
    'accepted',
    'too-large',
    'too-large',
    'partition-key-empty',
    'partition-key-too-long',
    'accepted',
  ])
  expect(stream.stored).toEqual(['first', 'last'])
})

test('a stream that does not exist rejects with advice', async () => {
  const client = {
    send: async () => Promise.reject(Object.assign(new Error('no'), { name: 'ResourceNotFoundException' })),
  }
  await expect(
    putRecords({ client: client as unknown as KinesisClient, streamName: 'orders', records: [aRecord('x')] }),
  ).rejects.toMatchObject({
    code: 'not-found',
    message: expect.stringContaining('put records into the stream "orders"'),
  })
})
