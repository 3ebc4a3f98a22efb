// A lane's open sessions. A session fires when the lane's watermark reaches its last millisecond, and with allowed
// lateness stays open for updates after that: a late record may lengthen it, bridge it with a neighbour, or open it again.
import type { Rows } from '../aggregates/aggregator.ts'
import type { RowLayout } from '../aggregates/row-layout.ts'
import type { SnapshotValue } from '../aggregates/snapshot-value.ts'
import type { Fields } from '../records/fields.ts'
import { Calendar } from '../time/calendar.ts'
import type { KeyMarks, KeyTable } from './key-table.ts'
import { type LanePanes, late, type Placement } from './lane-panes.ts'
import { NumberColumn } from './number-column.ts'
import { encodeRows } from './pane-table-codec.ts'
import type { KnownStart, PublishedSession, SessionSpan } from './session.ts'
import { readSessionColumns, type SessionColumns, SessionColumnWriter } from './session-columns.ts'
import { SessionTable, sessionHeadCells } from './session-table.ts'

/** A lane's share of a session, as it fired or was revised. */
export interface SessionShare extends SessionSpan {
  readonly shardId: string
  /** Numbers the shares of a lane; `replaces` are the numbers of earlier ones that this one contains. */
  readonly serial: number
  readonly replaces: readonly number[]
  readonly key: number
  /** The panes in which it was published while it was open. */
  readonly published: readonly PublishedSession[]
}

export interface SessionShares {
  /** The merge looks into lanes from afar: it has to be told what is open there, see `takeOpens`. */
  readonly tracksOpens?: boolean
  /**
   * Takes a share that is the whole of its session and to which nothing can come any more, so that it need not be kept.
   * False when it is not such a one, and `put` has to follow.
   */
  putFinal(key: number, start: number, end: number, rows: Rows, row: number): boolean
  /** Takes a share; `rows` belong to the lane and change after the call. */
  put(share: SessionShare, rows: Rows, row: number): void
}

/** What is open in a lane: its share of a session so far. */
export interface OpenShare extends SessionSpan {
  readonly shardId: string
  readonly rows: Rows
  readonly row: number
  /** It has taken records since `forgetChanges`. */
  readonly hasChanged: boolean
  /** The panes in which it was published so far; `publish` takes the pane that stands for it from now on. */
  readonly published: readonly PublishedSession[]
  publish(pane: PublishedSession): void
}

/** What the merge has to know of a lane before it publishes a session: what is still open there. */
export interface OpenSessions {
  openSessions(key: number): Iterable<OpenShare>
  /** The keys of open sessions that have changed. */
  changedKeys(): Iterable<number>
  forgetChanges(): void
}

export interface SessionPanesOptions {
  readonly shardId: string
  readonly gapMs: number
  readonly layout: RowLayout
  readonly keys: KeyTable
  readonly allowedLatenessMs: number
  readonly shares: SessionShares
  /** The query asks for early panes. */
  readonly tracksChanges: boolean
  readonly skipped: number[]
}

export class SessionPanes implements LanePanes, OpenSessions {
  readonly #options: SessionPanesOptions
  // In the snapshot.
  readonly #sessions: SessionTable
  #serials = 0
  // Rebuilt on start.
  readonly #due: Calendar
  /** Open sessions with new records since the last early panes; after a start all may have some. */
  readonly #changed = new Set<number>()
  /** Sessions that the merge has not been told of since their start came to be known; some are gone already. */
  #untold: number[] = []

  constructor(options: SessionPanesOptions, encoded?: SnapshotValue) {
    this.#options = options
    this.#sessions = new SessionTable(options.layout)
    this.#due = new Calendar(options.gapMs + options.allowedLatenessMs)
    if (encoded !== undefined) this.#restore(encoded as unknown as EncodedSessions)
  }

  get nextDueAt(): number {
    return this.#due.nextAt
  }

  *openSessions(key: number): Iterable<OpenShare> {
    const { shardId } = this.#options
    const sessions = this.#sessions
    for (let row = sessions.firstOf(key); row >= 0; row = sessions.nextOf(row)) {
      if (sessions.hasFired(row)) continue
      yield {
        ...sessions.span(row),
        shardId,
        rows: sessions.arena,
        row,
        hasChanged: this.#changed.has(row),
        published: sessions.publishedOf(row),
        publish: (pane) => sessions.setPublished(row, [pane]),
      }
    }
  }

  *changedKeys(): Iterable<number> {
    for (const session of this.#changed) yield this.#sessions.keyOf(session)
  }

  forgetChanges(): void {
    this.#changed.clear()
  }

  add(key: number, fields: Fields, eventTime: number, watermark: number): Placement {
    const { gapMs, layout, allowedLatenessMs, tracksChanges, skipped, shares } = this.#options
    const sessions = this.#sessions
    const ownEnd = eventTime + gapMs
    let session = -1
    for (let candidate = sessions.firstOf(key); candidate >= 0; ) {
      const next = sessions.nextOf(candidate)
      if (sessions.startOf(candidate) <= ownEnd && sessions.endOf(candidate) >= eventTime)
        session = session < 0 ? candidate : this.#join(session, candidate)
      candidate = next
    }
    if (session < 0) {
      // What a lane still holds is open for updates, so only a session of its own can be late.
      if (ownEnd - 1 + allowedLatenessMs <= watermark) return late
      session = sessions.open(key, eventTime, ownEnd, watermark)
      if (shares.tracksOpens) this.#untold.push(session)
    } else {
      if (eventTime < sessions.startOf(session)) {
        sessions.openEarlier(session, eventTime, watermark)
        if (shares.tracksOpens) this.#untold.push(session)
      }
      if (ownEnd > sessions.endOf(session)) sessions.setEnd(session, ownEnd)
    }
    layout.add(sessions.arena, session, fields, eventTime, skipped)
    if (tracksChanges) this.#changed.add(session)
    this.#settle(session, watermark)
    return 0
  }

  isOnTime(eventTime: number, watermark: number): boolean {
    return eventTime + this.#options.gapMs - 1 > watermark
  }

  #join(a: number, b: number): number {
    this.#changed.delete(a)
    this.#changed.delete(b)
    const session = this.#sessions.join(a, b)
    if (this.#options.shares.tracksOpens) this.#untold.push(session)
    return session
  }

  /** After a change: gives the new revision away when the session's end has passed, and keeps its deadline right. */
  #settle(session: number, watermark: number): void {
    const sessions = this.#sessions
    let dueAt = sessions.endOf(session) - 1
    if (dueAt <= watermark) {
      sessions.setFired(session, true)
      this.#give(session)
      dueAt += this.#options.allowedLatenessMs
    } else if (sessions.hasFired(session)) sessions.setFired(session, false)
    // An earlier entry finds out by itself that the session has grown.
    if (!(sessions.scheduledAt(session) <= dueAt)) this.#schedule(session, dueAt)
  }

  #schedule(session: number, at: number): void {
    this.#sessions.setScheduledAt(session, at)
    this.#due.add(at, session)
  }

  #give(session: number): void {
    if (this.#options.tracksChanges) this.#changed.delete(session)
    const { shares, shardId } = this.#options
    const sessions = this.#sessions
    const key = sessions.keyOf(session)
    const start = sessions.startOf(session)
    const end = sessions.endOf(session)
    if (shares.putFinal(key, start, end, sessions.arena, session)) return
    const serial = this.#serials++
    const replaces = sessions.givenOf(session)
    sessions.setGiven(session, [serial])
    const published = sessions.publishedOf(session)
    sessions.setPublished(session, [])
    const share = { shardId, serial, replaces, key, start, end, starts: sessions.startsOf(session), published }
    shares.put(share, sessions.arena, session)
  }

  advance(watermark: number): void {
    const { allowedLatenessMs } = this.#options
    const sessions = this.#sessions
    for (let session = this.#due.take(watermark); session >= 0; session = this.#due.take(watermark)) {
      if (sessions.scheduledAt(session) !== this.#due.takenAt) continue
      let dueAt = sessions.endOf(session) - 1
      if (dueAt <= watermark) {
        if (!sessions.hasFired(session)) {
          sessions.setFired(session, true)
          this.#give(session)
        }
        dueAt += allowedLatenessMs
      }
      if (dueAt > watermark) this.#schedule(session, dueAt)
      else sessions.close(session)
    }
  }

  flush(): void {
    this.advance(Number.POSITIVE_INFINITY)
  }

  /**
   * Open sessions of which the merge has to know before it takes this watermark for the lane's: those that begin by then and
   * were not told of. Each is a number that `keyOf` and `startsOf` take, until the next record.
   */
  takeOpens(watermark: number): number[] {
    const sessions = this.#sessions
    const told: number[] = []
    const later: number[] = []
    for (const session of this.#untold) {
      if (!sessions.isLive(session) || sessions.hasFired(session)) continue
      // One that touches a window that ends right after the watermark joins it.
      if (sessions.startOf(session) <= watermark + 1) told.push(session)
      else later.push(session)
    }
    this.#untold = later
    return told
  }

  keyOf(session: number): number {
    return this.#sessions.keyOf(session)
  }

  startsOf(session: number): readonly KnownStart[] {
    return this.#sessions.startsOf(session)
  }

  /** Gives the merge what has not fired, as it is: all of it, or what has changed since the last time. */
  giveUnfired(onlyChanged: boolean): void {
    const sessions = this.#sessions
    sessions.forEach((session) => {
      if (!sessions.hasFired(session) && (!onlyChanged || this.#changed.has(session))) this.#give(session)
    })
  }

  markKeys(marks: KeyMarks): void {
    this.#sessions.forEach((session) => {
      marks.mark(this.#sessions.keyOf(session))
    })
  }

  encode(): SnapshotValue {
    const { layout, keys } = this.#options
    const sessions = this.#sessions
    const columns = new SessionColumnWriter(sessions.arena.inUse)
    const fired = new NumberColumn(sessions.arena.inUse)
    const givenCounts = new NumberColumn(sessions.arena.inUse)
    const given = new NumberColumn(0)
    sessions.forEach((session) => {
      const start = sessions.startOf(session)
      columns.add(sessions.keyOf(session), session, start, sessions.endOf(session), sessions.publishedOf(session))
      sessions.writeStarts(session, columns)
      fired.push(sessions.hasFired(session) ? 1 : 0)
      const serials = sessions.givenOf(session)
      givenCounts.push(serials.length)
      for (let i = 0; i < serials.length; i++) given.push(serials[i]!)
    })
    return {
      serials: this.#serials,
      sessions: columns.write(keys, encodeRows(layout, sessions.arena, columns.rows, sessionHeadCells)),
      fired: fired.toFlags(),
      givenCounts: givenCounts.toCounts(),
      given: given.toFloats(),
    } satisfies EncodedSessions
  }

  #restore(saved: EncodedSessions): void {
    const { layout, allowedLatenessMs, keys, tracksChanges, shares } = this.#options
    const sessions = this.#sessions
    this.#serials = saved.serials
    let nextGiven = 0
    readSessionColumns(saved.sessions, layout, keys, ({ key, start, end, starts, panes }, readInto, index) => {
      const session = sessions.open(key, start, end, Number.NaN)
      sessions.restoreStarts(session, starts)
      readInto(sessions.arena, session)
      const fired = saved.fired[index] !== 0
      sessions.setFired(session, fired)
      const given = saved.given.subarray(nextGiven, nextGiven + saved.givenCounts[index]!)
      nextGiven += given.length
      if (given.length > 0) sessions.setGiven(session, [...given])
      sessions.setPublished(session, panes)
      if (tracksChanges && !fired) this.#changed.add(session)
      if (shares.tracksOpens && !fired) this.#untold.push(session)
      this.#schedule(session, end - 1 + (fired ? allowedLatenessMs : 0))
    })
  }
}

type EncodedSessions = {
  readonly serials: number
  readonly sessions: SessionColumns
  readonly fired: Uint8Array
  /** Of each session, how many shares it has given to the merge, and their serials one behind the other. */
  readonly givenCounts: Uint32Array
  readonly given: Float64Array
}
