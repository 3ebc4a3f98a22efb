// count: how many records, or how many of them have a value other than null in a field. State: one cell. Exact to 2^53.
import type { Aggregator } from './aggregator.ts'

export const countRecords: Aggregator = {
  cells: 1,
  refs: 0,
  init() {},
  add(rows, cell) {
    rows.cells[cell]!++
    return true
  },
  merge(into, cell, _ref, from, fromCell) {
    into.cells[cell]! += from.cells[fromCell]!
  },
  result(rows, cell) {
    return rows.cells[cell]!
  },
}

export const countValues: Aggregator = {
  ...countRecords,
  add(rows, cell, _ref, value) {
    if (value === undefined || value === null) return false
    rows.cells[cell]!++
    return true
  },
}
