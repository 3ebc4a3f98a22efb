// Everything about one shard: a lane per query, apart from the merges, which may be in another process. Records go in;
// what comes out are messages to the merges and records that were refused. Pure, and self-contained: with the saved state of
// a shard any task can go on with it.
//
// What a shard's lanes give is a function of its records, but for three things that depend on the clock or on other lanes:
// that a lane became idle, what watermark it took over when records came again, and early panes. After each of them the state
// has to be saved before what follows may be seen by anybody: `epoch` counts them.
import { comparePositions, type Position, type StreamRecord } from '../records/record.ts'
import { loadInstant, saveInstant } from '../time/saved-instant.ts'
import type { AlignedPanes } from '../windows/aligned-panes.ts'
import type { CountPanes } from '../windows/count-panes.ts'
import type { SessionPanes } from '../windows/session-panes.ts'
import type { RefusedEmission } from './emission.ts'
import type { LaneKit, LaneState } from './lane-kit.ts'
import type { LaneKits } from './lane-kits.ts'
import type { LaneLedger } from './ledger.ts'
import type { LaneMessage, OpenSpans, ShardFamily } from './partials.ts'
import { PartialsRecorder } from './partials-recorder.ts'
import { QueryChangedError } from './query-changed.ts'
import type { LaneHost, QueryLane, SavedLane } from './query-lane.ts'

/** Where a lane begins that has no saved state. */
export interface LaneStart {
  readonly watermark: number
  /** Whether time may have gone on without the lane, so that it has to ask where it is before it takes records. */
  readonly isIdle: boolean
}

export interface ShardLanesOptions {
  readonly shardId: string
  readonly kits: LaneKits
  readonly saved?: SavedShardLanes | undefined
  /** For queries of which nothing is saved. */
  readonly start: (query: string) => LaneStart
}

export type ByQuery<Value> = ReadonlyMap<string, Value>

export class ShardLanes {
  readonly shardId: string
  /** Counts what did not follow from the shard's records alone. */
  epoch = 0
  #position: Position | undefined
  /** After a start: records up to here are in the state already. */
  #skipUpTo: Position | undefined
  /** Since when reads have come back empty and caught up. */
  #emptySince: number | undefined
  #earlyTurns = new Map<string, number>()
  readonly #kits: LaneKits
  readonly #lanes: readonly LaneOfQuery[]
  readonly #queryLanes: readonly QueryLane[]
  #refused: RefusedEmission[] = []

  constructor({ shardId, kits, saved, start }: ShardLanesOptions) {
    this.shardId = shardId
    this.#kits = kits
    this.#position = saved?.position ?? undefined
    this.#skipUpTo = this.#position
    const refuse = (emission: RefusedEmission) => {
      // A copy: the record's bytes may be a part of a whole batch.
      this.#refused.push({ ...emission, data: new Uint8Array(emission.data) })
    }
    this.#lanes = kits.all.map((kit) => {
      const { name, fingerprint } = kit.query
      const own = saved?.queries[name]
      if (own !== undefined && own.fingerprint !== fingerprint) throw new QueryChangedError(name)
      return new LaneOfQuery({ shardId, kit, kits, refuse, saved: own, start: () => start(name) })
    })
    this.#queryLanes = this.#lanes.map(({ lane }) => lane)
    kits.join(this)
  }

  /** The last record taken. */
  get position(): Position | undefined {
    return this.#position
  }

  get hasIdleLanes(): boolean {
    return this.#lanes.some(({ lane }) => lane.status === 'idle')
  }

  /**
   * Records have come while lanes are idle. Time must not go on without those any more, but where it is only the merges know:
   * they are told, and when they have saved that they were (see `waking`), `wake` gives the lanes what they answered.
   */
  beginWaking(): void {
    for (const own of this.#lanes) if (own.beginWaking()) this.epoch++
  }

  /** By query, the number of the unit, per partition, before which the merge has to be told of all. */
  get waking(): ByQuery<readonly number[]> {
    return new Map(this.#lanes.flatMap(({ name, wakesAt }) => (wakesAt === undefined ? [] : [[name, wakesAt]])))
  }

  /** Takes records in order; those up to the saved position are passed over. No lane may be idle. */
  accept(records: readonly StreamRecord[]): void {
    this.#emptySince = undefined
    let last: StreamRecord | undefined
    const isWanted = (record: StreamRecord) => {
      if (!this.#isNew(record)) return false
      last = record
      return true
    }
    this.#kits.taker.takeAll(records, this.#queryLanes, isWanted)
    if (last !== undefined) this.#position = last.position
  }

  #isNew(record: StreamRecord): boolean {
    if (this.#skipUpTo === undefined) return true
    if (comparePositions(record.position, this.#skipUpTo) <= 0) return false
    this.#skipUpTo = undefined
    return true
  }

  /** A read came back empty, and was or was not caught up. Lanes for which that lasts become idle. */
  acceptEmpty(isCaughtUp: boolean, now: number): void {
    if (!isCaughtUp) {
      this.#emptySince = undefined
      return
    }
    this.#emptySince ??= now
    for (const own of this.#lanes) {
      const { lane, kit } = own
      if (lane.status === 'idle' || this.#emptySince + kit.query.idleAfterMs > now) continue
      own.becomeIdle(this.#emptySince + kit.query.idleAfterMs)
      this.epoch++
    }
  }

  /** Lanes that were waking go on, none of them below its query's merged watermark. */
  wake(watermarks: ByQuery<number>): void {
    for (const own of this.#lanes) {
      const watermark = watermarks.get(own.name)
      if (own.wakesAt === undefined || watermark === undefined) continue
      own.wake(watermark)
      this.epoch++
    }
  }

  /** Time passes: for early panes, what has changed is given as it is, when the clock passes a multiple of `early`. */
  tick(now: number): void {
    for (const own of this.#lanes) {
      const { earlyMs } = own.kit.query
      if (earlyMs === undefined || own.lane.status === 'idle') continue
      const turn = Math.floor(now / earlyMs)
      const isNew = turn > (this.#earlyTurns.get(own.name) ?? turn)
      this.#earlyTurns.set(own.name, turn)
      if (isNew && own.giveChanged()) this.epoch++
    }
  }

  /** The shard has no more records. */
  end(children: readonly ShardFamily[]): void {
    for (const own of this.#lanes) own.end(children)
  }

  /** What the merges have to be told since the last call. */
  takeMessages(): LaneMessage[] {
    const messages: LaneMessage[] = []
    let isByTheClock = false
    for (const own of this.#lanes) {
      const from = messages.length
      own.takeMessages(messages)
      // Early panes come between its units when the clock wants them, and not where they came before a crash.
      if (own.kit.query.earlyMs !== undefined) isByTheClock ||= messages.slice(from).some(({ runs }) => runs.length > 0)
    }
    if (isByTheClock) this.epoch++
    return messages
  }

  /** Records that were refused since the last call. */
  takeRefused(): RefusedEmission[] {
    if (this.#refused.length === 0) return this.#refused
    const refused = this.#refused
    this.#refused = []
    return refused
  }

  /** The books, by query. */
  ledgers(): ByQuery<LaneLedger> {
    return new Map(this.#lanes.map(({ name, lane }) => [name, lane.ledger]))
  }

  /** The lanes themselves, by query, to look at. */
  get lanes(): ByQuery<QueryLane> {
    return new Map(this.#lanes.map(({ name, lane }) => [name, lane]))
  }

  /** The shard goes away; its keys are nobody's any more. */
  leave(): void {
    this.#kits.leave(this)
  }

  save(): SavedShardLanes {
    return {
      position: this.#position ?? null,
      queries: Object.fromEntries(this.#lanes.map((own) => [own.name, own.save()])),
    }
  }
}

export type SavedShardLanes = {
  readonly position: Position | null
  readonly queries: { readonly [query: string]: SavedLaneOfQuery }
}

type SavedLaneOfQuery = {
  readonly fingerprint: string
  readonly lane: SavedLane
  /** The number of the next unit, by partition. */
  readonly next: readonly number[]
  readonly isWaking: boolean
}

/** A lane and what it gives. */
class LaneOfQuery implements LaneHost {
  // Nothing fires here but the lane's own windows.
  readonly mergeDueAt = Number.POSITIVE_INFINITY
  readonly holderWatermark = Number.NEGATIVE_INFINITY
  readonly name: string
  readonly kit: LaneKit
  readonly lane: QueryLane
  readonly #shardId: string
  readonly #recorder: PartialsRecorder
  readonly #next: number[]
  #isWaking: boolean
  /** The watermark that the merges were told last, and whether it was the lane's own. */
  #told = Number.NaN
  #toldFollowing = false

  constructor({
    shardId,
    kit,
    kits,
    refuse,
    saved,
    start,
  }: {
    readonly shardId: string
    readonly kit: LaneKit
    readonly kits: LaneKits
    readonly refuse: (emission: RefusedEmission) => void
    readonly saved: SavedLaneOfQuery | undefined
    readonly start: () => LaneStart
  }) {
    const { query, keys, tables } = kit
    const { layout, allowedLatenessMs } = query
    const { partitions } = kits
    const recorder = new PartialsRecorder({ layout, keys, tables, allowedLatenessMs, partitions })
    this.name = query.name
    this.kit = kit
    this.#shardId = shardId
    this.#recorder = recorder
    this.#next = saved === undefined ? new Array<number>(partitions.count).fill(0) : [...saved.next]
    const to = { aligned: recorder, sessions: recorder.sessions, count: () => recorder.count, refuse }
    this.#isWaking = saved?.isWaking ?? false
    this.lane = kit.lane(shardId, saved === undefined ? begun(start()) : restored(saved.lane), this, to, saved?.lane)
    // Where time is by now only the merges know: until they are asked, they need not wait for it.
    if (saved === undefined && this.lane.status === 'idle') recorder.mark({ kind: 'idle', units: 1, at: 0 })
  }

  /** Where the merges have to be, by partition, for this lane to go on; undefined when it is not waking. */
  get wakesAt(): readonly number[] | undefined {
    return this.#isWaking ? [...this.#next] : undefined
  }

  beginWaking(): boolean {
    if (this.lane.status !== 'idle' || this.#isWaking) return false
    this.#isWaking = true
    this.#recorder.mark({ kind: 'active', units: 1 })
    return true
  }

  settle(): void {}

  becomeIdle(at: number): void {
    const { lane } = this
    // Time goes on without the lane now: all it holds has to be there when windows fire.
    this.#giveUnfired()
    lane.status = 'idle'
    lane.idleSince = at
    this.#recorder.mark({ kind: 'idle', units: 1, at })
  }

  #giveUnfired(): void {
    const { panes } = this.lane
    switch (this.kit.query.window.type) {
      case 'session':
        ;(panes as SessionPanes).giveUnfired(false)
        return
      case 'count':
        return
      default:
        for (const { end, table } of (panes as AlignedPanes).unfiredShares()) this.#recorder.putRows(end, table)
    }
  }

  wake(watermark: number): void {
    const { lane } = this
    this.#isWaking = false
    lane.status = 'active'
    lane.idleReturns++
    // The merge has had all of it since the lane became idle.
    this.#recorder.isMuted = true
    lane.follow(watermark)
    this.#recorder.isMuted = false
  }

  /** Gives what has changed in windows that have not fired; answers whether anything had. */
  giveChanged(): boolean {
    const { panes } = this.lane
    switch (this.kit.query.window.type) {
      case 'session': {
        const sessions = panes as SessionPanes
        sessions.giveUnfired(true)
        sessions.forgetChanges()
        return true
      }
      case 'count':
        ;(panes as CountPanes).publishEarly()
        return true
      default: {
        const unfired = (panes as AlignedPanes).takeUnfired().filter(({ changed }) => changed.size > 0)
        for (const { end, table, changed } of unfired) this.#recorder.putRows(end, table, changed)
        return unfired.length > 0
      }
    }
  }

  end(children: readonly ShardFamily[]): void {
    // What an idle lane holds has been given already.
    this.#recorder.isMuted = this.lane.status === 'idle' && this.kit.query.window.type !== 'count'
    this.lane.panes.flush()
    this.#recorder.isMuted = false
    this.#recorder.mark({ kind: 'end', units: 1, children })
  }

  takeMessages(messages: LaneMessage[]): void {
    const { watermark, isFollowing } = this.lane
    const opens = this.#opens()
    const hasMoved = watermark !== this.#told || isFollowing !== this.#toldFollowing
    for (const [partition, runs] of this.#recorder.take().entries()) {
      const open = opens[partition]
      if (runs.length === 0 && open === undefined && !hasMoved) continue
      const first = this.#next[partition]!
      const message: LaneMessage = {
        lane: this.#shardId,
        query: this.name,
        partition,
        first,
        runs,
        ...(open === undefined ? {} : { opens: open }),
        watermark: saveInstant(watermark),
        isFollowing,
      }
      let next = first
      for (const { units } of runs) next += units
      this.#next[partition] = next
      messages.push(message)
    }
    this.#told = watermark
    this.#toldFollowing = isFollowing
  }

  /** Open sessions the merges have to know of, by partition. */
  #opens(): readonly (OpenSpans | undefined)[] {
    // What an idle lane holds has been given; told to be open after a start, it would be so for ever, since the lane gives nothing
    // of what fires while it catches up.
    if (this.kit.query.window.type !== 'session' || this.lane.status === 'idle') return none
    const panes = this.lane.panes as SessionPanes
    const told = panes.takeOpens(this.lane.watermark)
    if (told.length === 0) return none
    const { keys } = this.kit
    const byPartition: number[][] = this.#next.map(() => [])
    for (const session of told) byPartition[this.#recorder.partitionOf(panes.keyOf(session))]!.push(session)
    return byPartition.map((sessions): OpenSpans | undefined => {
      if (sessions.length === 0) return undefined
      const starts = sessions.map((session) => panes.startsOf(session))
      return {
        keys: keys.pack(sessions.map((session) => panes.keyOf(session))),
        counts: Uint32Array.from(starts, ({ length }) => length),
        starts: Float64Array.from(starts.flat().flatMap(({ start, knownAt }) => [start, knownAt])),
      }
    })
  }

  save(): SavedLaneOfQuery {
    return {
      fingerprint: this.kit.query.fingerprint,
      lane: this.lane.save(),
      next: [...this.#next],
      isWaking: this.#isWaking,
    }
  }
}

function begun({ watermark, isIdle }: LaneStart): LaneState {
  return { status: isIdle ? 'idle' : 'active', watermark, isFollowing: false }
}

function restored({ status, watermark, isFollowing }: SavedLane): LaneState {
  return { status: status === 'idle' ? 'idle' : 'active', watermark: loadInstant(watermark), isFollowing }
}

const none: readonly undefined[] = []
