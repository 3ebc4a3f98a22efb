import { expect, test } from 'vitest'
import type { LaneMessage, PartialRun } from '../engine/partials.ts'
import { decodeMessages } from '../exchange/message-codec.ts'
import { recordsOf } from './message-records.ts'

const run = (end: number, cells: number): PartialRun => ({
  kind: 'put',
  units: 1,
  end,
  rows: { keys: Buffer.from('a'), cells: Float64Array.from({ length: cells }, (_, i) => end + i) },
})
const message = (first: number, runs: readonly PartialRun[]): LaneMessage => ({
  lane: 's1',
  query: 'q',
  partition: 0,
  first,
  runs,
  opens: { keys: Buffer.from(''), counts: Uint32Array.of(), starts: Float64Array.of() },
  watermark: 70,
  isFollowing: false,
})

test('small messages travel together, and a big one in pieces of which the last tells where the lane stands', () => {
  const big = Array.from({ length: 9 }, (_, i) => run(i, 20_000))
  const records = recordsOf([message(0, [run(100, 1)]), message(1, [run(101, 1)]), message(2, big), message(11, [])])
  expect(records.length).toBeGreaterThan(1)
  const pieces = records.flatMap((record) => decodeMessages(record) as LaneMessage[])
  let unit = 0
  for (const { first, runs } of pieces) {
    expect(first).toBe(unit)
    unit += runs.length
  }
  expect(pieces.flatMap(({ runs }) => runs.map((each) => (each as { end: number }).end))).toEqual([
    ...[100, 101],
    ...big.keys(),
  ])
  const ofBig = pieces.filter(({ first, runs }) => first >= 2 && runs.length > 0)
  expect(ofBig.length).toBeGreaterThan(2)
  expect(ofBig.map(({ watermark }) => watermark)).toEqual([...ofBig.slice(1).map(() => '-Infinity'), 70])
  expect(ofBig.filter(({ opens }) => opens !== undefined)).toHaveLength(1)
})
