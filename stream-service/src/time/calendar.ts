// What falls due when, for many small items: a calendar queue (R. Brown 1988, "Calendar queues: a fast O(1) priority queue
// implementation for the simulation event set problem"). Time is cut into days, a year has a fixed number of them, and each
// day has a list of what falls due on it in any year. Only today's items are put in order.
//
//   days   |  0  |  1  |  2  |  3  | …  | 1023 |      an item at `at` is on day floor(at / width) mod 1024
//             │           └─> item, item                in the order in which they came
//          today: sorted, from where it was taken from last
//
// Items that fall due at one instant come out in the order in which they were added.

const days = 1 << 10

export class Calendar {
  readonly #width: number
  /** Per day, the first and the last entry; 0 for none. */
  readonly #first = new Int32Array(days)
  readonly #last = new Int32Array(days)
  // Entries from 1; what was taken is used again.
  #at: Float64Array = new Float64Array(64)
  #item: Int32Array = new Int32Array(64)
  #next: Int32Array = new Int32Array(64)
  #used = 1
  #free = 0
  /** Everything before this day has been taken or lies in `#today`. */
  #day = 0
  #today: number[] = []
  #todayAt = 0
  #size = 0
  /** Nothing falls due before this; Infinity when there is nothing. */
  nextAt = Number.POSITIVE_INFINITY
  /** When the item that `take` returned last was due. */
  takenAt = Number.NEGATIVE_INFINITY

  /** `horizonMs`: how far ahead items are due, mostly. It makes no difference but for speed. */
  constructor(horizonMs: number) {
    this.#width = Math.max(1, Math.ceil(horizonMs / (days / 2)))
  }

  add(at: number, item: number): void {
    const day = this.#dayOf(at)
    const entry = this.#newEntry(at, item)
    if (this.#size++ === 0) this.#day = day + 1
    if (day < this.#day) this.#addToday(entry, at)
    else this.#append(day, entry)
    if (at < this.nextAt) this.nextAt = at
  }

  /** Removes and returns the earliest item due at or before `now`; -1 when none is. */
  take(now: number): number {
    if (this.#size === 0 || this.nextAt > now) return -1
    if (this.#todayAt === this.#today.length && !this.#findDay(now)) return -1
    const entry = this.#today[this.#todayAt]!
    const at = this.#at[entry]!
    this.nextAt = at
    if (at > now) return -1
    this.#todayAt++
    this.takenAt = at
    const item = this.#item[entry]!
    this.#next[entry] = this.#free
    this.#free = entry
    if (--this.#size === 0) {
      this.#today.length = 0
      this.#todayAt = 0
      this.nextAt = Number.POSITIVE_INFINITY
    } else if (this.#todayAt < this.#today.length) this.nextAt = this.#at[this.#today[this.#todayAt]!]!
    else this.nextAt = this.#day * this.#width
    return item
  }

  #dayOf(at: number): number {
    return Math.floor(at / this.#width)
  }

  #newEntry(at: number, item: number): number {
    let entry = this.#free
    if (entry !== 0) this.#free = this.#next[entry]!
    else {
      entry = this.#used++
      if (entry === this.#at.length) this.#grow()
    }
    this.#at[entry] = at
    this.#item[entry] = item
    this.#next[entry] = 0
    return entry
  }

  #append(day: number, entry: number): void {
    const place = day & (days - 1)
    const last = this.#last[place]!
    if (last === 0) this.#first[place] = entry
    else this.#next[last] = entry
    this.#last[place] = entry
  }

  /** Behind all of today's that fall due no later. */
  #addToday(entry: number, at: number): void {
    const today = this.#today
    let low = this.#todayAt
    let high = today.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#at[today[middle]!]! <= at) low = middle + 1
      else high = middle
    }
    today.splice(low, 0, entry)
  }

  /** Goes on to the next day that has something due in this year, up to the day of `now`. False when there is none. */
  #findDay(now: number): boolean {
    this.#today.length = 0
    this.#todayAt = 0
    const lastDay = this.#dayOf(now)
    let without = 0
    while (this.#day <= lastDay) {
      if (this.#takeDay(this.#day++)) return true
      // A whole year without anything: what there is lies in another one.
      if (++without === days) {
        this.#day = this.#dayOf(this.#earliest())
        without = 0
      }
    }
    this.nextAt = this.#day * this.#width
    return false
  }

  /** Moves what is due on a day, in this year, to today's. */
  #takeDay(day: number): boolean {
    const place = day & (days - 1)
    let entry = this.#first[place]!
    if (entry === 0) return false
    this.#first[place] = 0
    this.#last[place] = 0
    const today = this.#today
    while (entry !== 0) {
      const next = this.#next[entry]!
      if (this.#dayOf(this.#at[entry]!) === day) today.push(entry)
      else {
        this.#next[entry] = 0
        this.#append(day, entry)
      }
      entry = next
    }
    const at = this.#at
    if (today.length > 1) today.sort((a, b) => at[a]! - at[b]!)
    return today.length > 0
  }

  #earliest(): number {
    let earliest = Number.POSITIVE_INFINITY
    for (let place = 0; place < days; place++) {
      for (let entry = this.#first[place]!; entry !== 0; entry = this.#next[entry]!) {
        earliest = Math.min(earliest, this.#at[entry]!)
      }
    }
    return earliest
  }

  #grow(): void {
    const at = new Float64Array(2 * this.#at.length)
    at.set(this.#at)
    this.#at = at
    const grown = (before: Int32Array) => {
      const larger = new Int32Array(2 * before.length)
      larger.set(before)
      return larger
    }
    this.#item = grown(this.#item)
    this.#next = grown(this.#next)
  }
}
