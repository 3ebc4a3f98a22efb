// The sessions of a lane that are open or still take updates, in arrays: a session is a number, under which its interval, its
// links and its row of aggregates lie. The sessions of a key form a chain.
//
//   heads   key -> first session + 1          next   session -> session + 1 behind it, 0 at the end
import type { RowLayout } from '../aggregates/row-layout.ts'
import { RowArena } from './row-arena.ts'
import { joinStarts, type KnownStart, type SessionSpan } from './session.ts'

const firstRoom = 64

export class SessionTable {
  readonly arena: RowArena
  start: Float64Array = new Float64Array(firstRoom)
  end: Float64Array = new Float64Array(firstRoom)
  /** The instant of its one valid entry in the calendar; NaN for none. */
  scheduledAt: Float64Array = new Float64Array(firstRoom)
  key: Int32Array = new Int32Array(firstRoom)
  fired: Uint8Array = new Uint8Array(firstRoom)
  #knownAt: Float64Array = new Float64Array(firstRoom)
  #next: Int32Array = new Int32Array(firstRoom)
  #heads: Int32Array = new Int32Array(firstRoom)
  /** Of sessions with several starts, which are few: all of them. */
  readonly #starts = new Map<number, readonly KnownStart[]>()
  /** Serials of the shares given to the merge that a session contains, where there are any. */
  readonly #given = new Map<number, readonly number[]>()
  readonly #layout: RowLayout

  constructor(layout: RowLayout) {
    this.#layout = layout
    this.arena = new RowArena(layout)
  }

  /** The first session of a key, and the one behind another; -1 for none. */
  firstOf(key: number): number {
    return key < this.#heads.length ? this.#heads[key]! - 1 : -1
  }

  nextOf(session: number): number {
    return this.#next[session]! - 1
  }

  /** A new session, behind the others of its key, whose start came to be known at a watermark. */
  open(key: number, start: number, end: number, knownAt: number): number {
    const session = this.arena.take()
    if (session >= this.start.length) this.#grow()
    if (key >= this.#heads.length) this.#growHeads(key)
    this.start[session] = start
    this.end[session] = end
    this.key[session] = key
    this.#knownAt[session] = knownAt
    this.fired[session] = 0
    this.scheduledAt[session] = Number.NaN
    this.#next[session] = 0
    const head = this.#heads[key]!
    if (head === 0) this.#heads[key] = session + 1
    else {
      let last = head - 1
      while (this.#next[last] !== 0) last = this.#next[last]! - 1
      this.#next[last] = session + 1
    }
    return session
  }

  /** Moves the start of a session back. */
  openEarlier(session: number, start: number, knownAt: number): void {
    const starts = joinStarts([...this.startsOf(session), { start, knownAt }])
    this.start[session] = start
    this.#setStarts(session, starts)
  }

  startsOf(session: number): readonly KnownStart[] {
    const several = this.#starts.size > 0 ? this.#starts.get(session) : undefined
    return several ?? [{ start: this.start[session]!, knownAt: this.#knownAt[session]! }]
  }

  #setStarts(session: number, starts: readonly KnownStart[]): void {
    this.#starts.delete(session)
    // The only one is the session's start, since nothing outdoes the earliest.
    if (starts.length === 1) this.#knownAt[session] = starts[0]!.knownAt
    else this.#starts.set(session, starts)
  }

  givenOf(session: number): readonly number[] {
    return this.#given.get(session) ?? none
  }

  setGiven(session: number, serials: readonly number[]): void {
    this.#given.set(session, serials)
  }

  /** The two as one, under the number of the earlier one, which is returned; the other is gone. */
  join(a: number, b: number): number {
    const [session, other] = this.start[a]! <= this.start[b]! ? [a, b] : [b, a]
    this.#layout.merge(this.arena, session, this.arena, other)
    this.end[session] = Math.max(this.end[session]!, this.end[other]!)
    this.#setStarts(session, joinStarts([...this.startsOf(session), ...this.startsOf(other)]))
    const given = [...this.givenOf(session), ...this.givenOf(other)]
    if (given.length > 0) this.#given.set(session, given)
    this.fired[session] = this.fired[session]! & this.fired[other]!
    this.close(other)
    return session
  }

  close(session: number): void {
    const key = this.key[session]!
    const link = this.#next[session]!
    if (this.#heads[key] === session + 1) this.#heads[key] = link
    else {
      let before = this.#heads[key]! - 1
      while (this.#next[before] !== session + 1) before = this.#next[before]! - 1
      this.#next[before] = link
    }
    this.scheduledAt[session] = Number.NaN
    if (this.#starts.size > 0) this.#starts.delete(session)
    if (this.#given.size > 0) this.#given.delete(session)
    this.arena.release(session)
  }

  span(session: number): SessionSpan {
    return { start: this.start[session]!, end: this.end[session]!, starts: this.startsOf(session) }
  }

  /** All sessions, key by key. */
  *all(): Iterable<number> {
    for (let key = 0; key < this.#heads.length; key++) {
      for (let session = this.firstOf(key); session >= 0; session = this.nextOf(session)) yield session
    }
  }

  restoreStarts(session: number, starts: readonly KnownStart[]): void {
    this.#setStarts(session, starts)
  }

  #grow(): void {
    const room = 2 * this.start.length
    this.start = floats(this.start, room)
    this.end = floats(this.end, room)
    this.scheduledAt = floats(this.scheduledAt, room)
    this.#knownAt = floats(this.#knownAt, room)
    this.key = integers(this.key, room)
    this.#next = integers(this.#next, room)
    const fired = new Uint8Array(room)
    fired.set(this.fired)
    this.fired = fired
  }

  #growHeads(key: number): void {
    this.#heads = integers(this.#heads, 2 ** Math.ceil(Math.log2(key + 2)))
  }
}

const none: readonly number[] = []

function floats(before: Float64Array, room: number): Float64Array {
  const larger = new Float64Array(room)
  larger.set(before)
  return larger
}

function integers(before: Int32Array, room: number): Int32Array {
  const larger = new Int32Array(room)
  larger.set(before)
  return larger
}
