// What falls due when: a binary min-heap by instant, and among equal instants in the order of adding, so that windows
// fire in an order that depends on the records alone.

interface Entry<Item> {
  readonly at: number
  readonly order: number
  readonly item: Item
}

export class Deadlines<Item> {
  readonly #heap: Entry<Item>[] = []
  #added = 0
  /** The earliest instant anything is due, Infinity when nothing is. */
  nextAt = Number.POSITIVE_INFINITY
  /** When the item that `take` returned last was due. */
  takenAt = Number.NEGATIVE_INFINITY

  add(at: number, item: Item): void {
    const heap = this.#heap
    const entry = { at, order: this.#added++, item }
    let index = heap.length
    heap.push(entry)
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!isBefore(entry, heap[parent]!)) break
      heap[index] = heap[parent]!
      index = parent
    }
    heap[index] = entry
    this.nextAt = heap[0]!.at
  }

  /** Removes and returns the earliest item due at or before `now`; undefined when none is. */
  take(now: number): Item | undefined {
    if (this.nextAt > now || this.#heap.length === 0) return undefined
    const heap = this.#heap
    const first = heap[0]!
    this.takenAt = first.at
    const lastEntry = heap.pop()!
    if (heap.length > 0) {
      let index = 0
      for (;;) {
        let child = 2 * index + 1
        if (child >= heap.length) break
        if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
        if (!isBefore(heap[child]!, lastEntry)) break
        heap[index] = heap[child]!
        index = child
      }
      heap[index] = lastEntry
    }
    this.nextAt = heap.length > 0 ? heap[0]!.at : Number.POSITIVE_INFINITY
    return first.item
  }
}

function isBefore<Item>(a: Entry<Item>, b: Entry<Item>): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
