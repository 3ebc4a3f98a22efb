// sum and avg with Neumaier's compensation (A. Neumaier, 1974, "Rundungsfehleranalyse einiger Verfahren zur Summation
// endlicher Summen"): the low-order bits that an addition loses are kept in a second cell, so that the last digit does not
// depend on the order of large and small values. Cells: sum, compensation, number of values.
import { type Aggregator, finiteNumber } from './aggregator.ts'

/** Adds a number to the sum in `cells[at]`, whose compensation is behind it. */
export function addCompensated(cells: Float64Array, at: number, value: number): void {
  const sum = cells[at]!
  const next = sum + value
  cells[at + 1] = cells[at + 1]! + (Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum)
  cells[at] = next
}

/** The compensated total; once a sum has overflowed its compensation means nothing. */
export function compensatedTotal(cells: Float64Array, at: number): number {
  const sum = cells[at]!
  return Number.isFinite(sum) ? sum + cells[at + 1]! : sum
}

export const sum: Aggregator = {
  cells: 3,
  refs: 0,
  init() {},
  add(rows, cell, _ref, value) {
    const number = finiteNumber(value)
    if (Number.isNaN(number)) return false
    addCompensated(rows.cells, cell, number)
    rows.cells[cell + 2]!++
    return true
  },
  merge(into, cell, _ref, from, fromCell) {
    addCompensated(into.cells, cell, from.cells[fromCell]!)
    into.cells[cell + 1]! += from.cells[fromCell + 1]!
    into.cells[cell + 2]! += from.cells[fromCell + 2]!
  },
  result(rows, cell) {
    return rows.cells[cell + 2]! === 0 ? null : compensatedTotal(rows.cells, cell)
  },
}

/** The arithmetic mean: the compensated sum over the number of values. */
export const avg: Aggregator = {
  ...sum,
  result(rows, cell) {
    const values = rows.cells[cell + 2]!
    return values === 0 ? null : compensatedTotal(rows.cells, cell) / values
  },
}
