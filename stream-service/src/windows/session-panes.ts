// A lane's open sessions. A session fires when the lane's watermark reaches its last millisecond, and with allowed
// lateness stays open for updates after that: a late record may lengthen it, bridge it with a neighbour, or open it again.
import type { JsonValue, Rows } from '../aggregates/aggregator.ts'
import type { RowLayout } from '../aggregates/row-layout.ts'
import type { Fields } from '../records/fields.ts'
import { Calendar } from '../time/calendar.ts'
import { loadInstant, type SavedInstant, saveInstant } from '../time/saved-instant.ts'
import type { KeyMarks, KeyTable, SavedKey } from './key-table.ts'
import { type LanePanes, late, type Placement } from './lane-panes.ts'
import { decodeCells, encodeCells } from './pane-table-codec.ts'
import {
  type PublishedSession,
  restorePublished,
  type SavedPublished,
  type SessionSpan,
  savePublished,
} from './session.ts'
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

  constructor(options: SessionPanesOptions, encoded?: JsonValue) {
    this.#options = options
    this.#sessions = new SessionTable(options.layout)
    this.#due = new Calendar(options.gapMs + options.allowedLatenessMs)
    if (encoded !== undefined) this.#restore(encoded as EncodedSessions)
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
    const { gapMs, layout, allowedLatenessMs, tracksChanges, skipped } = this.#options
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
    } else {
      if (eventTime < sessions.startOf(session)) sessions.openEarlier(session, eventTime, watermark)
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
    return this.#sessions.join(a, b)
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

  markKeys(marks: KeyMarks): void {
    for (const session of this.#sessions.all()) marks.mark(this.#sessions.keyOf(session))
  }

  encode(): JsonValue {
    const { layout, keys } = this.#options
    const sessions = this.#sessions
    const { arena } = sessions
    const encoded: EncodedSession[] = []
    for (const session of sessions.all()) {
      encoded.push({
        key: keys.save(sessions.keyOf(session)),
        start: sessions.startOf(session),
        end: sessions.endOf(session),
        starts: sessions.startsOf(session).map(({ start, knownAt }) => [start, saveInstant(knownAt)]),
        fired: sessions.hasFired(session),
        given: sessions.givenOf(session),
        published: sessions.publishedOf(session).map(savePublished),
        cells: encodeCells(arena.cellsOf(session).subarray(sessionHeadCells)),
        refs: layout.encodeRefs(arena, session),
      })
    }
    return { serials: this.#serials, sessions: encoded } satisfies EncodedSessions
  }

  #restore(saved: EncodedSessions): void {
    const { layout, allowedLatenessMs, keys, tracksChanges } = this.#options
    const sessions = this.#sessions
    const { arena } = sessions
    this.#serials = saved.serials
    for (const { key, start, end, starts, fired, given, published, cells, refs } of saved.sessions) {
      const session = sessions.open(keys.restore(key), start, end, Number.NaN)
      const known = starts.map(([at, knownAt]) => ({ start: at, knownAt: loadInstant(knownAt) }))
      sessions.restoreStarts(session, known)
      arena.cellsOf(session).set(decodeCells(cells), sessionHeadCells)
      layout.decodeRefs(arena, session, refs)
      sessions.setFired(session, fired)
      if (given.length > 0) sessions.setGiven(session, given)
      sessions.setPublished(session, published.map(restorePublished))
      if (tracksChanges && !fired) this.#changed.add(session)
      this.#schedule(session, end - 1 + (fired ? allowedLatenessMs : 0))
    }
  }
}

type EncodedSession = {
  readonly key: SavedKey
  readonly start: number
  readonly end: number
  readonly starts: readonly (readonly [number, SavedInstant])[]
  readonly fired: boolean
  readonly given: readonly number[]
  readonly published: readonly SavedPublished[]
  readonly cells: string
  readonly refs: readonly JsonValue[]
}
type EncodedSessions = { readonly serials: number; readonly sessions: readonly EncodedSession[] }
