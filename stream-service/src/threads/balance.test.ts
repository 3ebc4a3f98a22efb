import { describe, expect, it } from 'vitest'
import { balanced } from './balance.ts'

const load = (busyMs: number, shardMs: Record<string, number> = {}) => ({
  busyMs,
  shardMs: new Map(Object.entries(shardMs)),
})

describe('a shard is moved', () => {
  it('from the busiest thread to the idlest, so that the busiest has least to do', () => {
    const threads = [load(900, { a: 100, b: 300, c: 500 }), load(600, { d: 500 }), load(200)]
    expect(balanced(threads, 1_000)).toEqual({ shardId: 'b', from: 0, to: 2 })
  })

  it('away from a thread that has much else to do', () => {
    expect(balanced([load(500, { a: 200 }), load(950, { b: 200 })], 1_000)).toEqual({ shardId: 'b', from: 1, to: 0 })
  })
})

describe('nothing is moved', () => {
  it.each([
    ['while no thread has much to do', [load(500, { a: 250, b: 250 }), load(0)]],
    ['that would make the other one as busy', [load(900, { a: 900 }), load(0)]],
    ['for next to nothing', [load(900, { a: 30 }), load(500)]],
    ['from a thread without shards', [load(1_000), load(500, { a: 500 })]],
    ['when there is nowhere to go', [load(1_000, { a: 500, b: 500 })]],
  ])('%s', (_, threads) => {
    expect(balanced(threads, 1_000)).toBe(undefined)
  })
})
