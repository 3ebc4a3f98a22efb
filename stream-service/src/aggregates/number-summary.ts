// sum, avg, min and max of one field in one state, for queries that ask for several of them: the field is looked at once, and
// sum and avg share their cells. Each comes out as the aggregates of `sum.ts` and `extremes.ts` alone have it.
//
//   cells: | values | sum compensation | min | max |      only what is asked for; `values` always
import type { Aggregator, JsonValue, Rows } from './aggregator.ts'
import { max, min } from './extremes.ts'
import { addCompensated, avg, compensatedTotal, sum } from './sum.ts'

export type SummaryPart = 'sum' | 'avg' | 'min' | 'max'

const parts = new Map<Aggregator, SummaryPart>([
  [sum, 'sum'],
  [avg, 'avg'],
  [min, 'min'],
  [max, 'max'],
])

/** Which part of a summary an aggregator is; undefined when it is none. */
export function summaryPartOf(aggregator: Aggregator): SummaryPart | undefined {
  return parts.get(aggregator)
}

export class NumberSummary {
  readonly cells: number
  /** Where parts begin behind the summary's first cell; 0 for those that nobody asked for. */
  readonly #sumAt: number
  readonly #minAt: number
  readonly #maxAt: number

  constructor(wanted: ReadonlySet<SummaryPart>) {
    let cells = 1
    const place = (isWanted: boolean, size: number) => {
      if (!isWanted) return 0
      cells += size
      return cells - size
    }
    this.#sumAt = place(wanted.has('sum') || wanted.has('avg'), 2)
    this.#minAt = place(wanted.has('min'), 1)
    this.#maxAt = place(wanted.has('max'), 1)
    this.cells = cells
  }

  init(cells: Float64Array, at: number): void {
    if (this.#minAt > 0) cells[at + this.#minAt] = Number.POSITIVE_INFINITY
    if (this.#maxAt > 0) cells[at + this.#maxAt] = Number.NEGATIVE_INFINITY
  }

  /** Takes in one finite number. */
  add(cells: Float64Array, at: number, value: number): void {
    cells[at] = cells[at]! + 1
    if (this.#sumAt > 0) addCompensated(cells, at + this.#sumAt, value)
    if (this.#minAt > 0 && value < cells[at + this.#minAt]!) cells[at + this.#minAt] = value
    if (this.#maxAt > 0 && value > cells[at + this.#maxAt]!) cells[at + this.#maxAt] = value
  }

  merge(into: Float64Array, at: number, from: Float64Array, fromAt: number): void {
    into[at] = into[at]! + from[fromAt]!
    if (this.#sumAt > 0) {
      addCompensated(into, at + this.#sumAt, from[fromAt + this.#sumAt]!)
      into[at + this.#sumAt + 1] = into[at + this.#sumAt + 1]! + from[fromAt + this.#sumAt + 1]!
    }
    if (this.#minAt > 0) into[at + this.#minAt] = Math.min(into[at + this.#minAt]!, from[fromAt + this.#minAt]!)
    if (this.#maxAt > 0) into[at + this.#maxAt] = Math.max(into[at + this.#maxAt]!, from[fromAt + this.#maxAt]!)
  }

  result(part: SummaryPart, rows: Rows, at: number): JsonValue {
    const { cells } = rows
    const values = cells[at]!
    if (values === 0) return null
    switch (part) {
      case 'sum':
        return compensatedTotal(cells, at + this.#sumAt)
      case 'avg':
        return compensatedTotal(cells, at + this.#sumAt) / values
      case 'min':
        return cells[at + this.#minAt]!
      case 'max':
        return cells[at + this.#maxAt]!
    }
  }
}
