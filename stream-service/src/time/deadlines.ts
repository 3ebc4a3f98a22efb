// What falls due when: a binary min-heap by instant, and among equal instants in the order of adding, so that windows
// fire in an order that depends on the records alone. Instants and orders lie in typed arrays, so that an entry is no object.

export class Deadlines<Item> {
  #at = new Float64Array(16)
  #order = new Float64Array(16)
  readonly #items: (Item | undefined)[] = []
  #size = 0
  #added = 0
  /** The earliest instant anything is due, Infinity when nothing is. */
  nextAt = Number.POSITIVE_INFINITY
  /** When the item that `take` returned last was due. */
  takenAt = Number.NEGATIVE_INFINITY

  add(at: number, item: Item): void {
    if (this.#size === this.#at.length) this.#grow()
    const ats = this.#at
    let index = this.#size++
    // Nothing that is there was added later, so only a later instant is moved down.
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (at >= ats[parent]!) break
      this.#move(parent, index)
      index = parent
    }
    ats[index] = at
    this.#order[index] = this.#added++
    this.#items[index] = item
    this.nextAt = ats[0]!
  }

  /** Removes and returns the earliest item due at or before `now`; undefined when none is. */
  take(now: number): Item | undefined {
    if (this.#size === 0 || this.nextAt > now) return undefined
    const first = this.#items[0]
    this.takenAt = this.#at[0]!
    const last = --this.#size
    if (last > 0) this.#sink(last)
    this.#items[last] = undefined
    this.nextAt = last > 0 ? this.#at[0]! : Number.POSITIVE_INFINITY
    return first
  }

  /** Puts the entry at `from` in the place of the first, and down to where it belongs. */
  #sink(from: number): void {
    const ats = this.#at
    const orders = this.#order
    const at = ats[from]!
    const order = orders[from]!
    const item = this.#items[from]
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= this.#size) break
      if (child + 1 < this.#size && this.#isBefore(child + 1, ats[child]!, orders[child]!)) child++
      if (!this.#isBefore(child, at, order)) break
      this.#move(child, index)
      index = child
    }
    ats[index] = at
    orders[index] = order
    this.#items[index] = item
  }

  #isBefore(index: number, at: number, order: number): boolean {
    const own = this.#at[index]!
    return own < at || (own === at && this.#order[index]! < order)
  }

  #move(from: number, to: number): void {
    this.#at[to] = this.#at[from]!
    this.#order[to] = this.#order[from]!
    this.#items[to] = this.#items[from]
  }

  #grow(): void {
    const grown = (values: Float64Array) => {
      const larger = new Float64Array(2 * values.length)
      larger.set(values)
      return larger
    }
    this.#at = grown(this.#at)
    this.#order = grown(this.#order)
  }
}
