import { expect, it } from 'vitest'
import { RecordLog } from './record-log.ts'

/** A log of `count` records that arrived one per millisecond: record n at n. */
function aLog(count: number): RecordLog {
  const log = new RecordLog()
  for (let at = 1; at <= count; at++) log.append(at, `k${at}`, 'AAAA')
  return log
}

it('finds every record at its ordinal, across chunk borders', () => {
  const log = aLog(1_030)
  for (const ordinal of [1, 511, 512, 513, 1_023, 1_024, 1_030]) {
    expect(log.at(ordinal)).toEqual({
      ordinal,
      arrivedAt: ordinal,
      partitionKey: `k${ordinal}`,
      payload: 'AAAA',
    })
  }
})

it.each([1, 2, 511, 512, 513, 1_024, 1_030])('keeps exactly what arrived at %i or later', (horizon) => {
  const log = aLog(1_030)
  log.trimBefore(horizon)

  expect(log.first).toBe(horizon)
  expect(log.at(horizon).partitionKey).toBe(`k${horizon}`)
  expect(log.at(1_030).partitionKey).toBe('k1030')
})

it('goes on after everything was trimmed, at the border of a chunk too', () => {
  for (const count of [511, 512, 1_023]) {
    const log = aLog(count)
    log.trimBefore(5_000)
    expect([log.first, log.next]).toEqual([count + 1, count + 1])

    const ordinal = log.append(6_000, 'later', '')
    expect(log.at(ordinal).partitionKey).toBe('later')
  }
})

it('releases the payloads it trimmed within a chunk', () => {
  const log = aLog(10)
  log.trimBefore(5)
  expect(log.at(4).payload).toBe('')
})

it('searches by arrival within what is kept', () => {
  const log = aLog(1_030)
  log.trimBefore(600)
  expect(log.firstArrivedFrom(0)).toBe(600)
  expect(log.firstArrivedFrom(700)).toBe(700)
  expect(log.firstArrivedFrom(700.5)).toBe(701)
  expect(log.firstArrivedFrom(1_031)).toBe(1_031)
})

it('never lets arrival go back when the clock does', () => {
  const log = new RecordLog()
  log.append(9, 'a', '')
  log.append(3, 'b', '')
  expect(log.arrivedAt(2)).toBe(9)
})
