import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Counter, type Scalar, SpaceSaving } from './space-saving.ts'

const words = fc.array(
  fc.integer({ min: 0, max: 30 }).map((n) => (n % 3 === 0 ? n : n % 3 === 1 ? 1 : `w${n}`)),
  {
    maxLength: 80,
    size: 'max',
  },
)

function summaryOf(values: readonly Scalar[], capacity = 5): SpaceSaving | undefined {
  const [first, ...rest] = values
  if (first === undefined) return undefined
  const summary = new SpaceSaving(capacity, first)
  for (const value of rest) summary.add(value)
  return summary
}

function merged(...summaries: readonly (SpaceSaving | undefined)[]): SpaceSaving | undefined {
  return summaries.reduce((into, from) => {
    if (into === undefined) return from
    if (from !== undefined) into.merge(from)
    return into
  }, undefined)
}

/** Holds what Space-Saving promises of its counters against what was really counted. */
function expectBounds(counters: readonly Counter[], values: readonly unknown[], capacity: number): void {
  const times = new Map<unknown, number>()
  for (const value of values) times.set(value, (times.get(value) ?? 0) + 1)
  for (const { value, count, error } of counters) {
    const actual = times.get(value) ?? 0
    expect(count).toBeGreaterThanOrEqual(actual)
    expect(count - error).toBeLessThanOrEqual(actual)
    expect(error).toBeLessThanOrEqual(values.length / capacity)
  }
  const named = new Set(counters.map(({ value }) => value as unknown))
  const least = Math.min(...counters.map(({ count }) => count))
  for (const [value, actual] of times) {
    if (named.has(value)) continue
    expect(actual).toBeLessThanOrEqual(least)
    expect(actual).toBeLessThanOrEqual(values.length / capacity)
  }
  expect(counters.reduce((sum, { count }) => sum + count, 0)).toBeLessThanOrEqual(values.length)
}

test('gives the least counter, count and all, to a value without one', () => {
  const summary = summaryOf(['a', 'a', 'b', 'b', 'c', 'c', 'd', 'd', 'e', 'f', 'f'])!
  expect(summary.top(2)).toEqual([
    { value: 'f', count: 3, error: 1 },
    { value: 'a', count: 2, error: 0 },
  ])
})

test('takes of several least counters the one that comes first by value, whoever came first', () => {
  for (const values of [
    ['a', 'b', 'c', 'd', 'e'],
    ['e', 'd', 'c', 'b', 'a'],
  ]) {
    const summary = summaryOf([...values, 'f'])!
    expect(summary.top(5).map(({ value }) => value)).toEqual(['f', 'b', 'c', 'd', 'e'])
  }
})

test('adds for a value that only one side has the most the other may have forgotten', () => {
  const full = summaryOf(['a', 'a', 'a', 'b', 'b', 'b', 'c', 'c', 'd', 'd', 'e', 'f', 'f'])!
  const exact = summaryOf(['a', 'x', 'x', 'x', 'x'])!
  full.merge(exact)
  expect(full.top(5)).toEqual([
    { value: 'x', count: 6, error: 2 },
    { value: 'a', count: 4, error: 0 },
    { value: 'b', count: 3, error: 0 },
    { value: 'f', count: 3, error: 1 },
    { value: 'c', count: 2, error: 0 },
  ])
})

test('stays exact for what it keeps when two exact summaries, one of them full, are too many together', () => {
  const summary = merged(summaryOf(['a', 'a', 'b', 'c', 'x', 'y']), summaryOf(['d', 'd', 'd', 'e', 'f', 'a']))!
  expect(summary.top(3)).toEqual([
    { value: 'a', count: 3, error: 0 },
    { value: 'd', count: 3, error: 0 },
    { value: 'b', count: 1, error: 0 },
  ])
})

// Below and above the number of values that are looked through one by one.
describe.each([5, 12])('with %i counters', (capacity) => {
  const summary = (values: readonly Scalar[]) => summaryOf(values, capacity)

  test('keeps the bounds of counts and errors after any values', () => {
    fc.assert(
      fc.property(words, (values) => {
        expectBounds(summary(values)?.top(capacity) ?? [], values, capacity)
      }),
      { numRuns: 300 },
    )
  })

  test('keeps the bounds after any merges and further values', () => {
    fc.assert(
      fc.property(words, words, words, words, (a, b, c, d) => {
        const inRow = merged(summary(a), summary(b), summary(c))
        for (const value of d) inRow?.add(value)
        if (inRow !== undefined) expectBounds(inRow.top(capacity), [...a, ...b, ...c, ...d], capacity)
        const asTree = merged(merged(summary(a), summary(b)), merged(summary(c), summary(d)))
        if (asTree !== undefined) expectBounds(asTree.top(capacity), [...a, ...b, ...c, ...d], capacity)
      }),
      { numRuns: 300 },
    )
  })

  test('merges two summaries to the same state in either order', () => {
    fc.assert(
      fc.property(words, words, words, (a, b, c) => {
        const one = merged(summary(a), summary(b))
        const other = merged(summary(b), summary(a))
        for (const value of c) {
          one?.add(value)
          other?.add(value)
        }
        expect(one?.top(capacity)).toEqual(other?.top(capacity))
      }),
    )
  })

  test('goes on from a snapshot as if nothing had happened', () => {
    fc.assert(
      fc.property(words, words, words, (a, b, c) => {
        const live = merged(summary(a), summary(b))
        if (live === undefined) return
        const restored = SpaceSaving.decode(capacity, JSON.parse(JSON.stringify(live.encode())))
        for (const value of c) {
          live.add(value)
          restored.add(value)
        }
        expect(restored.encode()).toEqual(live.encode())
      }),
    )
  })
})
