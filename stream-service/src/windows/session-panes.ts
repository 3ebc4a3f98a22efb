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
import type { SessionSpan } from './session.ts'
import { SessionTable, sessionHeadCells } from './session-table.ts'

/** A lane's share of a session, as it fired or was revised. */
export interface SessionShare extends SessionSpan {
  readonly shardId: string
  /** Numbers the shares of a lane; `replaces` are the numbers of earlier ones that this one contains. */
  readonly serial: number
  readonly replaces: readonly number[]
  readonly key: number
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

/** What the merge has to know of a lane before it publishes a session: what is still open there. */
export interface OpenSessions {
  openSessions(key: number): Iterable<SessionSpan>
}

export interface SessionPanesOptions {
  readonly shardId: string
  readonly gapMs: number
  readonly layout: RowLayout
  readonly keys: KeyTable
  readonly allowedLatenessMs: number
  readonly shares: SessionShares
  readonly skipped: number[]
}

export class SessionPanes implements LanePanes, OpenSessions {
  readonly #options: SessionPanesOptions
  // In the snapshot.
  readonly #sessions: SessionTable
  #serials = 0
  // Rebuilt on start.
  readonly #due: Calendar

  constructor(options: SessionPanesOptions, encoded?: JsonValue) {
    this.#options = options
    this.#sessions = new SessionTable(options.layout)
    this.#due = new Calendar(options.gapMs + options.allowedLatenessMs)
    if (encoded !== undefined) this.#restore(encoded as EncodedSessions)
  }

  get nextDueAt(): number {
    return this.#due.nextAt
  }

  *openSessions(key: number): Iterable<SessionSpan> {
    const sessions = this.#sessions
    for (let session = sessions.firstOf(key); session >= 0; session = sessions.nextOf(session)) {
      if (!sessions.hasFired(session)) yield sessions.span(session)
    }
  }

  add(key: number, fields: Fields, eventTime: number, watermark: number): Placement {
    const { gapMs, layout, allowedLatenessMs, skipped } = this.#options
    const sessions = this.#sessions
    const ownEnd = eventTime + gapMs
    let session = -1
    for (let candidate = sessions.firstOf(key); candidate >= 0; ) {
      const next = sessions.nextOf(candidate)
      if (sessions.startOf(candidate) <= ownEnd && sessions.endOf(candidate) >= eventTime)
        session = session < 0 ? candidate : sessions.join(session, candidate)
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
    this.#settle(session, watermark)
    return 0
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
    const { shares, shardId } = this.#options
    const sessions = this.#sessions
    const key = sessions.keyOf(session)
    const start = sessions.startOf(session)
    const end = sessions.endOf(session)
    if (shares.putFinal(key, start, end, sessions.arena, session)) return
    const serial = this.#serials++
    const replaces = sessions.givenOf(session)
    sessions.setGiven(session, [serial])
    const share = { shardId, serial, replaces, key, start, end, starts: sessions.startsOf(session) }
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
        cells: encodeCells(arena.cellsOf(session).subarray(sessionHeadCells)),
        refs: layout.encodeRefs(arena, session),
      })
    }
    return { serials: this.#serials, sessions: encoded } satisfies EncodedSessions
  }

  #restore(saved: EncodedSessions): void {
    const { layout, allowedLatenessMs, keys } = this.#options
    const sessions = this.#sessions
    const { arena } = sessions
    this.#serials = saved.serials
    for (const { key, start, end, starts, fired, given, cells, refs } of saved.sessions) {
      const session = sessions.open(keys.restore(key), start, end, Number.NaN)
      const known = starts.map(([at, knownAt]) => ({ start: at, knownAt: loadInstant(knownAt) }))
      sessions.restoreStarts(session, known)
      arena.cellsOf(session).set(decodeCells(cells), sessionHeadCells)
      layout.decodeRefs(arena, session, refs)
      sessions.setFired(session, fired)
      if (given.length > 0) sessions.setGiven(session, given)
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
  readonly cells: string
  readonly refs: readonly JsonValue[]
}
type EncodedSessions = { readonly serials: number; readonly sessions: readonly EncodedSession[] }
