// quantile: the number that a share q of a field's numbers do not exceed. Up to 64 numbers are kept as they are, and the
// answer is one of them; beyond that they are counted in the logarithmic bins of DDSketch, within 1 %. Which of the two a
// state is depends on how many numbers there are, and bins are a function of the numbers: so neither order nor a split
// into partials shows in the answer, to the last bit.
import { type Aggregator, finiteNumber, type Rows } from './aggregator.ts'
import { max, min } from './extremes.ts'
import { type EncodedBins, LogBins } from './log-bins.ts'
import { inserted } from './small-numbers.ts'

type Numbers = undefined | number[] | LogBins

const keptUpTo = 64

/**
 * The element at index `floor(q * (n - 1))` of the n sorted numbers: exactly that element up to 64 numbers, then within
 * 1 % of it, whatever its sign and size, and between the least and the greatest number. (Numbers in more than 2,048 bins,
 * that is, all over 17 orders of magnitude, are within 2 %, and so on: see log-bins.ts.) q from 0 to 1; 0 and 1 are the
 * exact minimum and maximum. -0 counts as 0. Over no values the result is null. Merge is exact: the result over partials
 * is the result over all. State: one ref of 50 bytes plus 8 a number up to 64, then 8 bytes a bin, a few KiB; for q = 0
 * and 1 one cell. Throws a RangeError when q is not from 0 to 1.
 */
export function quantile(q: number): Aggregator {
  if (!(q >= 0 && q <= 1)) throw new RangeError(`quantile needs a q from 0 to 1, but it is ${q}`)
  if (q === 0) return min
  if (q === 1) return max
  return {
    ...numbers,
    result(rows, _cell, ref) {
      const state = rows.refs[ref] as Numbers
      if (state === undefined) return null
      if (state instanceof LogBins) return state.quantile(q)
      return sorted(state)[Math.floor(q * (state.length - 1))]!
    },
  }
}

const numbers: Omit<Aggregator, 'result'> = {
  cells: 0,
  refs: 1,
  init() {},
  add(rows, _cell, ref, value) {
    return addNumber(rows, ref, finiteNumber(value))
  },
  addSlot(rows, _cell, ref, fields, slot) {
    return addNumber(rows, ref, fields.finite(slot))
  },
  merge(into, _cell, ref, from, _fromCell, fromRef) {
    into.refs[ref] = together(into.refs[ref] as Numbers, from.refs[fromRef] as Numbers)
  },
  encodeRef(state) {
    if (state === undefined) return null
    return state instanceof LogBins ? state.encode() : (state as number[]).slice()
  },
  decodeRef(encoded) {
    if (encoded === null) return undefined
    return Array.isArray(encoded) ? encoded.slice() : LogBins.decode(encoded as EncodedBins)
  },
  copyRef(state) {
    return copyOf(state as Numbers)
  },
}

function addNumber(rows: Rows, ref: number, value: number): boolean {
  if (Number.isNaN(value)) return false
  // -0 + 0 is 0.
  const number = value + 0
  const state = rows.refs[ref] as Numbers
  if (state === undefined) rows.refs[ref] = [number]
  else if (state instanceof LogBins) state.add(number)
  else {
    const numbers = withNumber(state, number)
    if (numbers !== state) rows.refs[ref] = numbers
  }
  return true
}

const scratch = new Float64Array(keptUpTo)

/** The numbers in order, until the next call. */
function sorted(kept: readonly number[]): Float64Array {
  for (let i = 0; i < kept.length; i++) {
    const number = kept[i]!
    let at = i
    for (; at > 0 && scratch[at - 1]! > number; at--) scratch[at] = scratch[at - 1]!
    scratch[at] = number
  }
  return scratch
}

function withNumber(kept: number[], number: number): number[] | LogBins {
  if (kept.length < keptUpTo) return inserted(kept, kept.length, number)
  const bins = toBins(kept)
  bins.add(number)
  return bins
}

/** All numbers of both in one state, which may be the first one, changed, but never shares with the second. */
function together(own: Numbers, other: Numbers): Numbers {
  if (other === undefined) return own
  if (own === undefined) return copyOf(other)
  if (Array.isArray(own) && Array.isArray(other) && own.length + other.length <= keptUpTo) return own.concat(other)
  const bins = own instanceof LogBins ? own : toBins(own)
  if (other instanceof LogBins) bins.merge(other)
  else for (const number of other) bins.add(number)
  return bins
}

function toBins(kept: readonly number[]): LogBins {
  const bins = new LogBins()
  for (const number of kept) bins.add(number)
  return bins
}

function copyOf(state: Numbers): Numbers {
  return state instanceof LogBins ? state.copy() : state?.slice()
}
