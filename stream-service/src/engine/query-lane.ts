// One query over one shard: judges each record in the order of the design (where, time, future, key, lateness), puts it
// into its windows, then moves the watermark. A watermark is "no more on-time records at or before this":
// greatest event time - outOfOrderness - 1, never going back.
import type { SnapshotValue } from '../aggregates/snapshot-value.ts'
import type { CompiledQuery } from '../queries/compiled-query.ts'
import type { Fields } from '../records/fields.ts'
import type { StreamRecord } from '../records/record.ts'
import { type SavedInstant, saveInstant } from '../time/saved-instant.ts'
import type { GroupKey } from '../windows/group-key.ts'
import { between, type LanePanes, late } from '../windows/lane-panes.ts'
import type { RefusedEmission, RejectReason } from './emission.ts'
import { LaneRows } from './lane-rows.ts'
import { emptyLedger, type LaneLedger } from './ledger.ts'

/**
 * `waiting`: its parents have not ended yet, and it counts as they do. `idle`: shown to be empty and caught up for long
 * enough not to hold the merged watermark back; it follows that watermark instead.
 */
export type LaneStatus = 'waiting' | 'active' | 'idle'

/** What a lane sees of the engine around it. */
export interface LaneHost {
  /** The merged watermark at which the merge has something to do next. */
  readonly mergeDueAt: number
  /** The watermark of the lane that was the lowest when the merge looked last. */
  readonly holderWatermark: number
  /** Looks at all lanes again and lets the merge do what is due. */
  settle(): void
}

export class QueryLane {
  readonly shardId: string
  readonly panes: LanePanes
  readonly ledger: LaneLedger
  status: LaneStatus
  watermark: number
  /** When the lane became idle; only meaningful while it is. */
  idleSince = Number.NaN
  /** How often the lane was declared idle and came back with records: the one case where timing decides. */
  idleReturns: number
  /** The record that moved the watermark last, so that one fast clock can be found. */
  watermarkSetBy: { position: string; eventTime: number } | undefined
  /**
   * The watermark was raised without a record and the lane's own records have not caught up with it: what it counts as
   * late depends on when that happened.
   */
  isFollowing: boolean

  readonly #query: CompiledQuery
  readonly #groupKey: GroupKey
  readonly #refuseWith: (emission: RefusedEmission) => void
  readonly #host: LaneHost
  /** Takes many records at once. */
  readonly rows: LaneRows

  constructor(options: {
    readonly shardId: string
    readonly query: CompiledQuery
    readonly panes: LanePanes
    readonly status: LaneStatus
    readonly watermark: number
    readonly groupKey: GroupKey
    readonly refuse: (emission: RefusedEmission) => void
    readonly isFollowing: boolean
    readonly host: LaneHost
    readonly saved?: SavedLane | undefined
  }) {
    this.shardId = options.shardId
    this.panes = options.panes
    this.status = options.status
    this.watermark = options.watermark
    this.#query = options.query
    this.#groupKey = options.groupKey
    this.#refuseWith = options.refuse
    this.isFollowing = options.isFollowing
    this.#host = options.host
    this.rows = new LaneRows(this, options.query, options.groupKey, options.host)
    this.ledger = options.saved ? { ...options.saved.ledger } : emptyLedger()
    this.idleReturns = options.saved?.idleReturns ?? 0
    this.watermarkSetBy = options.saved?.watermarkSetBy ?? undefined
  }

  /** Takes one decoded record; its values are read during the call only. */
  take(fields: Fields, record: StreamRecord): void {
    const query = this.#query
    const { ledger } = this
    ledger.read++
    const { time, where } = query
    const { arrivedAt } = record
    const eventTime = time.from === 'field' ? time.read(fields, time.slot) : (arrivedAt ?? Number.NaN)
    const isFuture = arrivedAt !== undefined && eventTime > arrivedAt + query.maxAheadMs

    if (where !== undefined && !this.#isWanted(where, fields, record)) {
      if (!Number.isNaN(eventTime) && !isFuture) this.#observe(eventTime, record)
      return
    }
    if (Number.isNaN(eventTime)) {
      this.#reject(record, 'invalid-time', this.#timeFault(fields))
      return
    }
    if (isFuture) {
      this.#rejectFuture(record, eventTime, arrivedAt)
      return
    }
    const key = this.#groupKey.read(fields)
    if (key < 0) {
      this.#reject(record, 'invalid-key', this.#groupKey.fault(fields))
      this.#observe(eventTime, record)
      return
    }
    const placement = this.panes.add(key, fields, eventTime, this.watermark)
    if (placement === 0) ledger.aggregated++
    else this.takeMisplaced(placement, record, eventTime)
    this.#observe(eventTime, record)
  }

  /** Whether the query wants the record; it is accounted for otherwise. A `where` that throws leaves the watermark alone. */
  #isWanted(where: NonNullable<CompiledQuery['where']>, fields: Fields, record: StreamRecord): boolean {
    try {
      if (where.holds(fields)) return true
      this.ledger.filtered++
    } catch (error) {
      // Only a user's own function can throw; what it cannot judge must neither vanish nor stop the shard.
      this.#reject(record, 'where-failed', `the query's where function threw: ${(error as Error).message}`)
    }
    return false
  }

  /** Accounts for a record that was late for some of its windows, or that none of them took. */
  takeMisplaced(placement: number, record: StreamRecord, eventTime: number): void {
    const { ledger } = this
    if (placement > 0) {
      ledger.aggregated++
      ledger.lateWindows += placement
    } else if (placement === between) {
      ledger.filtered++
    } else if (placement === late) {
      ledger.late++
      this.#refuse(
        'late',
        record,
        'late',
        `event time ${eventTime} is late for all its windows: the lane's watermark is ${this.watermark}, allowed lateness ${this.#query.allowedLatenessMs} ms`,
      )
    }
  }

  #rejectFuture(record: StreamRecord, eventTime: number, arrivedAt: number): void {
    this.#reject(
      record,
      'future',
      `event time ${eventTime} is ${eventTime - arrivedAt} ms after arrival; at most ${this.#query.maxAheadMs} ms is accepted (time.maxAhead)`,
    )
  }

  #observe(eventTime: number, record: StreamRecord): void {
    const watermark = eventTime - this.#query.outOfOrdernessMs - 1
    if (watermark > this.watermark) this.advance(watermark, eventTime, record)
    this.settleIfDue()
  }

  /** Follows every record. */
  settleIfDue(): void {
    // Nothing can fire while the lane that holds the merged watermark back has not reached the merge's next deadline.
    const dueAt = this.#host.mergeDueAt
    if (this.watermark >= dueAt && this.#host.holderWatermark >= dueAt) this.#host.settle()
  }

  /** Moves the watermark on, to where a record has brought it. */
  advance(watermark: number, eventTime: number, record: StreamRecord): void {
    this.watermark = watermark
    this.isFollowing = false
    const setBy = this.watermarkSetBy
    if (setBy === undefined) this.watermarkSetBy = { position: record.position, eventTime }
    else {
      setBy.position = record.position
      setBy.eventTime = eventTime
    }
    if (watermark >= this.panes.nextDueAt) this.panes.advance(watermark)
  }

  /** Raises the watermark without a record: an idle lane follows the merged watermark. */
  follow(watermark: number): void {
    if (watermark <= this.watermark) return
    this.watermark = watermark
    this.isFollowing = true
    if (watermark >= this.panes.nextDueAt) this.panes.advance(watermark)
  }

  /** Refuses a record that `take` never saw, because its bytes are no record; counts it as read. */
  takeBroken(record: StreamRecord, reason: RejectReason, detail: string): void {
    this.ledger.read++
    this.#reject(record, reason, detail)
  }

  #reject(record: StreamRecord, reason: RejectReason, detail: string): void {
    this.ledger.rejected++
    this.#refuse('rejected', record, reason, detail)
  }

  #refuse(kind: 'late' | 'rejected', record: StreamRecord, reason: 'late' | RejectReason, detail: string): void {
    const { position, partitionKey, data } = record
    this.#refuseWith({
      kind,
      query: this.#query.name,
      shardId: this.shardId,
      position,
      reason,
      detail,
      partitionKey,
      data,
    })
  }

  #timeFault(fields: Fields): string {
    const { time } = this.#query
    if (time.from === 'arrival') return 'the record has no arrival time'
    const value = fields.value(time.slot)
    if (value === undefined) return `time field '${time.field}' is missing`
    return `time field '${time.field}' is ${shorten(JSON.stringify(value))}, which is no time in unit '${time.unit}'`
  }

  save(): SavedLane {
    const { shardId, status, ledger, idleReturns } = this
    return {
      shardId,
      status,
      watermark: saveInstant(this.watermark),
      isFollowing: this.isFollowing,
      ledger: { ...ledger },
      idleReturns,
      watermarkSetBy: this.watermarkSetBy === undefined ? null : { ...this.watermarkSetBy },
      panes: this.panes.encode(),
    }
  }
}

function shorten(text: string | undefined): string {
  if (text === undefined) return 'undefined'
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

export interface SavedLane {
  readonly shardId: string
  readonly status: LaneStatus
  readonly watermark: SavedInstant
  readonly isFollowing: boolean
  readonly ledger: LaneLedger
  readonly idleReturns: number
  readonly watermarkSetBy: { position: string; eventTime: number } | null
  readonly panes: SnapshotValue
}
