import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { ShardDescription } from './api.ts'
import { KinesisModel } from './model.ts'

const NOON = 1_700_000_000_000
const KEYS = ['a', 'b', 'c', 'd', 'e']

type Step = { put: string } | { split: number } | { merge: number } | { scale: number }

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ put: fc.constantFrom(...KEYS) }) },
    { weight: 1, arbitrary: fc.record({ split: fc.nat(7) }) },
    { weight: 1, arbitrary: fc.record({ merge: fc.nat(7) }) },
    {
      weight: 1,
      arbitrary: fc.record({ scale: fc.integer({ min: 1, max: 6 }) }),
    },
  ),
  { maxLength: 80 },
)

it('gives a reader that follows children after parents each record once, in order per key, whatever reshards between', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 4 }), (steps, shards, limit) => {
      const model = new KinesisModel()
      model.createStream({ StreamName: 's', ShardCount: shards }, NOON)
      const put = steps.flatMap((step, index) => run(model, step, NOON + Math.floor(index / 3)))
      const read = readAll(model, NOON + 100, limit)

      expect([...read].sort()).toEqual([...put].sort())
      for (const key of KEYS) expect(read.filter(ofKey(key))).toEqual(put.filter(ofKey(key)))
      // Within a key, sequence numbers grow even from parent to child.
      for (const key of KEYS) expect(isAscending(read.filter(ofKey(key)))).toBe(true)
    }),
  )
})

/** Does one step; a put returns its record as `sequenceNumber/key`. Steps that do not fit the shards are left out. */
function run(model: KinesisModel, step: Step, now: number): string[] {
  const open = model
    .listShards({ StreamName: 's', ShardFilter: { Type: 'AT_LATEST' } }, now)
    .Shards.sort((a, b) => (startOf(a) < startOf(b) ? -1 : 1))
  if ('put' in step) {
    const { SequenceNumber } = model.putRecord({ StreamName: 's', Data: '', PartitionKey: step.put }, now)
    return [`${SequenceNumber}/${step.put}`]
  }
  if ('split' in step) {
    const { ShardId, HashKeyRange } = open[step.split % open.length]!
    const middle = (BigInt(HashKeyRange.StartingHashKey) + BigInt(HashKeyRange.EndingHashKey)) / 2n
    model.splitShard(
      {
        StreamName: 's',
        ShardToSplit: ShardId,
        NewStartingHashKey: String(middle),
      },
      now,
    )
  } else if ('merge' in step) {
    const at = step.merge % open.length
    const [shard, adjacent] = [open[at]!, open[at + 1]]
    if (adjacent === undefined) return []
    model.mergeShards(
      {
        StreamName: 's',
        ShardToMerge: shard.ShardId,
        AdjacentShardToMerge: adjacent.ShardId,
      },
      now,
    )
  } else if (step.scale <= open.length * 2 && step.scale >= open.length / 2) {
    model.updateShardCount(
      {
        StreamName: 's',
        TargetShardCount: step.scale,
        ScalingType: 'UNIFORM_SCALING',
      },
      now,
    )
  }
  return []
}

/** Reads as a consumer does: from the shards at the trim horizon on, a child once all its parents have ended. */
function readAll(model: KinesisModel, now: number, limit: number): string[] {
  const read: string[] = []
  const ended = new Set<string>()
  const begun = new Set<string>()
  const start = model.listShards({ StreamName: 's', ShardFilter: { Type: 'AT_TRIM_HORIZON' } }, now)
  const waiting = start.Shards.map((shard) => ({
    id: shard.ShardId,
    parents: [] as string[],
  }))
  for (let next = takeReady(); next !== undefined; next = takeReady()) {
    begun.add(next)
    const first = {
      StreamName: 's',
      ShardId: next,
      ShardIteratorType: 'TRIM_HORIZON',
    } as const
    let iterator: string | null = model.getShardIterator(first, now).ShardIterator
    while (iterator !== null) {
      const got = model.getRecords({ ShardIterator: iterator, Limit: limit }, now)
      read.push(...got.Records.map((record) => `${record.SequenceNumber}/${record.PartitionKey}`))
      for (const child of got.ChildShards ?? []) {
        const isKnown = begun.has(child.ShardId) || waiting.some((shard) => shard.id === child.ShardId)
        if (!isKnown) waiting.push({ id: child.ShardId, parents: child.ParentShards })
      }
      if (got.NextShardIterator === null) ended.add(next)
      if (got.NextShardIterator !== null && got.MillisBehindLatest === 0) break
      iterator = got.NextShardIterator
    }
  }
  expect(waiting).toEqual([])
  return read

  function takeReady(): string | undefined {
    const at = waiting.findIndex((shard) => shard.parents.every((parent) => ended.has(parent)))
    return at < 0 ? undefined : waiting.splice(at, 1)[0]!.id
  }
}

function startOf(shard: ShardDescription): bigint {
  return BigInt(shard.HashKeyRange.StartingHashKey)
}

function ofKey(key: string): (record: string) => boolean {
  return (record) => record.endsWith(`/${key}`)
}

function isAscending(records: string[]): boolean {
  const numbers = records.map((record) => BigInt(record.split('/')[0]!))
  return numbers.every((number, index) => index === 0 || numbers[index - 1]! < number)
}
