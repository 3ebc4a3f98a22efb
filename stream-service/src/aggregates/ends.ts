// first and last: the value of the earliest and the latest record by event time that has one; null is none. Ties go by
// shard and position. A lane adds in position order and the merge joins lanes in shard order, so comparing event times
// strictly (first) or not (last) is all a tie needs. Cell: the event time; ref: the value, undefined before any.
import type { Aggregator, JsonValue } from './aggregator.ts'

function hasValue(value: unknown): boolean {
  // 1e999 parses as Infinity, which no JSON can hold.
  return (
    value !== undefined && value !== null && value !== Number.POSITIVE_INFINITY && value !== Number.NEGATIVE_INFINITY
  )
}

const ends: Pick<Aggregator, 'cells' | 'refs' | 'init' | 'result' | 'encodeRef' | 'decodeRef'> = {
  cells: 1,
  refs: 1,
  init() {},
  result(rows, _cell, ref) {
    return (rows.refs[ref] as JsonValue | undefined) ?? null
  },
  encodeRef(state) {
    return (state as JsonValue | undefined) ?? null
  },
  decodeRef(encoded) {
    return encoded ?? undefined
  },
}

export const first: Aggregator = {
  ...ends,
  add(rows, cell, ref, value, eventTime) {
    if (!hasValue(value)) return false
    if (rows.refs[ref] === undefined || eventTime < rows.cells[cell]!) {
      rows.cells[cell] = eventTime
      rows.refs[ref] = value
    }
    return true
  },
  merge(into, cell, ref, from, fromCell, fromRef) {
    if (from.refs[fromRef] === undefined) return
    if (into.refs[ref] === undefined || from.cells[fromCell]! < into.cells[cell]!) {
      into.cells[cell] = from.cells[fromCell]!
      into.refs[ref] = from.refs[fromRef]
    }
  },
}

export const last: Aggregator = {
  ...ends,
  add(rows, cell, ref, value, eventTime) {
    if (!hasValue(value)) return false
    if (rows.refs[ref] === undefined || eventTime >= rows.cells[cell]!) {
      rows.cells[cell] = eventTime
      rows.refs[ref] = value
    }
    return true
  },
  merge(into, cell, ref, from, fromCell, fromRef) {
    if (from.refs[fromRef] === undefined) return
    if (into.refs[ref] === undefined || from.cells[fromCell]! >= into.cells[cell]!) {
      into.cells[cell] = from.cells[fromCell]!
      into.refs[ref] = from.refs[fromRef]
    }
  },
}
