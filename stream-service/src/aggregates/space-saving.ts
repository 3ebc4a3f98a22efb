// Space-Saving (A. Metwally, D. Agrawal, A. El Abbadi 2005, "Efficient computation of frequent and top-k elements in data
// streams"): a fixed number of counters. A value without a counter takes over the least one, count and all, and that
// count becomes the bound of its error. So for every counter
//
//   count - error  <=  how often the value came  <=  count,    and    error  <=  all values / capacity
//
// Until a value has lost its counter the counts are exact, and order does not show. After that it does, so that a state
// depends on the order of its values; but on nothing else: ties go by content and by slot, and both are in the snapshot.
import type { Fields } from '../records/fields.ts'
import { CounterIndex, hashOf } from './counter-index.ts'
import { inserted } from './small-numbers.ts'

export type Scalar = string | number | boolean

export interface Counter {
  readonly value: Scalar
  readonly count: number
  readonly error: number
}

export type EncodedCounters = {
  readonly values: readonly Scalar[]
  readonly counts: readonly number[]
  readonly errors?: readonly number[]
}

/** Up to here values are found by looking at each, and arrays are as long as they have to be. */
const fewValues = 8

export class SpaceSaving {
  readonly #capacity: number
  // In the snapshot: slot i has values[i], counts[i] and errors[i]; no errors as long as no value has lost its counter.
  #values: Scalar[]
  #counts: number[]
  #errors: number[] | undefined
  // Rebuilt on start, when needed.
  #index: CounterIndex | undefined
  #heap: SlotHeap | undefined

  /** A summary of one value. Capacity is at least 1. */
  constructor(capacity: number, value: Scalar) {
    this.#capacity = capacity
    this.#values = [value]
    this.#counts = [1]
  }

  add(value: Scalar): void {
    const slot = this.#slotOf(value)
    if (slot >= 0) this.#raise(slot)
    else this.#addNew(value, this.#index === undefined ? 0 : hashOf(value))
  }

  /** Adds the text in a slot of a record, as `add` does with the string. */
  addText(fields: Fields, field: number): void {
    const index = this.#index
    if (index === undefined) {
      this.add(fields.value(field) as string)
      return
    }
    const at = fields.base + field
    const hash = fields.hashes[at]!
    let slot = index.findText(fields.view, fields.starts[at]!, fields.lengths[at]!, hash)
    if (slot < 0) {
      const value = fields.value(field) as string
      slot = index.find(value, hash)
      if (slot < 0) {
        this.#addNew(value, hash)
        return
      }
    }
    this.#raise(slot)
  }

  #addNew(value: Scalar, hash: number): void {
    if (this.#values.length < this.#capacity) this.#append(value, hash)
    else this.#takeOver(value, hash)
  }

  #raise(slot: number): void {
    this.#counts[slot]!++
    this.#heap?.sink(slot)
  }

  /**
   * Adds another summary's counters, which stay as they are (P. Agarwal et al. 2012, "Mergeable summaries"): counts of
   * one value add up, and to a value that only one side has comes the most that the other may have forgotten of it, in
   * its count and its error. The greatest `capacity` counters stay. Both bounds hold for the whole: the counts never add
   * up to more than the number of values.
   */
  merge(other: SpaceSaving): void {
    const ownForgotten = this.#forgotten()
    const otherForgotten = other.#forgotten()
    const merged: Counter[] = []
    for (let slot = 0; slot < this.#values.length; slot++) {
      const { value, count, error } = this.#counter(slot)
      const match = other.#slotOf(value)
      merged.push(
        match < 0
          ? { value, count: count + otherForgotten, error: error + otherForgotten }
          : { value, count: count + other.#counts[match]!, error: error + (other.#errors?.[match] ?? 0) },
      )
    }
    for (let slot = 0; slot < other.#values.length; slot++) {
      const { value, count, error } = other.#counter(slot)
      if (this.#slotOf(value) >= 0) continue
      merged.push({ value, count: count + ownForgotten, error: error + ownForgotten })
    }
    const isExact = this.#errors === undefined && other.#errors === undefined && merged.length <= this.#capacity
    if (!isExact) merged.sort(byCount).splice(this.#capacity)
    this.#values = merged.map(({ value }) => value)
    this.#counts = merged.map(({ count }) => count)
    this.#errors = isExact ? undefined : merged.map(({ error }) => error)
    this.#index = undefined
    this.#heap = undefined
  }

  /** The k greatest counters, by count, equal ones by value: numbers, then strings by code unit, then false and true. */
  top(k: number): Counter[] {
    return this.#values
      .map((_, slot) => this.#counter(slot))
      .sort(byCount)
      .slice(0, k)
  }

  copy(): SpaceSaving {
    return SpaceSaving.decode(this.#capacity, this.encode())
  }

  encode(): EncodedCounters {
    const values = this.#values.slice()
    const counts = this.#counts.slice()
    return this.#errors === undefined ? { values, counts } : { values, counts, errors: this.#errors.slice() }
  }

  static decode(capacity: number, { values, counts, errors }: EncodedCounters): SpaceSaving {
    const decoded = new SpaceSaving(capacity, values[0]!)
    decoded.#values = values.slice()
    decoded.#counts = counts.slice()
    decoded.#errors = errors?.slice()
    return decoded
  }

  #append(value: Scalar, hash: number): void {
    const { length } = this.#values
    this.#counts = inserted(this.#counts, length, 1)
    if (length < fewValues) {
      this.#values = withOneMore(this.#values, value)
      return
    }
    this.#values.push(value)
    this.#index?.add(length, hash)
  }

  #takeOver(value: Scalar, hash: number): void {
    if (this.#errors === undefined) {
      // From here on slots decide ties, so they are put in an order that does not depend on who came first.
      const counters = this.top(this.#capacity)
      this.#values = counters.map((counter) => counter.value)
      this.#counts = counters.map((counter) => counter.count)
      this.#errors = counters.map(() => 0)
      this.#index = undefined
    }
    this.#heap ??= new SlotHeap(this.#counts)
    const slot = this.#heap.least()
    this.#index?.remove(slot)
    this.#values[slot] = value
    this.#index?.add(slot, hash)
    this.#errors[slot] = this.#counts[slot]!++
    this.#heap.sink(slot)
  }

  #slotOf(value: Scalar): number {
    const values = this.#values
    if (values.length <= fewValues) return values.indexOf(value)
    this.#index ??= new CounterIndex(values)
    return this.#index.find(value, hashOf(value))
  }

  #counter(slot: number): Counter {
    return { value: this.#values[slot]!, count: this.#counts[slot]!, error: this.#errors?.[slot] ?? 0 }
  }

  /** The most times that a value without a counter may have come. */
  #forgotten(): number {
    return this.#errors === undefined ? 0 : this.#counts.reduce((least, count) => Math.min(least, count))
  }
}

/** A binary heap of slots with the least count on top, of equal ones the lowest slot. Counts only grow. */
class SlotHeap {
  readonly #counts: readonly number[]
  readonly #heap: Int32Array
  readonly #placeOf: Int32Array

  constructor(counts: readonly number[]) {
    this.#counts = counts
    this.#heap = new Int32Array(counts.length)
    this.#placeOf = new Int32Array(counts.length)
    for (let slot = 0; slot < counts.length; slot++) this.#heap[slot] = this.#placeOf[slot] = slot
    for (let place = (counts.length >> 1) - 1; place >= 0; place--) this.sink(this.#heap[place]!)
  }

  least(): number {
    return this.#heap[0]!
  }

  /** Moves a slot whose count has grown to where it belongs. */
  sink(slot: number): void {
    const heap = this.#heap
    const placeOf = this.#placeOf
    let place = placeOf[slot]!
    for (let child = 2 * place + 1; child < heap.length; child = 2 * place + 1) {
      if (child + 1 < heap.length && this.#isBefore(heap[child + 1]!, heap[child]!)) child++
      const lesser = heap[child]!
      if (!this.#isBefore(lesser, slot)) break
      heap[place] = lesser
      placeOf[lesser] = place
      place = child
    }
    heap[place] = slot
    placeOf[slot] = place
  }

  #isBefore(a: number, b: number): boolean {
    const difference = this.#counts[a]! - this.#counts[b]!
    return difference < 0 || (difference === 0 && a < b)
  }
}

/** A new array, exactly as long as needed; pushing would make room for 17. */
function withOneMore(values: readonly Scalar[], value: Scalar): Scalar[] {
  const grown = new Array<Scalar>(values.length + 1)
  for (let i = 0; i < values.length; i++) grown[i] = values[i]!
  grown[values.length] = value
  return grown
}

function byCount(a: Counter, b: Counter): number {
  return b.count - a.count || byValue(a.value, b.value)
}

const typeRank = { number: 0, string: 1, boolean: 2 } as const

function byValue(a: Scalar, b: Scalar): number {
  const rank = typeRank[typeof a as keyof typeof typeRank] - typeRank[typeof b as keyof typeof typeRank]
  if (rank !== 0) return rank
  return a < b ? -1 : a > b ? 1 : 0
}
