// All lanes of one query and their merge. The merged watermark is the minimum over the lanes that are not idle; idle lanes
// follow it, so that what they still hold takes part when a window fires. It never goes back.
import type { SnapshotValue } from '../aggregates/snapshot-value.ts'
import type { CompiledQuery } from '../queries/compiled-query.ts'
import { loadInstant, type SavedInstant, saveInstant } from '../time/saved-instant.ts'
import type { AlignedPanes } from '../windows/aligned-panes.ts'
import type { CountPanes, CountPanesOptions } from '../windows/count-panes.ts'
import type { GroupKey } from '../windows/group-key.ts'
import type { KeyMarks, KeyTable } from '../windows/key-table.ts'
import type { SessionSpan } from '../windows/session.ts'
import type { SessionPanes } from '../windows/session-panes.ts'
import { slicing } from '../windows/slices.ts'
import { AlignedMerge } from './aligned-merge.ts'
import type { RefusedEmission } from './emission.ts'
import type { Emitter } from './emitter.ts'
import { LaneKit, type LaneOutputs } from './lane-kit.ts'
import { type LaneLedger, type QueryLedger, sumLedgers } from './ledger.ts'
import type { Merge, MergeOptions } from './merge.ts'
import { PaneOutput } from './pane-output.ts'
import type { LaneHost, QueryLane, SavedLane } from './query-lane.ts'
import { SessionMerge } from './session-merge.ts'

export interface Emptiness {
  readonly since: number
  readonly until: number
}

export class QueryEngine implements LaneHost {
  readonly query: CompiledQuery
  /** Lanes whose shard has not ended, in order of appearance. */
  readonly lanes = new Map<string, QueryLane>()
  readonly #endedLedgers = new Map<string, LaneLedger>()
  /** The watermarks with which shards ended, for children that hear of it later. */
  readonly #endedAt = new Map<string, number>()
  #watermark = Number.NEGATIVE_INFINITY
  #holder: QueryLane | undefined
  /** Which multiple of `early` the clock was in last. */
  #earlyTurn: number | undefined

  readonly #emitter: Emitter
  readonly #kit: LaneKit
  readonly #output: PaneOutput
  readonly #merge: Merge | undefined
  readonly #outputs: LaneOutputs

  /** `groupKey` may be shared with other queries of the job. */
  constructor(query: CompiledQuery, groupKey: GroupKey, emitter: Emitter, saved?: SavedQuery) {
    this.query = query
    this.#emitter = emitter
    this.#kit = new LaneKit(query, saved?.skipped, groupKey)
    this.#output = new PaneOutput(query, this.#kit.keys, emitter)
    this.#merge = this.#makeMerge(saved?.merge)
    this.#outputs = this.#laneOutputs()
    if (saved === undefined) return
    this.#watermark = loadInstant(saved.watermark)
    for (const [shardId, ledger] of saved.endedLedgers) this.#endedLedgers.set(shardId, { ...ledger })
    for (const [shardId, watermark] of saved.endedAt) this.#endedAt.set(shardId, loadInstant(watermark))
    for (const lane of saved.lanes) this.#restoreLane(lane)
    this.#chooseHolder()
  }

  /** Per aggregate: how many values it had no use for. */
  get skipped(): readonly number[] {
    return this.#kit.skipped
  }

  get watermark(): number {
    return this.#watermark
  }

  get mergeDueAt(): number {
    return this.#merge === undefined ? Number.POSITIVE_INFINITY : this.#merge.nextDueAt
  }

  get holderWatermark(): number {
    return this.#holder === undefined ? Number.NEGATIVE_INFINITY : this.#holder.watermark
  }

  #makeMerge(saved: SnapshotValue | undefined): Merge | undefined {
    const { window, layout, allowedLatenessMs, earlyMs } = this.query
    const { keys, tables } = this.#kit
    const hasEarlyPanes = earlyMs !== undefined
    const options: MergeOptions = { layout, keys, allowedLatenessMs, hasEarlyPanes, output: this.#output }
    switch (window.type) {
      case 'session': {
        const lanes = () => this.#sessionLanes()
        const openSpans = (key: number) => this.#openSpans(key)
        return new SessionMerge({ ...options, lanes, openSpans, soleWatermark: () => this.#soleWatermark() }, saved)
      }
      case 'count':
        return undefined
      default:
        return new AlignedMerge({ ...options, windows: slicing(window).windows, tables }, saved)
    }
  }

  #laneOutputs(): LaneOutputs {
    const refuse = (emission: RefusedEmission) => this.#emitter.refuse(emission)
    const merge = this.#merge
    if (merge instanceof SessionMerge) return { sessions: merge, refuse }
    if (merge instanceof AlignedMerge) return { aligned: merge, refuse }
    return { count: (shardId) => this.#countOutput(shardId), refuse }
  }

  #soleWatermark(): number | undefined {
    if (this.lanes.size !== 1 || this.#holder === undefined) return undefined
    const { status, isFollowing, watermark } = this.#holder
    return status === 'active' && !isFollowing ? watermark : undefined
  }

  *#sessionLanes(): Iterable<SessionPanes> {
    for (const lane of this.lanes.values()) yield lane.panes as SessionPanes
  }

  *#openSpans(key: number): Iterable<SessionSpan> {
    for (const lane of this.#sessionLanes()) yield* lane.openSessions(key)
  }

  #countOutput(shardId: string): CountPanesOptions['publish'] {
    const hasEarlyPanes = this.query.earlyMs !== undefined
    return (key, { n, start, end }, index, isFinal, rows, row) => {
      const timing = isFinal ? 'on-time' : 'early'
      this.#output.window(
        { start, end, timing, final: isFinal, closedByIdle: false, count: { shardId, n } },
        !hasEarlyPanes,
      )
      this.#output.pane(key, index, rows, row)
    }
  }

  /**
   * Adds the lane of a shard. With parents that have not all ended it waits and counts as they do; a child of ended
   * parents goes on from their watermark; a shard known at the start holds the merged watermark until it speaks or is
   * idle; any other begins at the merged watermark, like a lane that comes back from idleness.
   */
  addLane(
    shardId: string,
    options: { readonly parents: readonly string[]; readonly waits: boolean; readonly known: boolean },
  ): QueryLane {
    const inherited = this.#inherited(options.parents)
    const floor = options.known ? Number.NEGATIVE_INFINITY : this.#watermark
    const watermark = inherited === Number.POSITIVE_INFINITY ? floor : Math.max(inherited, this.#watermark)
    const lane = options.waits
      ? this.#newLane(shardId, 'waiting', inherited, false)
      : this.#newLane(shardId, 'active', watermark, watermark > Number.NEGATIVE_INFINITY && watermark !== inherited)
    this.lanes.set(shardId, lane)
    this.#chooseHolder()
    return lane
  }

  #newLane(
    shardId: string,
    status: QueryLane['status'],
    watermark: number,
    isFollowing: boolean,
    saved?: SavedLane,
  ): QueryLane {
    return this.#kit.lane(shardId, { status, watermark, isFollowing }, this, this.#outputs, saved)
  }

  #restoreLane(saved: SavedLane): void {
    // What a lane knew of its idleness is not taken over: after a start it has to be shown again.
    const status = saved.status === 'waiting' ? 'waiting' : 'active'
    this.lanes.set(
      saved.shardId,
      this.#newLane(saved.shardId, status, loadInstant(saved.watermark), saved.isFollowing, saved),
    )
  }

  /** All parents of a waiting lane have ended: it reads from now on, from its parents' watermark. */
  activate(shardId: string): void {
    const lane = this.lanes.get(shardId)!
    lane.status = 'active'
    const inherited = lane.watermark
    lane.watermark = inherited === Number.POSITIVE_INFINITY ? this.#watermark : Math.max(inherited, this.#watermark)
    lane.isFollowing = lane.watermark !== inherited
    this.settle()
  }

  /** A parent became known after the child was: the child goes on from the earlier of the two watermarks. */
  adoptParent(shardId: string, parent: string): void {
    const lane = this.lanes.get(shardId)
    const endedAt = this.#endedAt.get(parent)
    if (lane === undefined || endedAt === undefined || lane.ledger.read > 0) return
    lane.watermark = Math.max(Math.min(lane.watermark, endedAt), this.#watermark)
  }

  /** A lane that has read nothing turns out to have a parent that has not ended: it waits, and counts as its parents do. */
  suspend(shardId: string, parents: Iterable<string>): void {
    const lane = this.lanes.get(shardId)!
    lane.status = 'waiting'
    lane.watermark = this.#inherited(parents)
    this.#chooseHolder()
  }

  /** The lowest watermark with which any of these shards ended; Infinity when none has. */
  #inherited(parents: Iterable<string>): number {
    let lowest = Number.POSITIVE_INFINITY
    for (const parent of parents) lowest = Math.min(lowest, this.#endedAt.get(parent) ?? Number.POSITIVE_INFINITY)
    return lowest
  }

  /** A record, or a read that shows the lane is not caught up, ends its idleness; it goes on from where it followed to. */
  wake(lane: QueryLane): void {
    if (lane.status !== 'idle') return
    // The merged watermark is followed up when something is due; here it shows.
    this.settle()
    lane.status = 'active'
    lane.idleReturns++
    lane.follow(this.#watermark)
    this.#chooseHolder()
  }

  /**
   * Time passes. `emptiness` tells since when and until when reads of a shard came back empty and caught up; lanes for
   * which that lasted for `idleAfter` become idle, in the order in which it happened.
   */
  tick(now: number, emptiness: (shardId: string) => Emptiness | undefined): void {
    const due: { readonly lane: QueryLane; readonly at: number }[] = []
    for (const lane of this.lanes.values()) {
      if (lane.status !== 'active') continue
      const empty = emptiness(lane.shardId)
      if (empty === undefined) continue
      const at = empty.since + this.query.idleAfterMs
      if (at <= empty.until) due.push({ lane, at })
    }
    due.sort((a, b) => a.at - b.at)
    for (let i = 0; i < due.length; i++) {
      const { lane, at } = due[i]!
      lane.status = 'idle'
      lane.idleSince = at
      // Lanes that become idle at the same instant do so together: none of them gets to be the last one awake.
      if (due[i + 1]?.at !== at) this.settle()
    }
    this.#closeIdle(now)
    this.#publishEarly(now)
  }

  /** Early panes come when the clock passes a multiple of `early`. */
  #publishEarly(now: number): void {
    const { earlyMs } = this.query
    if (earlyMs === undefined) return
    const turn = Math.floor(now / earlyMs)
    const isNewTurn = turn > (this.#earlyTurn ?? turn)
    this.#earlyTurn = turn
    if (!isNewTurn) return
    const merge = this.#merge
    if (merge instanceof SessionMerge) merge.publishEarly()
    else if (merge instanceof AlignedMerge)
      merge.publishEarly([...this.lanes.values()].flatMap(({ panes }) => (panes as AlignedPanes).takeUnfired()))
    else for (const { panes } of this.lanes.values()) (panes as CountPanes).publishEarly()
  }

  #closeIdle(now: number): void {
    const { closeAfterMs, outOfOrdernessMs } = this.query
    if (closeAfterMs === undefined) return
    let idleSince = Number.NEGATIVE_INFINITY
    for (const lane of this.lanes.values()) {
      if (lane.status === 'active') return
      if (lane.status === 'idle') idleSince = Math.max(idleSince, lane.idleSince)
    }
    if (Number.isFinite(idleSince) && idleSince + closeAfterMs <= now) this.#raise(now - outOfOrdernessMs, true)
  }

  /** The shard has ended: all its open windows go to the merge, and it no longer holds the watermark back. */
  end(shardId: string, children: readonly string[]): void {
    const lane = this.lanes.get(shardId)!
    lane.panes.flush()
    const endedAt = lane.status === 'idle' ? Math.max(lane.watermark, this.#watermark) : lane.watermark
    this.#endedAt.set(shardId, endedAt)
    this.#endedLedgers.set(shardId, lane.ledger)
    this.lanes.delete(shardId)
    for (const child of children) {
      const waiting = this.lanes.get(child)
      if (waiting?.status === 'waiting') waiting.watermark = Math.min(waiting.watermark, endedAt)
    }
  }

  /** The input is over: every window closes. All lanes must have ended. */
  close(): void {
    this.#raise(Number.POSITIVE_INFINITY, false)
  }

  /** Follows the lanes' watermarks. After `end` to be called once the children are there to hold it. */
  settle(): void {
    this.#chooseHolder()
    if (this.#holder !== undefined) this.#raise(this.#holder.watermark, false)
  }

  /** The holder is the lane with the lowest watermark among those that are not idle; ties go to the first. */
  #chooseHolder(): void {
    let holder: QueryLane | undefined
    for (const lane of this.lanes.values()) {
      if (lane.status === 'idle' || lane.watermark === Number.POSITIVE_INFINITY) continue
      if (holder === undefined || lane.watermark < holder.watermark) holder = lane
    }
    this.#holder = holder
  }

  #raise(watermark: number, closedByIdle: boolean): void {
    if (watermark <= this.#watermark) return
    this.#watermark = watermark
    let complete = true
    for (const lane of this.lanes.values()) {
      if (lane.isFollowing) complete = false
      if (lane.status !== 'idle') continue
      complete = false
      lane.follow(watermark)
    }
    this.#merge?.advance({ watermark, closedByIdle, complete })
  }

  get keys(): KeyTable {
    return this.#kit.keys
  }

  /** Names the keys under which something is kept. */
  markKeys(marks: KeyMarks): void {
    for (const { panes } of this.lanes.values()) panes.markKeys(marks)
    this.#merge?.markKeys(marks)
  }

  ledger(pending: (shardId: string) => number): QueryLedger {
    const lanes: Record<string, LaneLedger> = {}
    for (const [shardId, ledger] of this.#endedLedgers) lanes[shardId] = { ...ledger }
    for (const { shardId, ledger } of this.lanes.values()) {
      const queued = pending(shardId)
      lanes[shardId] = { ...ledger, read: ledger.read + queued, pending: ledger.pending + queued }
    }
    const inOrder = Object.fromEntries(Object.entries(lanes).sort(([a], [b]) => (a < b ? -1 : 1)))
    return { lanes: inOrder, total: sumLedgers(Object.values(lanes)) }
  }

  save(): SavedQuery {
    return {
      fingerprint: this.query.fingerprint,
      watermark: saveInstant(this.#watermark),
      lanes: [...this.lanes.values()].map((lane) => lane.save()),
      endedLedgers: [...this.#endedLedgers],
      endedAt: [...this.#endedAt].map(([shardId, at]) => [shardId, saveInstant(at)]),
      skipped: [...this.skipped],
      merge: this.#merge?.encode() ?? null,
    }
  }
}

export interface SavedQuery {
  readonly fingerprint: string
  readonly watermark: SavedInstant
  readonly lanes: readonly SavedLane[]
  readonly endedLedgers: readonly (readonly [string, LaneLedger])[]
  readonly endedAt: readonly (readonly [string, SavedInstant])[]
  readonly skipped: readonly number[]
  readonly merge: SnapshotValue
}
