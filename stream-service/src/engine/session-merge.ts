// The merge for sessions. Shares of several lanes that belong together are one session; it is published when the merged
// watermark reaches its last millisecond and no lane still has an open session that joins it. A session that grew after it
// was published gets a new id and names the ids it supersedes.
import type { Rows } from '../aggregates/aggregator.ts'
import type { SnapshotValue } from '../aggregates/snapshot-value.ts'
import { Deadlines } from '../time/deadlines.ts'
import { loadInstant, type SavedInstant, saveInstant } from '../time/saved-instant.ts'
import type { KeyMarks } from '../windows/key-table.ts'
import { NumberColumn } from '../windows/number-column.ts'
import { encodeRows } from '../windows/pane-table-codec.ts'
import { RowArena } from '../windows/row-arena.ts'
import { joins, type PublishedSession, type SessionSpan } from '../windows/session.ts'
import { readSessionColumns, type SessionColumns, SessionColumnWriter } from '../windows/session-columns.ts'
import type { OpenSessions, OpenShare, SessionShare, SessionShares } from '../windows/session-panes.ts'
import { sessionHeadCells } from '../windows/session-table.ts'
import type { Timing } from './emission.ts'
import type { Advance, Merge, MergeOptions } from './merge.ts'

interface HeldShare extends SessionSpan {
  readonly shardId: string
  readonly serial: number
  readonly row: number
  /** The panes in which this share, or one that it replaced, was published last. */
  panes: readonly PublishedSession[]
  /** Not published in this form yet. */
  fresh: boolean
  /** Not even in an early pane. */
  untold: boolean
}

/** A share that a lane still holds, for an early pane. */
interface UnfiredShare extends HeldShare {
  readonly publish: (pane: PublishedSession) => void
}

export interface SessionMergeOptions extends MergeOptions {
  /** The lanes whose open sessions early panes are made of. */
  readonly lanes: () => Iterable<OpenSessions>
  /** What is open under a key in any lane. */
  readonly openSpans: (key: number) => Iterable<SessionSpan>
  /**
   * The watermark of the only lane there is, if it reads and its own records have brought it there; undefined otherwise. The
   * merged watermark is about to be the same.
   */
  readonly soleWatermark: () => number | undefined
}

export class SessionMerge implements Merge, SessionShares {
  readonly #options: SessionMergeOptions
  // In the snapshot.
  readonly #held = new Map<number, HeldShare[]>()
  #at: Advance = { watermark: Number.NEGATIVE_INFINITY, closedByIdle: false, complete: true }
  // Rebuilt on start.
  /** Keys with shares that are in no early pane. */
  readonly #changed = new Set<number>()
  readonly #arena: RowArena
  readonly #due = new Deadlines<number>()

  constructor(options: SessionMergeOptions, encoded?: SnapshotValue) {
    this.#options = options
    this.#arena = new RowArena(options.layout)
    if (encoded !== undefined) this.#restore(encoded as unknown as EncodedMerge)
  }

  get nextDueAt(): number {
    return this.#due.nextAt
  }

  putFinal(key: number, start: number, end: number, rows: Rows, row: number): boolean {
    const { allowedLatenessMs, hasEarlyPanes, soleWatermark, output } = this.#options
    if (allowedLatenessMs > 0 || hasEarlyPanes || (this.#held.size > 0 && this.#held.has(key))) return false
    const watermark = soleWatermark()
    if (watermark === undefined || end - 1 > watermark) return false
    output.window({ start, end, timing: 'on-time', final: true, closedByIdle: false }, true)
    output.pane(key, 0, rows, row)
    return true
  }

  put(share: SessionShare, rows: Rows, row: number): void {
    const { shardId, serial, replaces, key, start, end, starts, published } = share
    const held = this.#held.get(key) ?? []
    const panes = [...published]
    const kept = held.filter((other) => {
      if (other.shardId !== shardId || !replaces.includes(other.serial)) return true
      panes.push(...other.panes)
      this.#arena.release(other.row)
      return false
    })
    const ownRow = this.#arena.take()
    this.#options.layout.copy(this.#arena, ownRow, rows, row)
    kept.push({ shardId, serial, start, end, starts, row: ownRow, panes, fresh: true, untold: true })
    this.#held.set(key, kept)
    if (end - 1 <= this.#at.watermark) this.#settle(key, 'late')
    else {
      this.#due.add(end - 1, key)
      if (this.#options.hasEarlyPanes) this.#changed.add(key)
    }
  }

  advance(to: Advance): void {
    this.#at = to
    for (let key = this.#due.take(to.watermark); key !== undefined; key = this.#due.take(to.watermark)) {
      this.#settle(key, 'on-time')
    }
  }

  /** Publishes what is complete of one key, forgets what is past its allowed lateness, and keeps the rest. */
  #settle(key: number, timing: Timing): void {
    const held = this.#held.get(key)
    if (held === undefined) return
    const { allowedLatenessMs } = this.#options
    const { watermark } = this.#at
    const kept: HeldShare[] = []
    for (const session of this.#sessionsOf(held)) {
      const end = Math.max(...session.map((share) => share.end))
      const isFresh = session.some((share) => share.fresh)
      // A lane's open session that joins will come with a share of its own, and that share comes back here. It may also
      // join a session that was published already, which is kept for it.
      const waits = end - 1 > watermark || this.#isOpenInALane(key, session)
      if (!waits && isFresh) this.#publish(key, session, end, timing)
      const settlesAt = end - 1 + allowedLatenessMs
      if (!waits && settlesAt <= watermark) {
        for (const share of session) this.#arena.release(share.row)
        continue
      }
      if (!waits) this.#due.add(settlesAt, key)
      kept.push(...session)
    }
    if (kept.length > 0) this.#held.set(key, kept)
    else this.#held.delete(key)
  }

  /**
   * Publishes an early pane for every session that is not complete and has changed since the last ones: from what lanes have
   * given, and from what they hold themselves.
   */
  publishEarly(): void {
    const lanes = [...this.#options.lanes()]
    const keys = new Set(this.#changed)
    for (const lane of lanes) for (const key of lane.changedKeys()) keys.add(key)
    for (const key of keys) {
      const open = lanes.flatMap((lane) => [...lane.openSessions(key)].map((share) => this.#unfired(share)))
      for (const session of this.#sessionsOf([...(this.#held.get(key) ?? []), ...open])) {
        const end = Math.max(...session.map((share) => share.end))
        const isComplete = end - 1 <= this.#at.watermark && !session.some(isOpen)
        if (!isComplete && session.some(({ untold }) => untold)) this.#publish(key, session, end, 'early')
      }
      for (const { row } of open) this.#arena.release(row)
    }
    this.#changed.clear()
    for (const lane of lanes) lane.forgetChanges()
  }

  #unfired({ shardId, start, end, starts, rows, row, hasChanged, published, publish }: OpenShare): UnfiredShare {
    const own = this.#arena.take()
    this.#options.layout.copy(this.#arena, own, rows, row)
    const serial = Number.POSITIVE_INFINITY
    const panes = published
    return { shardId, serial, start, end, starts, row: own, panes, fresh: true, untold: hasChanged, publish }
  }

  /** The shares grouped into sessions: connected by `joins`, in order of their starts. */
  #sessionsOf(held: readonly HeldShare[]): HeldShare[][] {
    if (held.length === 1) return [[held[0]!]]
    const sessions: HeldShare[][] = []
    for (const share of [...held].sort(byStartThenShard)) {
      const joined = sessions.filter((session) =>
        session.some((other) => joins(share, other, this.#options.allowedLatenessMs)),
      )
      if (joined.length === 0) {
        sessions.push([share])
        continue
      }
      const [home, ...others] = joined
      home!.push(share)
      for (const other of others) {
        home!.push(...other)
        sessions.splice(sessions.indexOf(other), 1)
      }
    }
    return sessions
  }

  #isOpenInALane(key: number, session: readonly HeldShare[]): boolean {
    for (const open of this.#options.openSpans(key)) {
      if (session.some((share) => joins(share, open, this.#options.allowedLatenessMs))) return true
    }
    return false
  }

  #publish(key: number, session: readonly HeldShare[], end: number, timing: Timing): void {
    const { layout, allowedLatenessMs, hasEarlyPanes, output } = this.#options
    const { watermark, closedByIdle, complete } = this.#at
    const start = Math.min(...session.map((share) => share.start))
    const [first, ...rest] = [...session].sort(byShardThenStart)
    const row = this.#arena.take()
    layout.copy(this.#arena, row, this.#arena, first!.row)
    for (const share of rest) layout.merge(this.#arena, row, this.#arena, share.row)

    let index = 0
    const supersedes = new Set<string>()
    for (const pane of session.flatMap(({ panes }) => panes)) {
      if (pane.start === start && pane.end === end) {
        index = Math.max(index, pane.index + 1)
        for (const id of pane.supersedes) supersedes.add(id)
      } else supersedes.add(output.windowId(key, pane.start, pane.end))
    }
    const pane = { start, end, index, supersedes: [...supersedes] }
    const header = {
      start,
      end,
      timing,
      final: end - 1 + allowedLatenessMs <= watermark,
      closedByIdle: closedByIdle && timing === 'on-time',
    }
    output.window(header, allowedLatenessMs === 0 && !hasEarlyPanes && complete && !closedByIdle)
    output.pane(key, index, this.#arena, row, pane.supersedes)
    this.#arena.release(row)
    for (const share of session) {
      share.panes = [pane]
      share.untold = false
      if (timing !== 'early') share.fresh = false
      if (isOpen(share)) share.publish(pane)
    }
  }

  markKeys(marks: KeyMarks): void {
    for (const key of this.#held.keys()) marks.mark(key)
  }

  encode(): SnapshotValue {
    const { layout, keys } = this.#options
    const columns = new SessionColumnWriter(this.#arena.inUse)
    const shardIds = new Map<string, number>()
    const shards = new NumberColumn(this.#arena.inUse)
    const serials = new NumberColumn(this.#arena.inUse)
    const fresh = new NumberColumn(this.#arena.inUse)
    for (const [key, held] of this.#held) {
      for (const share of held) {
        columns.add(key, share.row, share.start, share.end, share.panes)
        for (const { start, knownAt } of share.starts) columns.addStart(start, knownAt)
        if (!shardIds.has(share.shardId)) shardIds.set(share.shardId, shardIds.size)
        shards.push(shardIds.get(share.shardId)!)
        serials.push(share.serial)
        fresh.push(share.fresh ? 1 : 0)
      }
    }
    return {
      watermark: saveInstant(this.#at.watermark),
      shares: columns.write(keys, encodeRows(layout, this.#arena, columns.rows, sessionHeadCells)),
      shardIds: [...shardIds.keys()],
      shards: shards.toCounts(),
      serials: serials.toFloats(),
      fresh: fresh.toFlags(),
    } satisfies EncodedMerge
  }

  #restore({ watermark, shares, shardIds, shards, serials, fresh }: EncodedMerge): void {
    const { layout, allowedLatenessMs, keys } = this.#options
    this.#at = { ...this.#at, watermark: loadInstant(watermark) }
    readSessionColumns(shares, layout, keys, ({ key, ...session }, readInto, index) => {
      const row = this.#arena.take()
      readInto(this.#arena, row)
      const held = this.#held.get(key) ?? []
      held.push({
        ...session,
        shardId: shardIds[shards[index]!]!,
        serial: serials[index]!,
        row,
        fresh: fresh[index] !== 0,
        untold: true,
      })
      this.#held.set(key, held)
      this.#changed.add(key)
      const { end } = session
      this.#due.add(end - 1 > this.#at.watermark ? end - 1 : end - 1 + allowedLatenessMs, key)
    })
  }
}

function byStartThenShard(a: HeldShare, b: HeldShare): number {
  return a.start - b.start || compareText(a.shardId, b.shardId) || a.serial - b.serial
}

function byShardThenStart(a: HeldShare, b: HeldShare): number {
  return compareText(a.shardId, b.shardId) || a.start - b.start || a.serial - b.serial
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function isOpen(share: HeldShare): share is UnfiredShare {
  return 'publish' in share
}

type EncodedMerge = {
  readonly watermark: SavedInstant
  readonly shares: SessionColumns
  /** Of each share: which of `shardIds` it comes from, its serial, and whether it was not published in this form yet. */
  readonly shardIds: readonly string[]
  readonly shards: Uint32Array
  readonly serials: Float64Array
  readonly fresh: Uint8Array
}
