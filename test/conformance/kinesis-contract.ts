// What Millrace expects of any Kinesis: one suite for the embedded one, for LocalStack, and for AWS itself. It says nothing
// that AWS does not promise; where an emulator differs from AWS, AWS is followed and the difference is named.
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type {
  GetRecordsOutput,
  KinesisClient,
  _Record as KinesisRecord,
  ShardIteratorType,
} from '@aws-sdk/client-kinesis'
import {
  AddTagsToStreamCommand,
  CreateStreamCommand,
  DecreaseStreamRetentionPeriodCommand,
  DeleteStreamCommand,
  DescribeStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  IncreaseStreamRetentionPeriodCommand,
  ListShardsCommand,
  ListStreamsCommand,
  ListTagsForStreamCommand,
  MergeShardsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  SplitShardCommand,
  UpdateShardCountCommand,
} from '@aws-sdk/client-kinesis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const WAIT_MS = 30_000
const POLL_MS = 100
const HASH_KEYS = 2n ** 128n

export interface KinesisUnderTest {
  readonly client: KinesisClient
  stop(): Promise<void>
}

/**
 * What an emulator is known to do unlike AWS; the suite then leaves out that and nothing else.
 *
 * - `behind-after-limit`: `MillisBehindLatest` is 0 although `Limit` left records unread.
 * - `ending-sequence-number`: the end of a closed shard is 2^63 - 1, less than the numbers of its records.
 * - `batch-limit`: PutRecords takes more than 500 records.
 * - `invalid-iterator`: a malformed iterator is answered with an internal error.
 */
export type Deviation = 'behind-after-limit' | 'ending-sequence-number' | 'batch-limit' | 'invalid-iterator'

/** Declares the suite for one maker of a Kinesis. `start` is called once, `stop` at the end. */
export function describeKinesisContract(
  name: string,
  start: () => Promise<KinesisUnderTest>,
  deviations: readonly Deviation[] = [],
): void {
  const followsAws = (deviation: Deviation) => !deviations.includes(deviation)

  describe(`Kinesis contract: ${name}`, () => {
    let kinesis: KinesisUnderTest
    let client: KinesisClient
    let streamsMade = 0

    beforeAll(async () => {
      kinesis = await start()
      client = kinesis.client
    })
    afterAll(() => kinesis?.stop())

    async function aStream(shards = 1): Promise<string> {
      const StreamName = `contract-${process.pid}-${++streamsMade}`
      await client.send(new CreateStreamCommand({ StreamName, ShardCount: shards }))
      await becomesActive(StreamName, shards)
      return StreamName
    }

    /** Every change of a stream is over once it is ACTIVE again, with as many open shards as the change makes. */
    async function becomesActive(StreamName: string, openShards: number): Promise<void> {
      await eventually(async () => {
        const { StreamDescriptionSummary } = await client.send(new DescribeStreamSummaryCommand({ StreamName }))
        const { StreamStatus, OpenShardCount } = StreamDescriptionSummary!
        return StreamStatus === 'ACTIVE' && OpenShardCount === openShards
      })
    }

    async function put(StreamName: string, texts: string[], hashKey?: bigint): Promise<string[]> {
      const records = texts.map((text) => ({
        Data: Buffer.from(text),
        PartitionKey: text,
        ...(hashKey !== undefined && { ExplicitHashKey: String(hashKey) }),
      }))
      const { Records, FailedRecordCount } = await client.send(new PutRecordsCommand({ StreamName, Records: records }))
      expect(FailedRecordCount).toBe(0)
      return Records!.map((record) => record.SequenceNumber!)
    }

    async function iterator(
      StreamName: string,
      ShardId: string,
      ShardIteratorType: ShardIteratorType = 'TRIM_HORIZON',
      at: { StartingSequenceNumber?: string; Timestamp?: Date } = {},
    ): Promise<string> {
      const { ShardIterator } = await client.send(
        new GetShardIteratorCommand({ StreamName, ShardId, ShardIteratorType, ...at }),
      )
      return ShardIterator!
    }

    /** Reads on until the wanted number of records is there; AWS may return empty responses before the tip. */
    async function read(from: string, count: number): Promise<KinesisRecord[]> {
      const records: KinesisRecord[] = []
      let next: string | undefined = from
      await eventually(async () => {
        const got = await client.send(new GetRecordsCommand({ ShardIterator: next! }))
        records.push(...(got.Records ?? []))
        next = got.NextShardIterator
        return records.length >= count || next === undefined
      })
      return records
    }

    async function shardsOf(StreamName: string) {
      const { Shards } = await client.send(new ListShardsCommand({ StreamName }))
      return Shards!
    }

    describe('streams', () => {
      it('are created, described, listed and deleted', async () => {
        const StreamName = await aStream(2)

        const { StreamDescription } = await client.send(new DescribeStreamCommand({ StreamName }))
        const { StreamDescriptionSummary } = await client.send(new DescribeStreamSummaryCommand({ StreamName }))
        expect(StreamDescription!.Shards).toHaveLength(2)
        expect(StreamDescription!.HasMoreShards).toBe(false)
        expect(StreamDescription!.StreamARN).toMatch(new RegExp(`^arn:aws:kinesis:.+:stream/${StreamName}$`))
        expect(StreamDescriptionSummary).toMatchObject({ StreamName, OpenShardCount: 2, RetentionPeriodHours: 24 })
        const age = Date.now() - StreamDescriptionSummary!.StreamCreationTimestamp!.getTime()
        expect(Math.abs(age)).toBeLessThan(WAIT_MS)
        const { StreamNames } = await client.send(new ListStreamsCommand({ ExclusiveStartStreamName: 'contract-' }))
        expect(StreamNames).toContain(StreamName)

        await client.send(new DeleteStreamCommand({ StreamName }))
        await eventually(() => isRefused(client.send(new DescribeStreamSummaryCommand({ StreamName }))))
      })

      it('are found by ARN as by name', async () => {
        const StreamName = await aStream()
        const { StreamDescriptionSummary } = await client.send(new DescribeStreamSummaryCommand({ StreamName }))
        const { Shards } = await client.send(new ListShardsCommand({ StreamARN: StreamDescriptionSummary!.StreamARN! }))
        expect(Shards).toHaveLength(1)
      })

      it('divide the hash keys among their shards without gap or overlap', async () => {
        const shards = await shardsOf(await aStream(3))
        const ranges = shards.map((shard) => shard.HashKeyRange!)
        expect(ranges[0]!.StartingHashKey).toBe('0')
        expect(ranges[2]!.EndingHashKey).toBe(String(HASH_KEYS - 1n))
        for (const at of [0, 1]) {
          expect(BigInt(ranges[at]!.EndingHashKey!) + 1n).toBe(BigInt(ranges[at + 1]!.StartingHashKey!))
        }
      })

      it('keep retention and tags', async () => {
        const StreamName = await aStream()
        await client.send(new IncreaseStreamRetentionPeriodCommand({ StreamName, RetentionPeriodHours: 48 }))
        await becomesActive(StreamName, 1)
        const longer = await client.send(new DescribeStreamSummaryCommand({ StreamName }))
        expect(longer.StreamDescriptionSummary!.RetentionPeriodHours).toBe(48)
        await client.send(new DecreaseStreamRetentionPeriodCommand({ StreamName, RetentionPeriodHours: 24 }))

        await client.send(new AddTagsToStreamCommand({ StreamName, Tags: { team: 'river' } }))
        const { Tags } = await client.send(new ListTagsForStreamCommand({ StreamName }))
        expect(Tags).toEqual([{ Key: 'team', Value: 'river' }])
      })
    })

    describe('records', () => {
      it('come back as they were put: bytes, key, order and arrival', async () => {
        const StreamName = await aStream()
        const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)
        const before = Date.now()
        const first = await client.send(new PutRecordCommand({ StreamName, PartitionKey: 'Zürich 🌊', Data: bytes }))
        const second = await client.send(
          new PutRecordCommand({ StreamName, PartitionKey: 'b', Data: Buffer.from('2') }),
        )

        const records = await read(await iterator(StreamName, first.ShardId!), 2)
        expect(records.map((record) => record.PartitionKey)).toEqual(['Zürich 🌊', 'b'])
        expect(Buffer.from(records[0]!.Data!)).toEqual(Buffer.from(bytes))
        expect(records.map((record) => record.SequenceNumber)).toEqual([first.SequenceNumber, second.SequenceNumber])
        const arrival = records[0]!.ApproximateArrivalTimestamp!.getTime()
        expect(Math.abs(arrival - before)).toBeLessThan(WAIT_MS)
      })

      it('get growing sequence numbers beyond 2^53 within a shard', async () => {
        const StreamName = await aStream()
        const numbers = await put(
          StreamName,
          Array.from({ length: 20 }, (_, n) => `k${n}`),
        )
        expect(BigInt(numbers[0]!)).toBeGreaterThan(2n ** 53n)
        expectAscending(numbers)
      })

      it('follow an earlier record when told to', async () => {
        const StreamName = await aStream()
        const first = await client.send(new PutRecordCommand({ StreamName, PartitionKey: 'a', Data: Buffer.from('1') }))
        const second = await client.send(
          new PutRecordCommand({
            StreamName,
            PartitionKey: 'a',
            Data: Buffer.from('2'),
            SequenceNumberForOrdering: first.SequenceNumber!,
          }),
        )
        expectAscending([first.SequenceNumber!, second.SequenceNumber!])
      })

      it('go to the shard that owns the MD5 of their key, or the explicit hash key', async () => {
        const StreamName = await aStream(4)
        const shards = await shardsOf(StreamName)
        const ownerOf = (key: bigint) =>
          shards.find(
            ({ HashKeyRange: range }) => BigInt(range!.StartingHashKey!) <= key && key <= BigInt(range!.EndingHashKey!),
          )!.ShardId

        for (const PartitionKey of ['a', 'b', 'ü', 'user-42']) {
          const { ShardId } = await client.send(
            new PutRecordCommand({ StreamName, PartitionKey, Data: Buffer.from('1') }),
          )
          expect(ShardId).toBe(ownerOf(BigInt(`0x${createHash('md5').update(PartitionKey).digest('hex')}`)))
        }
        for (const key of [0n, HASH_KEYS / 4n - 1n, HASH_KEYS / 4n, HASH_KEYS - 1n]) {
          const entry = { PartitionKey: 'a', ExplicitHashKey: String(key), Data: Buffer.from('1') }
          const { Records } = await client.send(new PutRecordsCommand({ StreamName, Records: [entry] }))
          expect(Records![0]!.ShardId).toBe(ownerOf(key))
        }
      })

      it('of 1 MiB and batches of 500 are taken', async () => {
        const StreamName = await aStream()
        const large = Buffer.alloc(1_048_576, 7)
        const { ShardId } = await client.send(new PutRecordCommand({ StreamName, PartitionKey: 'a', Data: large }))
        const [record] = await read(await iterator(StreamName, ShardId!), 1)
        expect(Buffer.from(record!.Data!).equals(large)).toBe(true)

        const other = await aStream()
        const texts = Array.from({ length: 500 }, (_, n) => `k${n}`)
        await put(other, texts)
        const records = await read(await iterator(other, ShardId!), 500)
        expect(records.map((record) => record.PartitionKey)).toEqual(texts)
      })
    })

    describe('shard iterators', () => {
      it('start at the oldest record, at the newest, at a sequence number and after it', async () => {
        const StreamName = await aStream()
        const [{ ShardId } = {}] = await shardsOf(StreamName)
        const [, second] = await put(StreamName, ['a', 'b', 'c'])
        const keysFrom = async (type: ShardIteratorType, count: number) => {
          const at = type.endsWith('SEQUENCE_NUMBER') ? { StartingSequenceNumber: second! } : {}
          const records = await read(await iterator(StreamName, ShardId!, type, at), count)
          return records.map((record) => record.PartitionKey)
        }

        const latest = await iterator(StreamName, ShardId!, 'LATEST')
        expect(await keysFrom('TRIM_HORIZON', 3)).toEqual(['a', 'b', 'c'])
        expect(await keysFrom('AT_SEQUENCE_NUMBER', 2)).toEqual(['b', 'c'])
        expect(await keysFrom('AFTER_SEQUENCE_NUMBER', 1)).toEqual(['c'])
        await put(StreamName, ['d'])
        expect((await read(latest, 1)).map((record) => record.PartitionKey)).toEqual(['d'])
      })

      it('start at the first record from a timestamp on', async () => {
        const StreamName = await aStream()
        const [{ ShardId } = {}] = await shardsOf(StreamName)
        await put(StreamName, ['a'])
        // Some emulators look at whole seconds only.
        await sleep(2_200)
        await put(StreamName, ['b'])
        const [, b] = await read(await iterator(StreamName, ShardId!), 2)

        const Timestamp = new Date(b!.ApproximateArrivalTimestamp!.getTime() - 1_000)
        const records = await read(await iterator(StreamName, ShardId!, 'AT_TIMESTAMP', { Timestamp }), 1)
        expect(records.map((record) => record.PartitionKey)).toEqual(['b'])
      })

      it('go on after `Limit` records, behind the tip until all are read', async () => {
        const StreamName = await aStream()
        const [{ ShardId } = {}] = await shardsOf(StreamName)
        await put(StreamName, ['a', 'b', 'c'])
        await sleep(20)

        const first = await client.send(
          new GetRecordsCommand({ ShardIterator: await iterator(StreamName, ShardId!), Limit: 2 }),
        )
        const second = await client.send(new GetRecordsCommand({ ShardIterator: first.NextShardIterator! }))
        expect(first.Records!.map((record) => record.PartitionKey)).toEqual(['a', 'b'])
        if (followsAws('behind-after-limit')) expect(first.MillisBehindLatest).toBeGreaterThan(0)
        expect(second.Records!.map((record) => record.PartitionKey)).toEqual(['c'])
        expect(second.MillisBehindLatest).toBe(0)
        expect(second.NextShardIterator).toBeTruthy()
      })
    })

    describe('resharding', () => {
      /** Reads a closed shard until its iterator is null; the last response may still carry records. */
      async function readToEnd(StreamName: string, ShardId: string) {
        const records: KinesisRecord[] = []
        let next: string | undefined = await iterator(StreamName, ShardId)
        for (;;) {
          const got: GetRecordsOutput = await client.send(new GetRecordsCommand({ ShardIterator: next }))
          records.push(...(got.Records ?? []))
          next = got.NextShardIterator ?? undefined
          if (next === undefined) return { records, children: got.ChildShards }
        }
      }

      it('splits a shard: the parent ends with its children, whose numbers are greater', async () => {
        const StreamName = await aStream()
        const [{ ShardId: parent } = {}] = await shardsOf(StreamName)
        const before = await put(StreamName, ['a', 'b', 'c'])
        const NewStartingHashKey = String(HASH_KEYS / 2n)
        await client.send(new SplitShardCommand({ StreamName, ShardToSplit: parent!, NewStartingHashKey }))
        await becomesActive(StreamName, 2)
        const low = await put(StreamName, ['low'], 0n)
        const high = await put(StreamName, ['high'], HASH_KEYS - 1n)

        const { records, children } = await readToEnd(StreamName, parent!)
        expect(records.map((record) => record.PartitionKey)).toEqual(['a', 'b', 'c'])
        const shards = await shardsOf(StreamName)
        expect(shards.map((shard) => shard.ParentShardId)).toEqual([undefined, parent, parent])
        const ending = followsAws('ending-sequence-number')
          ? [shards[0]!.SequenceNumberRange!.EndingSequenceNumber!]
          : []
        expectAscending([before[2]!, ...ending, low[0]!])
        expectAscending([before[2]!, ...ending, high[0]!])
        expect(children!.map((child) => child.ShardId).sort()).toEqual(shards.slice(1).map((shard) => shard.ShardId))
        expect(children!.map((child) => child.ParentShards)).toEqual([[parent], [parent]])
        const [fromLow] = await read(await iterator(StreamName, shards[1]!.ShardId!), 1)
        expect(fromLow!.PartitionKey).toBe('low')
      })

      it('merges two shards: the child names both parents', async () => {
        const StreamName = await aStream(2)
        const [left, right] = (await shardsOf(StreamName)).map((shard) => shard.ShardId!)
        await put(StreamName, ['left'], 0n)
        await put(StreamName, ['right'], HASH_KEYS - 1n)
        await client.send(new MergeShardsCommand({ StreamName, ShardToMerge: left!, AdjacentShardToMerge: right! }))
        await becomesActive(StreamName, 1)
        await put(StreamName, ['merged'])

        const child = (await shardsOf(StreamName))[2]!
        expect([child.ParentShardId, child.AdjacentParentShardId].sort()).toEqual([left, right])
        for (const parent of [left!, right!]) {
          const { records, children } = await readToEnd(StreamName, parent)
          expect(records).toHaveLength(1)
          expect(children!.map((found) => found.ShardId)).toEqual([child.ShardId])
          expect([...children![0]!.ParentShards!].sort()).toEqual([left, right])
        }
        expect(await read(await iterator(StreamName, child.ShardId!), 1)).toHaveLength(1)
      })

      it('scales to double with equal shards', async () => {
        const StreamName = await aStream(2)
        const scaled = await client.send(
          new UpdateShardCountCommand({ StreamName, TargetShardCount: 4, ScalingType: 'UNIFORM_SCALING' }),
        )
        expect(scaled).toMatchObject({ CurrentShardCount: 2, TargetShardCount: 4 })
        await becomesActive(StreamName, 4)
        const { Shards } = await client.send(new ListShardsCommand({ StreamName, ShardFilter: { Type: 'AT_LATEST' } }))
        // How the division rounds is the service's own business.
        for (const { HashKeyRange: range } of Shards!) {
          const width = BigInt(range!.EndingHashKey!) - BigInt(range!.StartingHashKey!) + 1n
          expect(Math.abs(Number(width - HASH_KEYS / 4n))).toBeLessThan(10)
        }
        expect(Shards).toHaveLength(4)
      })

      it('refuses shards that are not adjacent, and what would more than double the shards', async () => {
        const StreamName = await aStream(3)
        const [first, , third] = (await shardsOf(StreamName)).map((shard) => shard.ShardId!)
        const merge = new MergeShardsCommand({ StreamName, ShardToMerge: first!, AdjacentShardToMerge: third! })
        await expect(client.send(merge)).rejects.toMatchObject({ name: 'InvalidArgumentException' })
        const scale = new UpdateShardCountCommand({ StreamName, TargetShardCount: 7, ScalingType: 'UNIFORM_SCALING' })
        await expect(client.send(scale)).rejects.toThrow()
      })
    })

    describe('ListShards', () => {
      it('pages by token and starts after a shard', async () => {
        const StreamName = await aStream(3)
        const first = await client.send(new ListShardsCommand({ StreamName, MaxResults: 2 }))
        const second = await client.send(new ListShardsCommand({ NextToken: first.NextToken!, MaxResults: 2 }))
        const ids = [...first.Shards!, ...second.Shards!].map((shard) => shard.ShardId!)
        expect(new Set(ids).size).toBe(3)
        expect(second.NextToken).toBeFalsy()

        const after = await client.send(new ListShardsCommand({ StreamName, ExclusiveStartShardId: ids[0]! }))
        expect(after.Shards!.map((shard) => shard.ShardId)).toEqual(ids.slice(1))
      })

      it('tells open shards from those that were open at the trim horizon', async () => {
        const StreamName = await aStream()
        const [{ ShardId: parent } = {}] = await shardsOf(StreamName)
        const NewStartingHashKey = String(HASH_KEYS / 2n)
        await client.send(new SplitShardCommand({ StreamName, ShardToSplit: parent!, NewStartingHashKey }))
        await becomesActive(StreamName, 2)
        const idsOf = async (Type: 'AT_LATEST' | 'AT_TRIM_HORIZON') => {
          const { Shards } = await client.send(new ListShardsCommand({ StreamName, ShardFilter: { Type } }))
          return Shards!.map((shard) => shard.ShardId)
        }

        expect(await idsOf('AT_LATEST')).toHaveLength(2)
        expect(await idsOf('AT_LATEST')).not.toContain(parent)
        expect(await idsOf('AT_TRIM_HORIZON')).toContain(parent)
      })
    })

    describe('refusals', () => {
      const record = { Data: Buffer.from('1'), PartitionKey: 'a' }

      it('a stream that is not there: ResourceNotFoundException', async () => {
        const missing = { name: 'ResourceNotFoundException' }
        const described = client.send(new DescribeStreamCommand({ StreamName: 'nowhere' }))
        await expect(described).rejects.toMatchObject(missing)
        const put = client.send(new PutRecordCommand({ StreamName: 'nowhere', ...record }))
        await expect(put).rejects.toMatchObject(missing)
      })

      it.runIf(followsAws('invalid-iterator'))('an iterator that is none: InvalidArgumentException', async () => {
        const call = client.send(new GetRecordsCommand({ ShardIterator: 'AAAA' }))
        await expect(call).rejects.toMatchObject({ name: 'InvalidArgumentException' })
      })

      it('a name that is taken: ResourceInUseException', async () => {
        const again = new CreateStreamCommand({ StreamName: await aStream(), ShardCount: 1 })
        await expect(client.send(again)).rejects.toMatchObject({ name: 'ResourceInUseException' })
      })

      it('a shard that is not there: ResourceNotFoundException', async () => {
        const StreamName = await aStream()
        await expect(iterator(StreamName, 'shardId-000000000099')).rejects.toMatchObject({
          name: 'ResourceNotFoundException',
        })
      })

      it('501 records, an empty key and a key of 257 characters: nothing of the batch is taken', async () => {
        const StreamName = await aStream()
        for (const Records of [
          ...(followsAws('batch-limit') ? [Array(501).fill(record)] : []),
          [record, { ...record, PartitionKey: '' }],
          [record, { ...record, PartitionKey: 'k'.repeat(257) }],
        ]) {
          await expect(client.send(new PutRecordsCommand({ StreamName, Records }))).rejects.toThrow()
        }
        const [{ ShardId } = {}] = await shardsOf(StreamName)
        const got = await client.send(new GetRecordsCommand({ ShardIterator: await iterator(StreamName, ShardId!) }))
        expect(got.Records).toEqual([])
      })
    })
  })
}

/** Waits for a condition, asking every 100 ms for at most 30 s. */
async function eventually(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + WAIT_MS
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`The condition did not come true within ${WAIT_MS} ms`)
    await sleep(POLL_MS)
  }
}

async function isRefused(call: Promise<unknown>): Promise<boolean> {
  return call.then(
    () => false,
    (error: Error) => error.name === 'ResourceNotFoundException',
  )
}

function expectAscending(numbers: string[]): void {
  const values = numbers.map(BigInt)
  expect(values).toEqual([...values].sort(byValue))
  expect(new Set(values).size).toBe(values.length)
}

function byValue(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}
