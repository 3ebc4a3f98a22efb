import { describe, expect, it } from 'vitest'
import type { GetShardIteratorInput, PutRecordsInput } from './api.ts'
import { KinesisModel } from './model.ts'

const NOON = 1_700_000_000_000
const HALF = String(2n ** 127n)
const FIRST = 'shardId-000000000000'

/** A stream `s` with the given shards, made at NOON. */
function aModel({
  shards = 1,
  ...options
}: {
  shards?: number
  retentionMs?: number
  limits?: 'aws'
} = {}): KinesisModel {
  const model = new KinesisModel(options)
  model.createStream({ StreamName: 's', ShardCount: shards }, NOON)
  return model
}

/** Puts one record per text, its partition key the text itself, and returns their sequence numbers. */
function put(model: KinesisModel, texts: string[], now = NOON): string[] {
  return model.putRecords(batchOf(texts), now).Records.map((result) => {
    if ('ErrorCode' in result) throw new Error(result.ErrorMessage)
    return result.SequenceNumber
  })
}

function batchOf(texts: string[]): PutRecordsInput {
  return {
    StreamName: 's',
    Records: texts.map((text) => ({ Data: base64(text), PartitionKey: text })),
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

function iteratorOf(model: KinesisModel, at: Partial<GetShardIteratorInput> = {}, now = NOON): string {
  const start = {
    StreamName: 's',
    ShardId: FIRST,
    ShardIteratorType: 'TRIM_HORIZON',
    ...at,
  } as const
  return model.getShardIterator(start, now).ShardIterator
}

/** The texts that one GetRecords from a place in the first shard returns. */
function textsFrom(model: KinesisModel, at: Partial<GetShardIteratorInput>, now = NOON): string[] {
  const { Records } = model.getRecords({ ShardIterator: iteratorOf(model, at, now) }, now)
  return Records.map((record) => record.PartitionKey)
}

describe('shard iterators', () => {
  it('start at the oldest record, at the newest, at a sequence number and after it', () => {
    const model = aModel()
    const [, second] = put(model, ['a', 'b', 'c'])

    expect(textsFrom(model, { ShardIteratorType: 'TRIM_HORIZON' })).toEqual(['a', 'b', 'c'])
    expect(textsFrom(model, { ShardIteratorType: 'LATEST' })).toEqual([])
    expect(
      textsFrom(model, {
        ShardIteratorType: 'AT_SEQUENCE_NUMBER',
        StartingSequenceNumber: second!,
      }),
    ).toEqual(['b', 'c'])
    expect(
      textsFrom(model, {
        ShardIteratorType: 'AFTER_SEQUENCE_NUMBER',
        StartingSequenceNumber: second!,
      }),
    ).toEqual(['c'])
  })

  it('start at the first record that arrived at a timestamp or after it', () => {
    const model = aModel()
    put(model, ['a'], NOON + 3)
    put(model, ['b'], NOON + 9)
    const from = (at: number) => textsFrom(model, { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: at }, NOON + 10)

    expect(from(NOON + 3)).toEqual(['a', 'b'])
    expect(from(NOON + 4)).toEqual(['b'])
    expect(from(NOON + 9)).toEqual(['b'])
    expect(from(NOON + 10)).toEqual([])
    expect(() => from(NOON + 11)).toThrow('cannot be greater than the currentTimestampInMillis')
  })

  it('of type LATEST return what is put after they were made', () => {
    const model = aModel()
    put(model, ['a'])
    const latest = iteratorOf(model, { ShardIteratorType: 'LATEST' })
    put(model, ['b'])

    expect(model.getRecords({ ShardIterator: latest }, NOON).Records.map((record) => record.PartitionKey)).toEqual([
      'b',
    ])
  })

  it('live five minutes and not a millisecond longer', () => {
    const model = aModel()
    const iterator = iteratorOf(model)

    expect(model.getRecords({ ShardIterator: iterator }, NOON + 300_000).Records).toEqual([])
    expect(() => model.getRecords({ ShardIterator: iterator }, NOON + 300_001)).toThrow('Iterator expired')
  })

  it('refuse the sequence number of another shard, and one that was not given out yet', () => {
    const model = aModel({ shards: 2 })
    const { SequenceNumber, ShardId } = model.putRecord({ StreamName: 's', Data: '', PartitionKey: 'a' }, NOON)
    const other = ShardId === FIRST ? 'shardId-000000000001' : FIRST
    const at = (shard: string, number: string) => () =>
      iteratorOf(model, {
        ShardId: shard,
        ShardIteratorType: 'AT_SEQUENCE_NUMBER',
        StartingSequenceNumber: number,
      })

    expect(at(ShardId, SequenceNumber)).not.toThrow()
    expect(at(other, SequenceNumber)).toThrow('did not come from this shard')
    expect(at(ShardId, SequenceNumber.replace('1000000000000001', '1000000000000002'))).toThrow(
      'did not come from this stream',
    )
  })

  it('do not survive a stream of the same name', () => {
    const model = aModel()
    const iterator = iteratorOf(model)
    model.deleteStream({ StreamName: 's' })
    model.createStream({ StreamName: 's', ShardCount: 1 }, NOON + 1)

    expect(() => model.getRecords({ ShardIterator: iterator }, NOON + 1)).toThrow('earlier stream s')
  })
})

describe('GetRecords', () => {
  it('returns at most `Limit` records and goes on after them', () => {
    const model = aModel()
    put(model, ['a', 'b', 'c'])

    const one = model.getRecords({ ShardIterator: iteratorOf(model), Limit: 2 }, NOON)
    const two = model.getRecords({ ShardIterator: one.NextShardIterator! }, NOON)

    expect(one.Records.map((record) => record.PartitionKey)).toEqual(['a', 'b'])
    expect(two.Records.map((record) => record.PartitionKey)).toEqual(['c'])
  })

  it('returns at most 10 MiB, but always at least one record', () => {
    const model = aModel()
    model.updateMaxRecordSize({
      StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/s',
      MaxRecordSizeInKiB: 10_240,
    })
    const large = (PartitionKey: string, bytes: number) => ({
      StreamName: 's',
      PartitionKey,
      Data: Buffer.alloc(bytes),
    })
    model.putRecord(large('a', 10 * 1024 * 1024), NOON)
    model.putRecord(large('b', 6 * 1024 * 1024), NOON)
    model.putRecord(large('c', 4 * 1024 * 1024), NOON)

    const one = model.getRecords({ ShardIterator: iteratorOf(model) }, NOON)
    const two = model.getRecords({ ShardIterator: one.NextShardIterator! }, NOON)

    expect(one.Records.map((record) => record.PartitionKey)).toEqual(['a'])
    // Two keys of one byte each push 10 MiB of data over the limit.
    expect(two.Records.map((record) => record.PartitionKey)).toEqual(['b'])
  })

  it('is behind by the age of the oldest record it left, at least 1 ms, and 0 only when it left none', () => {
    const model = aModel()
    put(model, ['a'], NOON)
    put(model, ['b'], NOON + 40)
    const behind = (Limit: number, now: number) =>
      model.getRecords({ ShardIterator: iteratorOf(model), Limit }, now).MillisBehindLatest

    expect(behind(1, NOON + 100)).toBe(60)
    expect(behind(1, NOON + 40)).toBe(1)
    expect(behind(2, NOON + 100)).toBe(0)
  })

  it('ends a closed shard with no next iterator and the names of its children', () => {
    const model = aModel()
    put(model, ['a', 'b'])
    model.splitShard({ StreamName: 's', ShardToSplit: FIRST, NewStartingHashKey: HALF }, NOON)

    const one = model.getRecords({ ShardIterator: iteratorOf(model), Limit: 1 }, NOON)
    const two = model.getRecords({ ShardIterator: one.NextShardIterator! }, NOON)

    expect(one.ChildShards).toBeUndefined()
    expect(two.Records).toHaveLength(1)
    expect(two.NextShardIterator).toBeNull()
    expect(two.ChildShards!.map((child) => [child.ShardId, child.ParentShards])).toEqual([
      ['shardId-000000000001', [FIRST]],
      ['shardId-000000000002', [FIRST]],
    ])
  })
})

describe('retention', () => {
  it('keeps a record up to its age limit and drops it one millisecond later', () => {
    const model = aModel({ retentionMs: 10 })
    put(model, ['a'], NOON)
    put(model, ['b'], NOON + 5)

    expect(textsFrom(model, {}, NOON + 10)).toEqual(['a', 'b'])
    expect(textsFrom(model, {}, NOON + 11)).toEqual(['b'])
    expect(textsFrom(model, {}, NOON + 16)).toEqual([])
  })

  it('continues at the trim horizon where a position is older than that', () => {
    const model = aModel({ retentionMs: 10 })
    const [first] = put(model, ['a', 'b'], NOON)
    const iterator = iteratorOf(model, {}, NOON)
    put(model, ['c'], NOON + 9)
    const at = {
      ShardIteratorType: 'AFTER_SEQUENCE_NUMBER',
      StartingSequenceNumber: first!,
    } as const

    expect(textsFrom(model, at, NOON + 11)).toEqual(['c'])
    expect(
      model.getRecords({ ShardIterator: iterator }, NOON + 11).Records.map((record) => record.PartitionKey),
    ).toEqual(['c'])
  })

  it('forgets a closed shard once its last record could have expired', () => {
    const model = aModel({ retentionMs: 10 })
    model.splitShard({ StreamName: 's', ShardToSplit: FIRST, NewStartingHashKey: HALF }, NOON)
    const ids = (now: number) =>
      model.listShards({ StreamName: 's' }, now).Shards.map((shard) => Number(shard.ShardId.slice(-1)))

    expect(ids(NOON + 10)).toEqual([0, 1, 2])
    expect(ids(NOON + 11)).toEqual([1, 2])
    expect(() => iteratorOf(model, {}, NOON + 11)).toThrow('does not exist')
  })

  it('follows the hours of the stream where no other is set', () => {
    const model = aModel()
    put(model, ['a'])
    const day = 24 * 3_600_000
    model.increaseStreamRetentionPeriod({
      StreamName: 's',
      RetentionPeriodHours: 48,
    })

    expect(textsFrom(model, {}, NOON + day + 1)).toEqual(['a'])
    model.decreaseStreamRetentionPeriod({
      StreamName: 's',
      RetentionPeriodHours: 24,
    })
    expect(textsFrom(model, {}, NOON + day + 1)).toEqual([])
    expect(() =>
      model.decreaseStreamRetentionPeriod({
        StreamName: 's',
        RetentionPeriodHours: 25,
      }),
    ).toThrow('can not be longer')
  })
})

describe('routing', () => {
  it('sends a key to the shard that owns its MD5, and an explicit hash key to its owner', () => {
    const model = aModel({ shards: 2 })
    const shardOf = (PartitionKey: string, ExplicitHashKey?: string) =>
      model.putRecord({ StreamName: 's', Data: '', PartitionKey, ExplicitHashKey }, NOON).ShardId

    // md5("a") = 0cc1..., md5("b") = 92eb...; the second shard begins at 8000...
    expect(shardOf('a')).toBe(FIRST)
    expect(shardOf('b')).toBe('shardId-000000000001')
    expect(shardOf('b', String(2n ** 127n - 1n))).toBe(FIRST)
    expect(shardOf('a', HALF)).toBe('shardId-000000000001')
    expect(() => shardOf('a', String(2n ** 128n))).toThrow('Invalid ExplicitHashKey')
  })
})

describe('resharding', () => {
  const rangesOf = (model: KinesisModel) =>
    model
      .listShards({ StreamName: 's', ShardFilter: { Type: 'AT_LATEST' } }, NOON)
      .Shards.map((shard) => [shard.HashKeyRange.StartingHashKey, shard.HashKeyRange.EndingHashKey])
      .sort((a, b) => (BigInt(a[0]!) < BigInt(b[0]!) ? -1 : 1))

  it('merges two neighbours in either order into a child that names both', () => {
    const model = aModel({ shards: 2 })
    const second = 'shardId-000000000001'
    model.mergeShards({ StreamName: 's', ShardToMerge: second, AdjacentShardToMerge: FIRST }, NOON)

    const child = model.listShards({ StreamName: 's' }, NOON).Shards[2]!
    expect([child.ParentShardId, child.AdjacentParentShardId]).toEqual([second, FIRST])
    expect(rangesOf(model)).toEqual([['0', String(2n ** 128n - 1n)]])
  })

  it('refuses to merge what is not adjacent and to touch what is closed', () => {
    const model = aModel({ shards: 3 })
    const merge = (a: number, b: number) =>
      model.mergeShards(
        {
          StreamName: 's',
          ShardToMerge: `shardId-00000000000${a}`,
          AdjacentShardToMerge: `shardId-00000000000${b}`,
        },
        NOON,
      )

    expect(() => merge(0, 2)).toThrow('not an adjacent pair')
    merge(0, 1)
    expect(() => merge(1, 2)).toThrow('is closed')
  })

  it.each([
    [1, 2, 3],
    [2, 3, 7],
    [4, 2, 6],
    [3, 6, 9],
  ])('scales %i shards to %i equal ones, with %i shards made in all', (from, to, made) => {
    const model = aModel({ shards: from })
    model.updateShardCount(
      {
        StreamName: 's',
        TargetShardCount: to,
        ScalingType: 'UNIFORM_SCALING',
      },
      NOON,
    )

    const fresh = aModel({ shards: to })
    expect(rangesOf(model)).toEqual(rangesOf(fresh))
    expect(model.listShards({ StreamName: 's' }, NOON).Shards).toHaveLength(made)
  })

  it('scales to at most double and at least half', () => {
    const model = aModel({ shards: 4 })
    const scale = (target: number) =>
      model.updateShardCount(
        {
          StreamName: 's',
          TargetShardCount: target,
          ScalingType: 'UNIFORM_SCALING',
        },
        NOON,
      )

    expect(() => scale(9)).toThrow('cannot scale up over double')
    expect(() => scale(1)).toThrow('cannot scale down below half')
  })
})

describe('ListShards', () => {
  it('filters by when a shard was open', () => {
    const model = aModel()
    model.splitShard({ StreamName: 's', ShardToSplit: FIRST, NewStartingHashKey: HALF }, NOON + 5)
    const ids = (
      Type: 'AT_TRIM_HORIZON' | 'FROM_TRIM_HORIZON' | 'AT_LATEST' | 'AT_TIMESTAMP' | 'FROM_TIMESTAMP',
      at?: number,
    ) =>
      model
        .listShards({ StreamName: 's', ShardFilter: { Type, Timestamp: at } }, NOON + 9)
        .Shards.map((shard) => Number(shard.ShardId.slice(-1)))

    expect(ids('AT_TRIM_HORIZON')).toEqual([0])
    expect(ids('FROM_TRIM_HORIZON')).toEqual([0, 1, 2])
    expect(ids('AT_LATEST')).toEqual([1, 2])
    expect(ids('AT_TIMESTAMP', NOON + 4)).toEqual([0])
    expect(ids('AT_TIMESTAMP', NOON + 5)).toEqual([1, 2])
    expect(ids('FROM_TIMESTAMP', NOON + 6)).toEqual([1, 2])
  })

  it('pages by token, which stands for the stream and expires', () => {
    const model = aModel({ shards: 3 })
    const one = model.listShards({ StreamName: 's', MaxResults: 2 }, NOON)
    const two = model.listShards({ NextToken: one.NextToken, MaxResults: 2 }, NOON)

    expect([...one.Shards, ...two.Shards].map((shard) => shard.ShardId)).toEqual(
      [0, 1, 2].map((n) => `shardId-00000000000${n}`),
    )
    expect(two.NextToken).toBeUndefined()
    expect(() => model.listShards({ NextToken: one.NextToken }, NOON + 300_001)).toThrow('expired')
    expect(() => model.listShards({ NextToken: one.NextToken, StreamName: 's' }, NOON)).toThrow(
      'cannot be provided together',
    )
  })
})

describe('limits like those of AWS', () => {
  it('take 1,000 records per shard and second, and refuse the others one by one', () => {
    const model = aModel({ limits: 'aws' })
    const batch = batchOf(Array.from({ length: 400 }, (_, n) => `k${n}`))
    model.putRecords(batch, NOON)
    model.putRecords(batch, NOON + 10)

    const third = model.putRecords(batch, NOON + 999)
    expect(third.FailedRecordCount).toBe(200)
    expect(third.Records[199]).toHaveProperty('SequenceNumber')
    expect(third.Records[200]).toMatchObject({
      ErrorCode: 'ProvisionedThroughputExceededException',
    })
    expect(model.putRecords(batch, NOON + 1_000).FailedRecordCount).toBe(0)
  })

  it('take 1 MiB per shard and second', () => {
    const model = aModel({ limits: 'aws' })
    const record = {
      StreamName: 's',
      PartitionKey: 'a',
      Data: Buffer.alloc(600_000),
    }
    model.putRecord(record, NOON)

    expect(() => model.putRecord(record, NOON + 999)).toThrow(`Rate exceeded for shard ${FIRST}`)
    expect(() => model.putRecord(record, NOON + 1_000)).not.toThrow()
  })

  it('give five reads per shard and second', () => {
    const model = aModel({ limits: 'aws' })
    const read = (now: number) => model.getRecords({ ShardIterator: iteratorOf(model, {}, NOON) }, now)
    for (let n = 0; n < 5; n++) read(NOON + n)

    expect(() => read(NOON + 5)).toThrow('Rate exceeded')
    expect(() => read(NOON + 1_000)).not.toThrow()
  })

  it('make a reader of 10 MB wait until 2 MB/s have paid for it', () => {
    const model = aModel({ limits: 'aws' })
    for (let second = 0; second < 6; second++) {
      model.putRecord({ StreamName: 's', PartitionKey: 'a', Data: Buffer.alloc(1_000_000) }, NOON + second * 1_000)
    }
    const later = NOON + 10_000
    const read = (now: number) => model.getRecords({ ShardIterator: iteratorOf(model, {}, now) }, now)

    expect(read(later).Records).toHaveLength(6)
    expect(() => read(later + 1_000)).toThrow('Rate exceeded')
    expect(() => read(later + 2_000)).not.toThrow()
  })
})

describe('validation', () => {
  const codeOf = (call: () => unknown): string | undefined => {
    try {
      call()
      return undefined
    } catch (error) {
      return (error as { code: string }).code
    }
  }

  it('tells all faults of a request together, in the words of the service', () => {
    const model = aModel()
    const records = [
      { Data: '', PartitionKey: '' },
      { Data: '', PartitionKey: 'k'.repeat(257) },
    ]
    expect(() => model.putRecords({ StreamName: 's', Records: records }, NOON)).toThrow(
      "2 validation errors detected: Value '' at 'records.1.member.partitionKey' failed to satisfy constraint: Member must " +
        'have length greater than or equal to 1; ',
    )
  })

  it.each([
    ['a stream that is not there', 'ResourceNotFoundException', () => put(new KinesisModel(), ['a'])],
    [
      'a name that is taken',
      'ResourceInUseException',
      () => aModel().createStream({ StreamName: 's', ShardCount: 1 }, NOON),
    ],
    ['no records', 'ValidationException', () => put(aModel(), [])],
    ['501 records', 'ValidationException', () => put(aModel(), Array(501).fill('a'))],
    ['more than 1 MiB in one record', 'ValidationException', () => putBytes(aModel(), [1_048_577])],
    [
      'more than 10 MiB in one request',
      'InvalidArgumentException',
      () => putBytes(aModel(), Array(11).fill(1_000_000)),
    ],
    ['broken base64', 'SerializationException', () => putData(aModel(), 'a===')],
    ['a number for a name', 'SerializationException', () => aModel().describeStreamSummary({ StreamName: 1 as never })],
    ['no name at all', 'InvalidArgumentException', () => aModel().describeStreamSummary({})],
    [
      'an iterator that is none',
      'InvalidArgumentException',
      () => aModel().getRecords({ ShardIterator: 'AAAA' }, NOON),
    ],
    [
      '10,001 records wanted',
      'ValidationException',
      () => aModel().getRecords({ ShardIterator: 'A', Limit: 10_001 }, NOON),
    ],
    [
      'a split at the edge',
      'InvalidArgumentException',
      () => aModel().splitShard({ StreamName: 's', ShardToSplit: FIRST, NewStartingHashKey: '1' }, NOON),
    ],
  ])('refuses %s with a %s', (_, code, call) => {
    expect(codeOf(call)).toBe(code)
  })

  it('takes records of exactly 1 MiB, and of up to 10 MiB where the stream allows them', () => {
    const model = aModel()
    putBytes(model, [1_048_576])
    model.createStream({ StreamName: 'large', ShardCount: 1, MaxRecordSizeInKiB: 10_240 }, NOON)

    const large = {
      StreamName: 'large',
      PartitionKey: 'a',
      Data: Buffer.alloc(10 * 1024 * 1024),
    }
    expect(() => model.putRecord(large, NOON)).not.toThrow()
  })

  function putData(model: KinesisModel, Data: string): void {
    model.putRecord({ StreamName: 's', PartitionKey: 'a', Data }, NOON)
  }

  function putBytes(model: KinesisModel, sizes: number[]): void {
    model.putRecords(
      {
        StreamName: 's',
        Records: sizes.map((size) => ({
          PartitionKey: 'a',
          Data: Buffer.alloc(size),
        })),
      },
      NOON,
    )
  }
})
