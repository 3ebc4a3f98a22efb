// What falls due when, for many small items: a calendar queue (R. Brown 1988, "Calendar queues: a fast O(1) priority queue
// implementation for the simulation event set problem"). Time is cut into days, a year has a fixed number of them, and each
// day has a list of what falls due on it in any year. Only today's items are put in order, if they are not in order already.
//
//   days   |  0  |  1  |  2  |  3  | …  | 8191 |       an item at `at` is on day floor(at / width) mod 8192
//             │           └─> item, item                in the order in which they came
//          today: sorted, from where it was taken from last
//
// Items that fall due at one instant come out in the order in which they were added.

// Fewer days would have more to be put in order, more days more that is to be looked at in vain.
const days = 1 << 13
/** More than so many items of a day are put in order in a way that costs more for few. */
const fewItems = 32

// An entry is 16 bytes: the instant, the item, and the entry behind it on its day (0 for none).
const entryDoubles = 2
const entryInts = 4
const itemAt = 2
const nextAt = 3

export class Calendar {
  readonly #width: number
  /** Per day, the first and the last entry; 0 for none. */
  readonly #days = new Int32Array(2 * days)
  // Entries from 1; what was taken is used again.
  #instants: Float64Array = new Float64Array(64 * entryDoubles)
  #ints = new Int32Array(this.#instants.buffer)
  #used = 1
  #free = 0
  /** Everything before this day has been taken or lies in `#today`. */
  #day = 0
  #today = new Int32Array(64)
  #todayAt = 0
  #todayEnd = 0
  #size = 0
  /** Nothing falls due before this; Infinity when there is nothing. */
  nextAt = Number.POSITIVE_INFINITY
  /** When the item that `take` returned last was due. */
  takenAt = Number.NEGATIVE_INFINITY

  /** `horizonMs`: how far ahead items are due, mostly. It makes no difference but for speed. */
  constructor(horizonMs: number) {
    this.#width = Math.max(1, Math.ceil((2 * horizonMs) / days))
  }

  /** Adds an item, an integer from 0 to 2^31 - 1. */
  add(at: number, item: number): void {
    const day = Math.floor(at / this.#width)
    const entry = this.#newEntry(at, item)
    if (this.#size++ === 0) this.#day = day + 1
    if (day < this.#day) this.#addToday(entry, at)
    else this.#append(day, entry)
    if (at < this.nextAt) this.nextAt = at
  }

  /** Removes and returns the earliest item due at or before `now`; -1 when none is. */
  take(now: number): number {
    if (this.#size === 0 || this.nextAt > now) return -1
    if (this.#todayAt === this.#todayEnd && !this.#findDay(now)) return -1
    const entry = this.#today[this.#todayAt]!
    const at = this.#instants[entry * entryDoubles]!
    this.nextAt = at
    if (at > now) return -1
    this.#todayAt++
    this.takenAt = at
    const item = this.#ints[entry * entryInts + itemAt]!
    this.#ints[entry * entryInts + nextAt] = this.#free
    this.#free = entry
    if (--this.#size === 0) {
      this.#todayEnd = 0
      this.#todayAt = 0
      this.nextAt = Number.POSITIVE_INFINITY
    } else if (this.#todayAt < this.#todayEnd) {
      this.nextAt = this.#instants[this.#today[this.#todayAt]! * entryDoubles]!
    } else this.nextAt = this.#day * this.#width
    return item
  }

  #newEntry(at: number, item: number): number {
    let entry = this.#free
    if (entry !== 0) this.#free = this.#ints[entry * entryInts + nextAt]!
    else {
      entry = this.#used++
      if (entry * entryDoubles === this.#instants.length) this.#grow()
    }
    this.#instants[entry * entryDoubles] = at
    this.#ints[entry * entryInts + itemAt] = item
    this.#ints[entry * entryInts + nextAt] = 0
    return entry
  }

  #append(day: number, entry: number): void {
    const place = 2 * (day & (days - 1))
    const last = this.#days[place + 1]!
    if (last === 0) this.#days[place] = entry
    else this.#ints[last * entryInts + nextAt] = entry
    this.#days[place + 1] = entry
  }

  /** Behind all of today's that fall due no later. */
  #addToday(entry: number, at: number): void {
    this.#reserveToday()
    const today = this.#today
    let low = this.#todayAt
    let high = this.#todayEnd
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#instants[today[middle]! * entryDoubles]! <= at) low = middle + 1
      else high = middle
    }
    today.copyWithin(low + 1, low, this.#todayEnd++)
    today[low] = entry
  }

  #reserveToday(): void {
    if (this.#todayEnd < this.#today.length) return
    const longer = new Int32Array(2 * this.#today.length)
    longer.set(this.#today)
    this.#today = longer
  }

  /** Goes on to the next day that has something due in this year, up to the day of `now`. False when there is none. */
  #findDay(now: number): boolean {
    this.#todayEnd = 0
    this.#todayAt = 0
    const lastDay = Math.floor(now / this.#width)
    let without = 0
    while (this.#day <= lastDay) {
      const day = this.#day++
      if (this.#days[2 * (day & (days - 1))] !== 0 && this.#takeDay(day)) return true
      // A whole year without anything: what there is lies in another one.
      if (++without === days) {
        this.#day = Math.floor(this.#earliest() / this.#width)
        without = 0
      }
    }
    this.nextAt = this.#day * this.#width
    return false
  }

  /** Moves what is due on a day, in this year, to today's. */
  #takeDay(day: number): boolean {
    const place = 2 * (day & (days - 1))
    let entry = this.#days[place]!
    this.#days[place] = 0
    this.#days[place + 1] = 0
    const instants = this.#instants
    let isSorted = true
    let before = Number.NEGATIVE_INFINITY
    while (entry !== 0) {
      const next = this.#ints[entry * entryInts + nextAt]!
      const at = instants[entry * entryDoubles]!
      if (Math.floor(at / this.#width) === day) {
        this.#reserveToday()
        this.#today[this.#todayEnd++] = entry
        if (at < before) isSorted = false
        before = at
      } else {
        this.#ints[entry * entryInts + nextAt] = 0
        this.#append(day, entry)
      }
      entry = next
    }
    if (!isSorted) this.#sortToday()
    return this.#todayEnd > 0
  }

  #sortToday(): void {
    const today = this.#today
    const end = this.#todayEnd
    const instants = this.#instants
    if (end > fewItems) {
      today.set(
        Array.from(today.subarray(0, end)).sort((a, b) => instants[a * entryDoubles]! - instants[b * entryDoubles]!),
      )
      return
    }
    for (let i = 1; i < end; i++) {
      const entry = today[i]!
      const at = instants[entry * entryDoubles]!
      let place = i
      for (; place > 0 && instants[today[place - 1]! * entryDoubles]! > at; place--) today[place] = today[place - 1]!
      today[place] = entry
    }
  }

  #earliest(): number {
    let earliest = Number.POSITIVE_INFINITY
    for (let place = 0; place < 2 * days; place += 2) {
      for (let entry = this.#days[place]!; entry !== 0; entry = this.#ints[entry * entryInts + nextAt]!) {
        earliest = Math.min(earliest, this.#instants[entry * entryDoubles]!)
      }
    }
    return earliest
  }

  #grow(): void {
    const grown = new Float64Array(2 * this.#instants.length)
    grown.set(this.#instants)
    this.#instants = grown
    this.#ints = new Int32Array(grown.buffer)
  }
}
