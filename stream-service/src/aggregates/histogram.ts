// histogram: how many numbers of a field fall between given bounds. State: one cell per count, no refs. Exact.
//
//   bounds [10, 20]:   count 0: v < 10   |   count 1: 10 <= v < 20   |   count 2: v >= 20
import { type Aggregator, finiteNumber } from './aggregator.ts'

/**
 * Counts numbers by range: with bounds b[0] < b[1] < … the result has one count more than there are bounds, and count i
 * holds the values v with `b[i - 1] <= v < b[i]`; the first has no lower end and the last no upper one. Over no values
 * the result is null. Throws a RangeError when the bounds are not finite and strictly increasing.
 */
export function histogram(bounds: readonly number[]): Aggregator {
  for (let i = 0; i < bounds.length; i++) {
    if (!Number.isFinite(bounds[i]!) || (i > 0 && !(bounds[i]! > bounds[i - 1]!))) {
      throw new RangeError(`histogram bounds must be finite and strictly increasing, but bounds[${i}] is ${bounds[i]}`)
    }
  }
  const limits = Float64Array.from(bounds)
  const counts = limits.length + 1
  return {
    cells: counts,
    refs: 0,
    init() {},
    add(rows, cell, _ref, value) {
      const number = finiteNumber(value)
      if (Number.isNaN(number)) return false
      rows.cells[cell + limitsUpTo(limits, number)]!++
      return true
    },
    merge(into, cell, _ref, from, fromCell) {
      for (let i = 0; i < counts; i++) into.cells[cell + i]! += from.cells[fromCell + i]!
    },
    result(rows, cell) {
      const result = Array.from(rows.cells.subarray(cell, cell + counts))
      return result.some((count) => count > 0) ? result : null
    },
  }
}

/** How many of the sorted limits are at or below the value. */
function limitsUpTo(limits: Float64Array, value: number): number {
  let low = 0
  let high = limits.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (limits[middle]! <= value) low = middle + 1
    else high = middle
  }
  return low
}
