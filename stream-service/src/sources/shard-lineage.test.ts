import { describe, expect, test } from 'vitest'
import { type ListedShard, ShardLineage } from './shard-lineage.ts'

const open = (shardId: string, ...parentShardIds: string[]): ListedShard => ({
  shardId,
  parentShardIds,
  isClosed: false,
})
const closed = (shardId: string, ...parentShardIds: string[]): ListedShard => ({
  shardId,
  parentShardIds,
  isClosed: true,
})

const none = new Map<string, string>()
const ids = (shards: ReadonlyArray<{ shardId: string }>) => shards.map(({ shardId }) => shardId)
const starts = (lineage: ShardLineage) =>
  lineage.takeReady().map(({ shardId, start }) => `${shardId} ${start.from === 'after' ? start.position : start.from}`)

/** s1 was split into s2 and s3, which were merged into s4. */
const splitAndMerged = [closed('s1'), closed('s2', 's1'), closed('s3', 's1'), open('s4', 's2', 's3')]

describe('order', () => {
  test('children begin when all their parents are done', () => {
    const lineage = new ShardLineage(none, 'TRIM_HORIZON')
    lineage.learn(splitAndMerged)
    expect(ids(lineage.takeReady())).toEqual(['s1'])
    lineage.done('s1')
    expect(ids(lineage.takeReady())).toEqual(['s2', 's3'])
    lineage.done('s2')
    expect(ids(lineage.takeReady())).toEqual([])
    lineage.done('s3')
    expect(ids(lineage.takeReady())).toEqual(['s4'])
    expect(ids(lineage.takeReady())).toEqual([])
  })

  test('a parent that retention has trimmed away is not waited for', () => {
    const lineage = new ShardLineage(none, 'TRIM_HORIZON')
    lineage.learn([open('s9', 's7', 's8')])
    expect(ids(lineage.takeReady())).toEqual(['s9'])
  })

  test('a shard that is forgotten and listed no more keeps its children ready', () => {
    const lineage = new ShardLineage(none, 'TRIM_HORIZON')
    lineage.learn(splitAndMerged)
    lineage.takeReady()
    lineage.done('s1')
    lineage.forgetAllBut(new Set(['s2', 's3', 's4']))
    expect(ids(lineage.open())).toEqual(['s2', 's3', 's4'])
    expect(ids(lineage.takeReady())).toEqual(['s2', 's3'])
  })
})

describe('where shards begin', () => {
  test('TRIM_HORIZON begins everything at the oldest record', () => {
    const lineage = new ShardLineage(none, 'TRIM_HORIZON')
    lineage.learn([open('s1'), open('s2')])
    expect(starts(lineage)).toEqual(['s1 trim-horizon', 's2 trim-horizon'])
  })

  test('LATEST skips closed shards, and shards that come later lose nothing', () => {
    const lineage = new ShardLineage(none, 'LATEST')
    lineage.learn([closed('s1'), open('s2', 's1')])
    expect(ids(lineage.open())).toEqual(['s2'])
    expect(starts(lineage)).toEqual(['s2 latest'])
    lineage.learn([open('s3', 's2')])
    lineage.done('s2')
    expect(starts(lineage)).toEqual(['s3 trim-horizon'])
  })

  test('a time begins parents and children there', () => {
    const lineage = new ShardLineage(none, new Date(10))
    lineage.learn([closed('s1'), open('s2', 's1')])
    expect(starts(lineage)).toEqual(['s1 time'])
    lineage.done('s1')
    expect(starts(lineage)).toEqual(['s2 time'])
  })

  test('an earlier run is continued: its shards after their positions, their children from the first record', () => {
    const lineage = new ShardLineage(new Map([['s1', '17']]), 'LATEST')
    lineage.learn([...splitAndMerged, open('other')])
    expect(starts(lineage)).toEqual(['s1 17', 'other latest'])
    lineage.done('s1')
    expect(starts(lineage)).toEqual(['s2 trim-horizon', 's3 trim-horizon'])
  })

  test('ancestors of a shard that was begun in an earlier run are done, whatever is known of them', () => {
    const lineage = new ShardLineage(
      new Map([
        ['s4', '40'],
        ['s2', '20'],
      ]),
      'TRIM_HORIZON',
    )
    lineage.learn(splitAndMerged)
    expect(starts(lineage)).toEqual(['s4 40'])
  })

  test('a shard that was read to its end is not read again', () => {
    const lineage = new ShardLineage(new Map([['s1', 'SHARD_END' as const]]), 'LATEST')
    lineage.learn(splitAndMerged)
    expect(starts(lineage)).toEqual(['s2 trim-horizon', 's3 trim-horizon'])
  })
})

test('a position in a shard that is gone is lost, unless a child of it was begun', () => {
  const lineage = new ShardLineage(
    new Map([
      ['s1', '10'],
      ['s2', '20'],
      ['s3', 'SHARD_END' as const],
      ['s4', '40'],
    ]),
    'LATEST',
  )
  expect(lineage.lostTo([open('s4', 's2')])).toEqual([{ shardId: 's1', after: '10' }])
})
