// The merge for sessions. Shares of several lanes that belong together are one session; it is published when the merged
// watermark reaches its last millisecond and no lane still has an open session that joins it. A session that grew after it
// was published gets a new id and names the ids it supersedes.
import type { JsonValue, Rows } from '../aggregates/aggregator.ts'
import { Deadlines } from '../time/deadlines.ts'
import { loadInstant, type SavedInstant, saveInstant } from '../time/saved-instant.ts'
import type { KeyMarks, SavedKey } from '../windows/key-table.ts'
import { decodeCells, encodeCells } from '../windows/pane-table-codec.ts'
import { RowArena } from '../windows/row-arena.ts'
import { joins, type SessionSpan } from '../windows/session.ts'
import type { OpenSessions, SessionShare, SessionShares } from '../windows/session-panes.ts'
import type { Timing } from './emission.ts'
import type { Advance, Merge, MergeOptions } from './merge.ts'

/** A pane that was published. */
interface Published {
  readonly start: number
  readonly end: number
  readonly index: number
  /** Ids that this pane takes the place of; each of its revisions tells them, for those who keep only the highest. */
  readonly supersedes: readonly string[]
}

interface HeldShare extends SessionSpan {
  readonly shardId: string
  readonly serial: number
  readonly row: number
  /** The panes in which this share, or one that it replaced, was published last. */
  panes: readonly Published[]
  /** Not published in this form yet. */
  fresh: boolean
}

export interface SessionMergeOptions extends MergeOptions {
  readonly lanes: () => Iterable<OpenSessions>
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
  readonly #arena: RowArena
  readonly #due = new Deadlines<number>()

  constructor(options: SessionMergeOptions, encoded?: JsonValue) {
    this.#options = options
    this.#arena = new RowArena(options.layout)
    if (encoded !== undefined) this.#restore(encoded as EncodedMerge)
  }

  get nextDueAt(): number {
    return this.#due.nextAt
  }

  putFinal(key: number, start: number, end: number, rows: Rows, row: number): boolean {
    const { allowedLatenessMs, soleWatermark, output } = this.#options
    if (allowedLatenessMs > 0 || this.#held.has(key)) return false
    const watermark = soleWatermark()
    if (watermark === undefined || end - 1 > watermark) return false
    output.window({ start, end, timing: 'on-time', final: true, closedByIdle: false }, true)
    output.pane(key, 0, rows, row)
    return true
  }

  put(share: SessionShare, rows: Rows, row: number): void {
    const { shardId, serial, replaces, key, start, end, starts } = share
    const held = this.#held.get(key) ?? []
    const panes = new Set<Published>()
    const kept = held.filter((other) => {
      if (other.shardId !== shardId || !replaces.includes(other.serial)) return true
      for (const pane of other.panes) panes.add(pane)
      this.#arena.release(other.row)
      return false
    })
    const ownRow = this.#arena.take()
    this.#options.layout.copy(this.#arena, ownRow, rows, row)
    kept.push({ shardId, serial, start, end, starts, row: ownRow, panes: [...panes], fresh: true })
    this.#held.set(key, kept)
    if (end - 1 <= this.#at.watermark) this.#settle(key, 'late')
    else this.#due.add(end - 1, key)
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
    for (const lane of this.#options.lanes()) {
      for (const open of lane.openSessions(key)) {
        if (session.some((share) => joins(share, open, this.#options.allowedLatenessMs))) return true
      }
    }
    return false
  }

  #publish(key: number, session: readonly HeldShare[], end: number, timing: Timing): void {
    const { layout, allowedLatenessMs, output } = this.#options
    const { watermark, closedByIdle, complete } = this.#at
    const start = Math.min(...session.map((share) => share.start))
    const [first, ...rest] = [...session].sort(byShardThenStart)
    const row = this.#arena.take()
    layout.copy(this.#arena, row, this.#arena, first!.row)
    for (const share of rest) layout.merge(this.#arena, row, this.#arena, share.row)

    const before = [...new Set(session.flatMap((share) => share.panes))]
    const same = before.find((pane) => pane.start === start && pane.end === end)
    const replaced = before.filter((old) => old !== same).map((old) => output.windowId(key, old.start, old.end))
    const supersedes = [...new Set([...(same?.supersedes ?? []), ...replaced])]
    const pane = { start, end, index: same === undefined ? 0 : same.index + 1, supersedes }
    const header = {
      start,
      end,
      timing,
      final: end - 1 + allowedLatenessMs <= watermark,
      closedByIdle: closedByIdle && timing === 'on-time',
    }
    output.window(header, allowedLatenessMs === 0 && complete && !closedByIdle)
    output.pane(key, pane.index, this.#arena, row, supersedes)
    this.#arena.release(row)
    for (const share of session) {
      share.panes = [pane]
      share.fresh = false
    }
  }

  markKeys(marks: KeyMarks): void {
    for (const key of this.#held.keys()) marks.mark(key)
  }

  encode(): JsonValue {
    const { layout, keys } = this.#options
    const shares: EncodedShare[] = []
    for (const [key, held] of this.#held) {
      for (const { row, starts, ...share } of held) {
        shares.push({
          ...share,
          key: keys.save(key),
          starts: starts.map(({ start, knownAt }): [number, SavedInstant] => [start, saveInstant(knownAt)]),
          panes: share.panes.map(({ start, end, index, supersedes }): EncodedPane => [start, end, index, supersedes]),
          cells: encodeCells(this.#arena.cellsOf(row)),
          refs: layout.encodeRefs(this.#arena, row),
        })
      }
    }
    const { watermark } = this.#at
    return { watermark: saveInstant(watermark), shares } satisfies EncodedMerge
  }

  #restore({ watermark, shares }: EncodedMerge): void {
    const { layout, allowedLatenessMs, keys } = this.#options
    this.#at = { ...this.#at, watermark: loadInstant(watermark) }
    // Shares that were published together must share one Published again, or the pane would supersede itself.
    const published = new Map<string, Published>()
    for (const { key: savedKey, starts, panes, cells, refs, ...share } of shares) {
      const key = keys.restore(savedKey)
      const row = this.#arena.take()
      this.#arena.cellsOf(row).set(decodeCells(cells))
      layout.decodeRefs(this.#arena, row, refs)
      const held = this.#held.get(key) ?? []
      held.push({
        ...share,
        row,
        starts: starts.map(([start, knownAt]) => ({ start, knownAt: loadInstant(knownAt) })),
        panes: panes.map(([start, end, index, supersedes]) => {
          const id = `${key}/${start}-${end}`
          const known = published.get(id)
          if (known !== undefined && known.index >= index) return known
          const pane = { start, end, index, supersedes }
          published.set(id, pane)
          return pane
        }),
      })
      this.#held.set(key, held)
      const { end } = share
      this.#due.add(end - 1 > this.#at.watermark ? end - 1 : end - 1 + allowedLatenessMs, key)
    }
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

type EncodedPane = readonly [start: number, end: number, index: number, supersedes: readonly string[]]
type EncodedShare = {
  readonly shardId: string
  readonly serial: number
  readonly key: SavedKey
  readonly start: number
  readonly end: number
  readonly starts: readonly (readonly [number, SavedInstant])[]
  readonly panes: readonly EncodedPane[]
  readonly fresh: boolean
  readonly cells: string
  readonly refs: readonly JsonValue[]
}
type EncodedMerge = { readonly watermark: SavedInstant; readonly shares: readonly EncodedShare[] }
