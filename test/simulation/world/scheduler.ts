// Virtual time. Everything that happens is an event at a time; one is resolved, and before the next one all that follows
// from it without waiting has happened. Which of two events at the same time comes first is the seed's choice.
import { hashText, mix } from './chance.ts'

interface Event {
  readonly at: number
  readonly tie: number
  readonly happen: () => void | Promise<void>
}

/** Lets all promises settle that do not wait for an event: they are microtasks, and run before a macrotask does. */
const quiet = () => new Promise<void>((resolve) => setImmediate(resolve))

export class Scheduler {
  readonly #seed: number
  #now: number
  #made = 0
  /** A heap by time and tie. */
  readonly #events: Event[] = []
  readonly #lines: string[] | undefined
  #hash = 0x811c9dc5
  happened = 0

  /** `keepsTrace`: keeps the lines of the trace, for people; its hash is always there. */
  constructor(seed: number, start: number, keepsTrace: boolean) {
    this.#seed = seed
    this.#now = start
    this.#lines = keepsTrace ? [] : undefined
  }

  get now(): number {
    return this.#now
  }

  get trace(): readonly string[] {
    return this.#lines ?? []
  }

  get traceHash(): number {
    return this.#hash
  }

  note(line: string): void {
    const whole = `${this.#now} ${line}\n`
    this.#hash = hashText(whole, this.#hash)
    this.#lines?.push(whole.trimEnd())
  }

  /** What `happen` returns is waited for; it must not wait for another event. */
  after(ms: number, happen: () => void | Promise<void>): void {
    const made = ++this.#made
    this.#push({ at: this.#now + Math.max(0, ms), tie: mix(this.#seed, made), happen })
  }

  /** Lets events happen up to a time. */
  async runUntil(time: number): Promise<void> {
    await quiet()
    for (let next = this.#events[0]; next !== undefined && next.at <= time; next = this.#events[0]) {
      this.#pop()
      this.#now = next.at
      this.happened++
      const whole = next.happen()
      await quiet()
      await whole
    }
    this.#now = Math.max(this.#now, time)
  }

  #push(event: Event): void {
    const heap = this.#events
    let at = heap.push(event) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(event, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#events
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.tie < b.tie)
}
