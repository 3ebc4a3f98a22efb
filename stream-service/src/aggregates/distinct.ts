// distinct: how many different strings, finite numbers and booleans a field has. Up to 512 the 53-bit hashes of the values
// themselves are kept, sorted, 8 bytes each, and the answer is exact; beyond that they become 16 KiB of HyperLogLog
// registers. Which of the two a state is depends on its set of values alone, so does the answer: order, repetition and
// the way values were split into partials never show.
//
//   nothing: undefined    up to 512: [hash, hash, …]    more: registers
import { isText } from '../records/fields.ts'
import type { Aggregator, Rows } from './aggregator.ts'
import { addHash, decodeRegisters, emptyRegisters, encodeRegisters, estimate, mergeRegisters } from './hyperloglog.ts'
import { hashScalar, hashUtf8 } from './murmur3.ts'
import { inserted } from './small-numbers.ts'

type Distinct = undefined | number[] | Uint8Array

/** Up to here counts are exact, short of two values with one hash: for 512 values the odds are 1 in 7 * 10^10. */
const exactUpTo = 512

/**
 * Counts distinct values: exactly up to 512, then estimated with a standard error of 0.8 %, never below 513. Null,
 * objects and arrays are skipped; 1 and "1" are two values, 0 and -0 one. Over no values the result is 0. Merge is exact:
 * a set union. State: one ref of 50 bytes plus 8 a value, at most 16 KiB.
 */
export const distinct: Aggregator = {
  cells: 0,
  refs: 1,
  init() {},
  add(rows, _cell, ref, value) {
    return addScalarHash(rows, ref, hashScalar(value))
  },
  addSlot(rows, _cell, ref, fields, slot) {
    const at = fields.base + slot
    const hash =
      fields.kinds[at] === isText
        ? hashUtf8(fields.view, fields.starts[at]!, fields.lengths[at]!)
        : hashScalar(fields.value(slot))
    return addScalarHash(rows, ref, hash)
  },
  merge(into, _cell, ref, from, _fromCell, fromRef) {
    into.refs[ref] = union(into.refs[ref] as Distinct, from.refs[fromRef] as Distinct)
  },
  result(rows, _cell, ref) {
    const state = rows.refs[ref] as Distinct
    if (state === undefined) return 0
    return state instanceof Uint8Array ? Math.max(exactUpTo + 1, Math.round(estimate(state))) : state.length
  },
  encodeRef(state) {
    if (state === undefined) return null
    return state instanceof Uint8Array ? encodeRegisters(state) : (state as number[]).slice()
  },
  decodeRef(encoded) {
    if (encoded === null) return undefined
    return typeof encoded === 'string' ? decodeRegisters(encoded) : (encoded as readonly number[]).slice()
  },
  copyRef(state) {
    return (state as Distinct)?.slice()
  },
}

function addScalarHash(rows: Rows, ref: number, hash: number): boolean {
  if (hash < 0) return false
  const state = rows.refs[ref] as Distinct
  if (state === undefined) rows.refs[ref] = [hash]
  else if (state instanceof Uint8Array) addHash(state, hash)
  else {
    const hashes = withHash(state, hash)
    if (hashes !== state) rows.refs[ref] = hashes
  }
  return true
}

/** The sorted hashes with one more, or registers when that is one too many. */
function withHash(hashes: number[], hash: number): number[] | Uint8Array {
  const at = firstNotBelow(hashes, hash)
  if (at < hashes.length && hashes[at] === hash) return hashes
  if (hashes.length < exactUpTo) return inserted(hashes, at, hash)
  const registers = toRegisters(hashes)
  addHash(registers, hash)
  return registers
}

/** Both sets in one state, which may be the first one, changed, but never shares with the second. */
function union(own: Distinct, other: Distinct): Distinct {
  if (other === undefined) return own
  if (own === undefined) return other.slice()
  if (other instanceof Uint8Array) {
    const registers = own instanceof Uint8Array ? own : toRegisters(own)
    mergeRegisters(registers, other)
    return registers
  }
  if (own instanceof Uint8Array) {
    for (const hash of other) addHash(own, hash)
    return own
  }
  const hashes = sortedUnion(own, other)
  return hashes.length > exactUpTo ? toRegisters(hashes) : hashes
}

function toRegisters(hashes: readonly number[]): Uint8Array {
  const registers = emptyRegisters()
  for (const hash of hashes) addHash(registers, hash)
  return registers
}

/** Hashes are spread evenly, so each stands near where its size says: a dozen places off at most, as a rule. */
function firstNotBelow(sorted: readonly number[], wanted: number): number {
  const { length } = sorted
  let at = Math.floor(wanted * length * 2 ** -53)
  while (at > 0 && sorted[at - 1]! >= wanted) at--
  while (at < length && sorted[at]! < wanted) at++
  return at
}

function sortedUnion(a: readonly number[], b: readonly number[]): number[] {
  const both: number[] = []
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    const fromA = a[i]!
    const fromB = b[j]!
    both.push(fromA < fromB ? fromA : fromB)
    if (fromA <= fromB) i++
    if (fromB <= fromA) j++
  }
  while (i < a.length) both.push(a[i++]!)
  while (j < b.length) both.push(b[j++]!)
  return both
}
