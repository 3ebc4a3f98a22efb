// stddev (the sample's, n - 1) and stddevPop (the population's, n), by Welford's updating formula (B. P. Welford, 1962) and
// the pairwise merge of Chan, Golub and LeVeque (1979). Cells: number of values, mean, sum of squared deviations.
import { type Aggregator, finiteNumber } from './aggregator.ts'

const spread: Omit<Aggregator, 'result'> = {
  cells: 3,
  refs: 0,
  init() {},
  add(rows, cell, _ref, value) {
    const number = finiteNumber(value)
    if (Number.isNaN(number)) return false
    const cells = rows.cells
    const count = ++cells[cell]!
    const fromOldMean = number - cells[cell + 1]!
    cells[cell + 1]! += fromOldMean / count
    cells[cell + 2]! += fromOldMean * (number - cells[cell + 1]!)
    return true
  },
  merge(into, cell, _ref, from, fromCell) {
    const other = from.cells[fromCell]!
    if (other === 0) return
    const cells = into.cells
    const own = cells[cell]!
    const count = own + other
    const between = from.cells[fromCell + 1]! - cells[cell + 1]!
    cells[cell] = count
    cells[cell + 1]! += (between * other) / count
    cells[cell + 2]! += from.cells[fromCell + 2]! + (between * between * own * other) / count
  },
}

export const stddev: Aggregator = {
  ...spread,
  result(rows, cell) {
    const count = rows.cells[cell]!
    return count < 2 ? null : Math.sqrt(rows.cells[cell + 2]! / (count - 1))
  },
}

export const stddevPop: Aggregator = {
  ...spread,
  result(rows, cell) {
    const count = rows.cells[cell]!
    return count === 0 ? null : Math.sqrt(rows.cells[cell + 2]! / count)
  },
}
