// min and max of the numbers in a field. State: one cell, at the infinity that any number replaces. Exact.
import { type Aggregator, finiteNumber } from './aggregator.ts'

export const min: Aggregator = {
  cells: 1,
  refs: 0,
  init(rows, cell) {
    rows.cells[cell] = Number.POSITIVE_INFINITY
  },
  add(rows, cell, _ref, value) {
    const number = finiteNumber(value)
    if (Number.isNaN(number)) return false
    if (number < rows.cells[cell]!) rows.cells[cell] = number
    return true
  },
  merge(into, cell, _ref, from, fromCell) {
    if (from.cells[fromCell]! < into.cells[cell]!) into.cells[cell] = from.cells[fromCell]!
  },
  result(rows, cell) {
    const value = rows.cells[cell]!
    return value === Number.POSITIVE_INFINITY ? null : value
  },
}

export const max: Aggregator = {
  cells: 1,
  refs: 0,
  init(rows, cell) {
    rows.cells[cell] = Number.NEGATIVE_INFINITY
  },
  add(rows, cell, _ref, value) {
    const number = finiteNumber(value)
    if (Number.isNaN(number)) return false
    if (number > rows.cells[cell]!) rows.cells[cell] = number
    return true
  },
  merge(into, cell, _ref, from, fromCell) {
    if (from.cells[fromCell]! > into.cells[cell]!) into.cells[cell] = from.cells[fromCell]!
  },
  result(rows, cell) {
    const value = rows.cells[cell]!
    return value === Number.NEGATIVE_INFINITY ? null : value
  },
}
