// What every aggregate promises, as tests: a mergeable monoid in rows that others own. Each aggregate runs them against
// itself, with values of its own.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Aggregator, JsonValue, Rows } from './aggregator.ts'

export interface LawOptions<Value> {
  /** Whole lists of values, where short lists of single ones would not reach all kinds of state. */
  readonly lists?: fc.Arbitrary<readonly Value[]>
  /** Whether two results are the same; by default their JSON is. */
  readonly isSame?: (a: JsonValue, b: JsonValue) => boolean
  /** Values that the aggregate takes no notice of. */
  readonly skips?: readonly unknown[]
  /** The result over no values; null by default. */
  readonly overNothing?: JsonValue
  readonly runs?: number
}

/** What an aggregate of numbers skips. */
export const notNumbers: readonly unknown[] = [
  undefined,
  null,
  '1',
  true,
  {},
  [1],
  Number.NaN,
  Number.POSITIVE_INFINITY,
]
/** What an aggregate of strings, numbers and booleans skips. */
export const notScalars: readonly unknown[] = [undefined, null, {}, ['a'], Number.NaN, Number.NEGATIVE_INFINITY]

/** Whether two results are the same number but for the last digits. */
export function isClose(a: JsonValue, b: JsonValue): boolean {
  if (typeof a !== 'number' || typeof b !== 'number') return a === b
  return Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b))
}

interface RowSnapshot {
  readonly cells: readonly number[]
  readonly refs: readonly JsonValue[]
}

/** One row of a table, with strangers' cells and refs on both sides of it. */
export class Row {
  readonly rows: Rows
  readonly #aggregator: Aggregator

  constructor(aggregator: Aggregator, values: readonly unknown[] = []) {
    this.#aggregator = aggregator
    const { cells, refs } = aggregator
    this.rows = { cells: new Float64Array(cells + 2), refs: new Array(refs + 2).fill(undefined) }
    this.rows.cells[0] = this.rows.cells[cells + 1] = 4.25
    this.rows.refs[0] = this.rows.refs[refs + 1] = 'not mine'
    aggregator.init(this.rows, 1, 1)
    this.addAll(values)
  }

  add(value: unknown, eventTime: number): boolean {
    return this.#aggregator.add(this.rows, 1, 1, value, eventTime)
  }

  /** A value's event time is its place in the list, unless it is timed. */
  addAll(values: readonly unknown[]): this {
    for (const [index, value] of values.entries()) {
      if (value instanceof Timed) this.add(value.value, value.at)
      else this.add(value, index)
    }
    return this
  }

  merge(...others: readonly Row[]): this {
    for (const other of others) this.#aggregator.merge(this.rows, 1, 1, other.rows, 1, 1)
    return this
  }

  get result(): JsonValue {
    return this.#aggregator.result(this.rows, 1, 1)
  }

  /** The state as a snapshot has it. */
  get snapshot(): RowSnapshot {
    const { cells, refs, encodeRef } = this.#aggregator
    return {
      cells: [...this.rows.cells.subarray(1, 1 + cells)],
      refs: this.rows.refs.slice(1, 1 + refs).map((state) => encodeRef!(state)),
    }
  }

  static restored(aggregator: Aggregator, { cells, refs }: RowSnapshot): Row {
    const restored = new Row(aggregator)
    restored.rows.cells.set(cells, 1)
    for (const [index, encoded] of refs.entries()) restored.rows.refs[1 + index] = aggregator.decodeRef!(encoded)
    return restored
  }

  copy(): Row {
    const { refs, copyRef } = this.#aggregator
    const copy = new Row(this.#aggregator)
    copy.rows.cells.set(this.rows.cells)
    for (let ref = 1; ref <= refs; ref++) {
      const state = this.rows.refs[ref]
      copy.rows.refs[ref] = copyRef ? copyRef(state) : state
    }
    return copy
  }

  get strangers(): unknown[] {
    const { cells, refs } = this.rows
    return [cells[0], cells.at(-1), refs[0], refs.at(-1)]
  }
}

class Timed {
  readonly value: unknown
  readonly at: number

  constructor(value: unknown, at: number) {
    this.value = value
    this.at = at
  }
}

export function describeAggregatorLaws<Value>(
  name: string,
  aggregator: Aggregator,
  arbitraryValue: fc.Arbitrary<Value>,
  options: LawOptions<Value> = {},
): void {
  const { skips = [], overNothing = null, runs = 100 } = options
  const isSame = options.isSame ?? ((a, b) => JSON.stringify(a) === JSON.stringify(b))
  // Event times are out of order, but each value has its own, since equal ones go by position.
  const lists = (options.lists ?? fc.array(arbitraryValue, { maxLength: 30 })).map((values) =>
    values.map((value, index) => new Timed(value, (index * 7919) % 1_000_003)),
  )
  const parts = fc.tuple(lists, fc.array(fc.nat(2), { minLength: 1, maxLength: 20 })).map(([values, deal]) => {
    const dealt: Timed[][] = [[], [], []]
    for (const [index, value] of values.entries()) dealt[deal[index % deal.length]!]!.push(value)
    return { values, a: dealt[0]!, b: dealt[1]!, c: dealt[2]! }
  })
  const rowOf = (values: readonly Timed[] = []) => new Row(aggregator, values)
  const expectSame = (found: Row, wanted: Row) => {
    const [result, due] = [found.result, wanted.result]
    if (!isSame(result, due))
      expect.fail(`the result is ${JSON.stringify(result)} and should be ${JSON.stringify(due)}`)
  }
  /** Adding values to one row must not show in the other. */
  const expectIndependent = (changed: Row, still: Row, values: readonly Timed[]) => {
    const before = JSON.stringify(still.snapshot)
    changed.addAll(values)
    expect(JSON.stringify(still.snapshot)).toBe(before)
  }
  const hold = <Input>(arbitrary: fc.Arbitrary<Input>, law: (input: Input) => void) =>
    fc.assert(fc.property(arbitrary, law), { numRuns: runs })

  describe(`${name}, as a mergeable aggregate`, () => {
    test(`is ${JSON.stringify(overNothing)} over no values, merged ones too`, () => {
      expect(rowOf().result).toEqual(overNothing)
      expect(rowOf().merge(rowOf()).result).toEqual(overNothing)
      expect(Row.restored(aggregator, throughText(rowOf().snapshot)).result).toEqual(overNothing)
    })

    test('does not change by merging with a row of no values', () => {
      hold(lists, (values) => {
        const whole = rowOf(values)
        expectSame(rowOf(values).merge(rowOf()), whole)
        expectSame(rowOf().merge(rowOf(values)), whole)
      })
    })

    test('is over merged partials what it is over all values, however they were split and merged', () => {
      hold(parts, ({ values, a, b, c }) => {
        const whole = rowOf(values)
        expectSame(rowOf(a).merge(rowOf(b), rowOf(c)), whole)
        expectSame(rowOf(c).merge(rowOf(b), rowOf(a)), whole)
        expectSame(rowOf().merge(rowOf(b), rowOf(c), rowOf(a)), whole)
        expectSame(rowOf(a).merge(rowOf(b)).addAll(c), whole)
        expectSame(rowOf([...c, ...b, ...a]), whole)
      })
    })

    test('merges associatively and commutatively', () => {
      hold(parts, ({ a, b, c }) => {
        const left = rowOf(a).merge(rowOf(b)).merge(rowOf(c))
        const right = rowOf(a).merge(rowOf(b).merge(rowOf(c)))
        expectSame(left, right)
        expectSame(rowOf(a).merge(rowOf(b)), rowOf(b).merge(rowOf(a)))
      })
    })

    test('goes on from a snapshot as if nothing had happened, and the snapshot stays as it is', () => {
      hold(parts, ({ a, b, c }) => {
        const live = rowOf(a)
        const { snapshot } = live
        const stored = throughText(snapshot)
        const text = JSON.stringify(snapshot)
        const restored = Row.restored(aggregator, stored)

        expect(restored.result).toEqual(live.result)
        expect(restored.snapshot).toEqual(snapshot)
        live.addAll(b).merge(rowOf(c))
        restored.addAll(b).merge(rowOf(c))
        expect(restored.result).toEqual(live.result)
        expect(restored.snapshot).toEqual(live.snapshot)
        expect(JSON.stringify(snapshot)).toBe(text)
        expect(JSON.stringify(stored)).toBe(text)
      })
    })

    test('shares nothing that changes with the other row of a merge, or with a copy', () => {
      hold(parts, ({ a, b, c }) => {
        for (const own of [[], a]) {
          const other = rowOf(b)
          const merged = rowOf(own).merge(other)
          expectIndependent(merged, other, c)
          expectIndependent(other, merged, a)
        }
        const row = rowOf(a).merge(rowOf(b))
        const copy = row.copy()
        expect(copy.snapshot).toEqual(row.snapshot)
        expectIndependent(copy, row, c)
        expectIndependent(row, copy, c)
      })
    })

    test('writes to no cells and refs but its own', () => {
      hold(parts, ({ a, b }) => {
        const row = rowOf(a).merge(rowOf(b))
        expect(row.strangers).toEqual([4.25, 4.25, 'not mine', 'not mine'])
      })
    })

    test.each(skips.map((skipped) => ({ skipped, type: typeof skipped })))(
      'skips the $type $skipped',
      ({ skipped }) => {
        hold(lists, (values) => {
          const row = rowOf(values)
          const before = JSON.stringify(row.snapshot)
          expect(row.add(skipped, 1)).toBe(false)
          expect(JSON.stringify(row.snapshot)).toBe(before)
        })
      },
    )
  })
}

/** A snapshot as it comes back from a store. */
function throughText(snapshot: RowSnapshot): RowSnapshot {
  return { cells: snapshot.cells, refs: JSON.parse(JSON.stringify(snapshot.refs)) }
}
