import { expect, test } from 'vitest'
import { KnownShards } from './known-shards.ts'
import type { Lease } from './lease-table.ts'

const shard = (shardId: string, ...parentShardIds: string[]) => ({ shardId, parentShardIds, isClosed: false })
const lease = (shardId: string, checkpoint?: Lease['checkpoint']): Lease => ({ shardId, owner: undefined, checkpoint })

function open(leases: readonly Lease[], ended: readonly string[] = []): string[] {
  const known = new KnownShards(ended)
  // s1 was split into s2 and s3, which were merged into s4.
  known.learnShards([shard('s1'), shard('s2', 's1'), shard('s3', 's1'), shard('s4', 's2', 's3')])
  known.learnLeases(leases)
  return known.open().map(({ shardId }) => shardId)
}

test('at the beginning nothing is done', () => {
  expect(open([lease('s1')])).toEqual(['s1', 's2', 's3', 's4'])
})

test('a shard whose lease says so is done', () => {
  expect(open([lease('s1', 'SHARD_END'), lease('s2', '7'), lease('s3')])).toEqual(['s2', 's3', 's4'])
})

test('a shard whose lease is gone is done when a descendant has one', () => {
  expect(open([lease('s2', 'SHARD_END'), lease('s3', '7')])).toEqual(['s3', 's4'])
  expect(open([lease('s4', '9')])).toEqual(['s4'])
})

test('a shard that was read to its end here is done before the lease says so', () => {
  expect(open([lease('s1', '3')], ['s1'])).toEqual(['s2', 's3', 's4'])
})
