// A lane's open sessions. A session fires when the lane's watermark reaches its last millisecond, and with allowed
// lateness stays open for updates after that: a late record may lengthen it, bridge it with a neighbour, or open it again.
import type { JsonValue, Rows } from '../aggregates/aggregator.ts'
import type { RowLayout } from '../aggregates/row-layout.ts'
import { Deadlines } from '../time/deadlines.ts'
import { loadInstant, type SavedInstant, saveInstant } from '../time/saved-instant.ts'
import { type MapKey, wellFormedKey } from './group-key.ts'
import { type LanePanes, late, type Placement } from './lane-panes.ts'
import { decodeCells, encodeCells } from './pane-table-codec.ts'
import { RowArena } from './row-arena.ts'
import { joinStarts, type KnownStart, type SessionSpan } from './session.ts'

/** A lane's share of a session, as it fired or was revised. */
export interface SessionShare extends SessionSpan {
  readonly shardId: string
  /** Numbers the shares of a lane; `replaces` are the numbers of earlier ones that this one contains. */
  readonly serial: number
  readonly replaces: readonly number[]
  readonly key: MapKey
}

export interface SessionShares {
  /** Takes a share; `rows` belong to the lane and change after the call. */
  put(share: SessionShare, rows: Rows, row: number): void
}

/** What the merge has to know of a lane before it publishes a session: what is still open there. */
export interface OpenSessions {
  openSessions(key: MapKey): Iterable<SessionSpan>
}

interface LaneSession extends SessionSpan {
  readonly key: MapKey
  start: number
  end: number
  starts: KnownStart[]
  row: number
  fired: boolean
  /** Serials of the shares given to the merge that this session contains. */
  given: number[]
  /** The instant of its one valid entry among the deadlines; NaN once it was merged into another or forgotten. */
  scheduledAt: number
}

export interface SessionPanesOptions {
  readonly shardId: string
  readonly gapMs: number
  readonly layout: RowLayout
  readonly allowedLatenessMs: number
  readonly shares: SessionShares
  readonly skipped: number[]
}

export class SessionPanes implements LanePanes, OpenSessions {
  readonly #options: SessionPanesOptions
  // In the snapshot.
  readonly #sessions = new Map<MapKey, LaneSession[]>()
  #serials = 0
  // Rebuilt on start.
  readonly #arena: RowArena
  readonly #due = new Deadlines<LaneSession>()

  constructor(options: SessionPanesOptions, encoded?: JsonValue) {
    this.#options = options
    this.#arena = new RowArena(options.layout)
    if (encoded !== undefined) this.#restore(encoded as EncodedSessions)
  }

  get nextDueAt(): number {
    return this.#due.nextAt
  }

  *openSessions(key: MapKey): Iterable<SessionSpan> {
    for (const session of this.#sessions.get(key) ?? []) if (!session.fired) yield session
  }

  add(rawKey: MapKey, values: readonly unknown[], record: unknown, eventTime: number, watermark: number): Placement {
    const { gapMs, layout, allowedLatenessMs, skipped } = this.#options
    const ownEnd = eventTime + gapMs
    let key = rawKey
    let ofKey = this.#sessions.get(key)
    if (ofKey === undefined) {
      key = wellFormedKey(rawKey)
      if (key !== rawKey) ofKey = this.#sessions.get(key)
    }
    let session: LaneSession | undefined
    if (ofKey !== undefined) {
      for (const candidate of ofKey) {
        if (candidate.start > ownEnd || candidate.end < eventTime) continue
        session = session === undefined ? candidate : this.#join(session, candidate)
      }
      if (session !== undefined && ofKey.length > 1) this.#forgetJoined(key, ofKey)
    }
    if (session === undefined) {
      // What a lane still holds is open for updates, so only a session of its own can be late.
      if (ownEnd - 1 + allowedLatenessMs <= watermark) return late
      session = {
        key,
        start: eventTime,
        end: ownEnd,
        starts: [{ start: eventTime, knownAt: watermark }],
        row: this.#arena.take(),
        fired: false,
        given: [],
        scheduledAt: Number.NaN,
      }
      const siblings = this.#sessions.get(key)
      if (siblings === undefined) this.#sessions.set(key, [session])
      else siblings.push(session)
    } else {
      if (eventTime < session.start) {
        session.start = eventTime
        session.starts = joinStarts([...session.starts, { start: eventTime, knownAt: watermark }])
      }
      if (ownEnd > session.end) session.end = ownEnd
    }
    layout.add(this.#arena, session.row, values, record, eventTime, skipped)
    this.#settle(session, watermark)
    return 0
  }

  /** The two as one, in the earlier one's place; the other is marked as gone. */
  #join(a: LaneSession, b: LaneSession): LaneSession {
    const [session, other] = a.start <= b.start ? [a, b] : [b, a]
    this.#options.layout.merge(this.#arena, session.row, this.#arena, other.row)
    this.#arena.release(other.row)
    session.end = Math.max(session.end, other.end)
    session.starts = joinStarts([...session.starts, ...other.starts])
    session.given = [...session.given, ...other.given]
    session.fired = session.fired && other.fired
    other.scheduledAt = Number.NaN
    other.row = -1
    return session
  }

  #forgetJoined(key: MapKey, ofKey: LaneSession[]): void {
    if (ofKey.some(({ row }) => row < 0)) {
      this.#sessions.set(
        key,
        ofKey.filter(({ row }) => row >= 0),
      )
    }
  }

  /** After a change: gives the new revision away when the session's end has passed, and keeps its deadline right. */
  #settle(session: LaneSession, watermark: number): void {
    session.fired = session.end - 1 <= watermark
    if (session.fired) this.#give(session)
    const dueAt = session.end - 1 + (session.fired ? this.#options.allowedLatenessMs : 0)
    // An earlier entry finds out by itself that the session has grown.
    if (!(session.scheduledAt <= dueAt)) this.#schedule(session, dueAt)
  }

  #schedule(session: LaneSession, at: number): void {
    session.scheduledAt = at
    this.#due.add(at, session)
  }

  #give(session: LaneSession): void {
    const { shares, shardId } = this.#options
    const { key, start, end, starts } = session
    const serial = this.#serials++
    const replaces = session.given
    session.given = [serial]
    shares.put({ shardId, serial, replaces, key, start, end, starts }, this.#arena, session.row)
  }

  advance(watermark: number): void {
    const { allowedLatenessMs } = this.#options
    for (let session = this.#due.take(watermark); session !== undefined; session = this.#due.take(watermark)) {
      if (session.scheduledAt !== this.#due.takenAt) continue
      if (!session.fired && session.end - 1 <= watermark) {
        session.fired = true
        this.#give(session)
      }
      const dueAt = session.end - 1 + (session.fired ? allowedLatenessMs : 0)
      if (dueAt > watermark) this.#schedule(session, dueAt)
      else this.#forget(session)
    }
  }

  #forget(session: LaneSession): void {
    session.scheduledAt = Number.NaN
    this.#arena.release(session.row)
    const siblings = this.#sessions.get(session.key)!
    if (siblings.length === 1) this.#sessions.delete(session.key)
    else siblings.splice(siblings.indexOf(session), 1)
  }

  flush(): void {
    this.advance(Number.POSITIVE_INFINITY)
  }

  encode(): JsonValue {
    const { layout } = this.#options
    const sessions: EncodedSession[] = []
    for (const ofKey of this.#sessions.values()) {
      for (const { key, start, end, starts, row, fired, given } of ofKey) {
        sessions.push({
          key,
          start,
          end,
          starts: starts.map((known): [number, SavedInstant] => [known.start, saveInstant(known.knownAt)]),
          fired,
          given,
          cells: encodeCells(this.#arena.cells.subarray(row * layout.cellStride, (row + 1) * layout.cellStride)),
          refs: layout.encodeRefs(this.#arena, row),
        })
      }
    }
    return { serials: this.#serials, sessions } satisfies EncodedSessions
  }

  #restore({ serials, sessions }: EncodedSessions): void {
    const { layout, allowedLatenessMs } = this.#options
    this.#serials = serials
    for (const { key, start, end, starts, fired, given, cells, refs } of sessions) {
      const row = this.#arena.take()
      this.#arena.cells.set(decodeCells(cells), row * layout.cellStride)
      layout.decodeRefs(this.#arena, row, refs)
      const session: LaneSession = {
        key,
        start,
        end,
        starts: starts.map(([known, knownAt]) => ({ start: known, knownAt: loadInstant(knownAt) })),
        row,
        fired,
        given: [...given],
        scheduledAt: Number.NaN,
      }
      const siblings = this.#sessions.get(key)
      if (siblings === undefined) this.#sessions.set(key, [session])
      else siblings.push(session)
      this.#schedule(session, end - 1 + (fired ? allowedLatenessMs : 0))
    }
  }
}

type EncodedSession = {
  readonly key: MapKey
  readonly start: number
  readonly end: number
  readonly starts: readonly (readonly [number, SavedInstant])[]
  readonly fired: boolean
  readonly given: readonly number[]
  readonly cells: string
  readonly refs: readonly JsonValue[]
}
type EncodedSessions = { readonly serials: number; readonly sessions: readonly EncodedSession[] }
