// The sessions of a lane that are open or still take updates. A session is a row of an arena, whose first cells hold what a
// session is beside its aggregates: all of it lies together, mostly in one or two cache lines. The sessions of a key form a
// chain.
//
//   heads   key -> first session + 1
//   row     | start | end | scheduled | known at | key | next session + 1 | flags | aggregates … |
import type { RowLayout } from '../aggregates/row-layout.ts'
import { RowArena } from './row-arena.ts'
import { joinStarts, type KnownStart, type PublishedSession, type SessionSpan } from './session.ts'

const startCell = 0
const endCell = 1
const scheduledCell = 2
const knownAtCell = 3
const keyCell = 4
const nextCell = 5
const flagsCell = 6

const hasFiredFlag = 1
/** It has an entry in `#starts`. */
const hasStartsFlag = 2

/** How many cells of a row come before its aggregates. */
export const sessionHeadCells = 7

export class SessionTable {
  readonly arena: RowArena
  #heads: Int32Array = new Int32Array(64)
  /** Of sessions with several starts, which are few: all of them. */
  readonly #starts = new Map<number, readonly KnownStart[]>()
  /** Serials of the shares given to the merge that a session contains, where there are any. */
  readonly #given = new Map<number, readonly number[]>()
  /** The early panes of open sessions, where there are any. */
  readonly #published = new Map<number, readonly PublishedSession[]>()
  readonly #layout: RowLayout
  readonly #stride: number

  /** The layout must have `sessionHeadCells`. */
  constructor(layout: RowLayout) {
    this.#layout = layout
    this.#stride = layout.cellStride
    this.arena = new RowArena(layout)
  }

  #get(session: number, cell: number): number {
    return this.arena.cells[session * this.#stride + cell]!
  }

  #set(session: number, cell: number, value: number): void {
    this.arena.cells[session * this.#stride + cell] = value
  }

  startOf(session: number): number {
    return this.#get(session, startCell)
  }

  endOf(session: number): number {
    return this.#get(session, endCell)
  }

  setEnd(session: number, end: number): void {
    this.#set(session, endCell, end)
  }

  keyOf(session: number): number {
    return this.#get(session, keyCell)
  }

  /** Whether there is a session of this number. */
  isLive(session: number): boolean {
    return !Number.isNaN(this.scheduledAt(session))
  }

  hasFired(session: number): boolean {
    return this.#hasFlag(session, hasFiredFlag)
  }

  setFired(session: number, hasFired: boolean): void {
    this.#setFlag(session, hasFiredFlag, hasFired)
  }

  #hasFlag(session: number, flag: number): boolean {
    return (this.#get(session, flagsCell) & flag) !== 0
  }

  #setFlag(session: number, flag: number, isSet: boolean): void {
    const flags = this.#get(session, flagsCell)
    this.#set(session, flagsCell, isSet ? flags | flag : flags & ~flag)
  }

  /** The instant of its one valid entry in the calendar; NaN for none. */
  scheduledAt(session: number): number {
    return this.#get(session, scheduledCell)
  }

  setScheduledAt(session: number, at: number): void {
    this.#set(session, scheduledCell, at)
  }

  /** The first session of a key, and the one behind another; -1 for none. */
  firstOf(key: number): number {
    return key < this.#heads.length ? this.#heads[key]! - 1 : -1
  }

  nextOf(session: number): number {
    return this.#get(session, nextCell) - 1
  }

  /** A new session, behind the others of its key, whose start came to be known at a watermark. */
  open(key: number, start: number, end: number, knownAt: number): number {
    const session = this.arena.take()
    if (key >= this.#heads.length) this.#growHeads(key)
    const { cells } = this.arena
    const at = session * this.#stride
    cells[at + startCell] = start
    cells[at + endCell] = end
    cells[at + scheduledCell] = Number.NaN
    cells[at + knownAtCell] = knownAt
    cells[at + keyCell] = key
    const head = this.#heads[key]!
    if (head === 0) this.#heads[key] = session + 1
    else {
      let last = head - 1
      for (let next = this.nextOf(last); next >= 0; next = this.nextOf(last)) last = next
      this.#set(last, nextCell, session + 1)
    }
    return session
  }

  /** Moves the start of a session back. */
  openEarlier(session: number, start: number, knownAt: number): void {
    const starts = joinStarts([...this.startsOf(session), { start, knownAt }])
    this.#set(session, startCell, start)
    this.#setStarts(session, starts)
  }

  startsOf(session: number): readonly KnownStart[] {
    const several = this.#hasFlag(session, hasStartsFlag) ? this.#starts.get(session) : undefined
    return several ?? [{ start: this.startOf(session), knownAt: this.#get(session, knownAtCell) }]
  }

  /** Hands over the starts that `startsOf` lists. */
  writeStarts(session: number, to: { addStart(start: number, knownAt: number): void }): void {
    const several = this.#starts.size > 0 ? this.#starts.get(session) : undefined
    if (several === undefined) to.addStart(this.startOf(session), this.#get(session, knownAtCell))
    else for (const { start, knownAt } of several) to.addStart(start, knownAt)
  }

  #setStarts(session: number, starts: readonly KnownStart[]): void {
    if (this.#hasFlag(session, hasStartsFlag)) this.#starts.delete(session)
    this.#setFlag(session, hasStartsFlag, starts.length > 1)
    // The only one is the session's start, since nothing outdoes the earliest.
    if (starts.length === 1) this.#set(session, knownAtCell, starts[0]!.knownAt)
    else this.#starts.set(session, starts)
  }

  givenOf(session: number): readonly number[] {
    return (this.#given.size > 0 ? this.#given.get(session) : undefined) ?? none
  }

  setGiven(session: number, serials: readonly number[]): void {
    this.#given.set(session, serials)
  }

  publishedOf(session: number): readonly PublishedSession[] {
    return (this.#published.size > 0 ? this.#published.get(session) : undefined) ?? nonePublished
  }

  setPublished(session: number, panes: readonly PublishedSession[]): void {
    if (panes.length > 0) this.#published.set(session, panes)
    else if (this.#published.size > 0) this.#published.delete(session)
  }

  /** The two as one, under the number of the earlier one, which is returned; the other is gone. */
  join(a: number, b: number): number {
    const [session, other] = this.startOf(a) <= this.startOf(b) ? [a, b] : [b, a]
    this.#layout.merge(this.arena, session, this.arena, other)
    this.setEnd(session, Math.max(this.endOf(session), this.endOf(other)))
    this.#setStarts(session, joinStarts([...this.startsOf(session), ...this.startsOf(other)]))
    const given = [...this.givenOf(session), ...this.givenOf(other)]
    if (given.length > 0) this.#given.set(session, given)
    this.setPublished(session, [...this.publishedOf(session), ...this.publishedOf(other)])
    this.setFired(session, this.hasFired(session) && this.hasFired(other))
    this.close(other)
    return session
  }

  close(session: number): void {
    const key = this.keyOf(session)
    const link = this.nextOf(session) + 1
    if (this.#heads[key] === session + 1) this.#heads[key] = link
    else {
      let before = this.#heads[key]! - 1
      for (let next = this.nextOf(before); next !== session; next = this.nextOf(before)) before = next
      this.#set(before, nextCell, link)
    }
    this.setScheduledAt(session, Number.NaN)
    if (this.#hasFlag(session, hasStartsFlag)) this.#starts.delete(session)
    if (this.#given.size > 0) this.#given.delete(session)
    if (this.#published.size > 0) this.#published.delete(session)
    this.arena.release(session)
  }

  span(session: number): SessionSpan {
    return { start: this.startOf(session), end: this.endOf(session), starts: this.startsOf(session) }
  }

  /** All sessions, key by key. */
  forEach(take: (session: number) => void): void {
    for (let key = 0; key < this.#heads.length; key++) {
      for (let session = this.firstOf(key); session >= 0; session = this.nextOf(session)) take(session)
    }
  }

  restoreStarts(session: number, starts: readonly KnownStart[]): void {
    this.#setStarts(session, starts)
  }

  #growHeads(key: number): void {
    const heads = new Int32Array(2 ** Math.ceil(Math.log2(key + 2)))
    heads.set(this.#heads)
    this.#heads = heads
  }
}

const none: readonly number[] = []
const nonePublished: readonly PublishedSession[] = []
