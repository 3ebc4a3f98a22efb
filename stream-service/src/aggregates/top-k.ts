// topK: the k values of a field that come most often, by Space-Saving with many more counters than k, so that the first k
// are right long before the last of the counters is.
import { isText } from '../records/fields.ts'
import type { Aggregator } from './aggregator.ts'
import { type EncodedCounters, type Scalar, SpaceSaving } from './space-saving.ts'

/**
 * The k most frequent strings, finite numbers and booleans, as `[{ value, count, error }, …]`: by count, the greatest
 * first; of equal counts numbers before strings before booleans, each in ascending order, strings by code unit. A value
 * came at most `count` and at least `count - error` times, and error is at most n / c for n values and c = max(10 k, 100)
 * counters. Error is 0, and the result exact and independent of order and split, as long as there are no more than c
 * different values; with more of them, merging keeps the bounds, and equal partials in equal order give equal results.
 * Null, objects and arrays are skipped; 1 and "1" are two values, 0 and -0 one. Over no values the result is null. State:
 * one ref, from 170 bytes for one value to some 110 bytes for each of c, besides the values. Throws a RangeError when k is not a
 * positive integer.
 */
export function topK(k: number): Aggregator {
  if (!Number.isSafeInteger(k) || k < 1) throw new RangeError(`topK needs a positive integer k, but it is ${k}`)
  const capacity = Math.max(10 * k, 100)
  return {
    cells: 0,
    refs: 1,
    init() {},
    add(rows, _cell, ref, value) {
      const scalar = scalarOf(value)
      if (scalar === undefined) return false
      const summary = rows.refs[ref] as SpaceSaving | undefined
      if (summary === undefined) rows.refs[ref] = new SpaceSaving(capacity, scalar)
      else summary.add(scalar)
      return true
    },
    addSlot(rows, cell, ref, fields, slot) {
      const summary = rows.refs[ref] as SpaceSaving | undefined
      if (summary === undefined || fields.kinds[fields.base + slot] !== isText)
        return this.add(rows, cell, ref, fields.value(slot), Number.NaN)
      summary.addText(fields, slot)
      return true
    },
    merge(into, _cell, ref, from, _fromCell, fromRef) {
      const own = into.refs[ref] as SpaceSaving | undefined
      const other = from.refs[fromRef] as SpaceSaving | undefined
      if (own === undefined) into.refs[ref] = other?.copy()
      else if (other !== undefined) own.merge(other)
    },
    result(rows, _cell, ref) {
      const summary = rows.refs[ref] as SpaceSaving | undefined
      return summary === undefined ? null : summary.top(k).map(({ value, count, error }) => ({ value, count, error }))
    },
    encodeRef(state) {
      return state === undefined ? null : (state as SpaceSaving).encode()
    },
    decodeRef(encoded) {
      return encoded === null ? undefined : SpaceSaving.decode(capacity, encoded as EncodedCounters)
    },
    copyRef(state) {
      return (state as SpaceSaving | undefined)?.copy()
    },
  }
}

function scalarOf(value: unknown): Scalar | undefined {
  // A Map takes -0 for 0 but would give it back as it came.
  if (typeof value === 'number') return Number.isFinite(value) ? value + 0 : undefined
  return typeof value === 'string' || typeof value === 'boolean' ? value : undefined
}
