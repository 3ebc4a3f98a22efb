// The lanes of some shards, read apart from their merges: records come in, and what the lanes give their merges goes out as
// data. There is no state but those lanes, which the job sends and calls back.
import { LaneRecorder, type LaneReport } from '../engine/lane-events.ts'
import { LaneKit } from '../engine/lane-kit.ts'
import type { LaneHost, QueryLane, SavedLane } from '../engine/query-lane.ts'
import { RecordTaker } from '../engine/record-taker.ts'
import { compileQuery } from '../queries/compile.ts'
import { FieldPlan } from '../records/fields.ts'
import type { Position, StreamRecord } from '../records/record.ts'
import { loadInstant } from '../time/saved-instant.ts'
import { type AlignedWindows, alignedWindows, nextDeadline } from '../windows/aligned.ts'
import type { ByQuery, LaneThreadData } from './messages.ts'
import { type PackedBatch, PackedRecord } from './packed-batch.ts'

/** What became of some records: by query what its lane did, and the position of the last of them. */
export interface Taken {
  readonly reports: ByQuery<LaneReport>
  readonly position: Position | undefined
}

/** A lane without its merge: after each record it is noted where its watermark is. */
class AwayLane implements LaneHost {
  readonly mergeDueAt = Number.NEGATIVE_INFINITY
  readonly holderWatermark = Number.NEGATIVE_INFINITY
  readonly lane: QueryLane
  readonly #kit: LaneKit
  readonly #recorder: LaneRecorder
  /** Undefined where it does not show in the panes by which record the merged watermark passed their deadlines. */
  readonly #windows: AlignedWindows | undefined
  #nextDeadline = Number.NEGATIVE_INFINITY

  constructor(kit: LaneKit, saved: SavedLane) {
    const { query, keys, tables } = kit
    const { window, allowedLatenessMs } = query
    const isAligned = window.type !== 'session' && window.type !== 'count'
    if (isAligned && allowedLatenessMs > 0) this.#windows = alignedWindows(window)
    const recorder = new LaneRecorder(query.layout, keys, tables, query.allowedLatenessMs)
    const to = { aligned: recorder, count: () => recorder.count, refuse: recorder.refuse.bind(recorder) }
    const watermark = loadInstant(saved.watermark)
    const state = { status: 'active', watermark, isFollowing: saved.isFollowing } as const
    this.#kit = kit
    this.#recorder = recorder
    recorder.settledAt = watermark
    this.lane = kit.lane(saved.shardId, state, this, to, saved)
  }

  settle(): void {
    const { watermark } = this.lane
    this.#recorder.settledAt = watermark
    if (this.#windows === undefined || watermark < this.#nextDeadline) return
    this.#recorder.reach()
    this.#nextDeadline = nextDeadline(this.#windows, watermark, this.#kit.query.allowedLatenessMs)
  }

  report(): LaneReport {
    const { watermark, isFollowing, watermarkSetBy, ledger } = this.lane
    const skipped = [...this.#kit.skipped]
    this.#kit.skipped.fill(0)
    return { events: this.#recorder.take(), watermark, isFollowing, watermarkSetBy, ledger: { ...ledger }, skipped }
  }
}

export class LaneGroup {
  readonly #kits: readonly (LaneKit | undefined)[]
  readonly #taker: RecordTaker
  readonly #shards = new Map<string, ByQuery<AwayLane>>()

  constructor({ queries }: LaneThreadData) {
    const plan = new FieldPlan()
    this.#kits = queries.map((query) => query && new LaneKit(compileQuery(query, plan)))
    this.#taker = new RecordTaker(plan)
  }

  /** Takes a shard's lanes over from this state. */
  adopt(shardId: string, saved: ByQuery<SavedLane>): void {
    this.#shards.set(
      shardId,
      saved.map((lane, i) => lane && new AwayLane(this.#kits[i]!, lane)),
    )
  }

  save(shardId: string): ByQuery<SavedLane> {
    return this.#shards.get(shardId)!.map((away) => away?.lane.save())
  }

  forget(shardId: string): void {
    this.#shards.delete(shardId)
  }

  take(shardId: string, records: readonly StreamRecord[]): Taken {
    return this.#taken(shardId, (lanes, isWanted) => {
      for (const record of records) this.#taker.take(record, lanes, isWanted)
    })
  }

  takePacked(shardId: string, batch: PackedBatch): Taken {
    return this.#taken(shardId, (lanes, isWanted) => {
      const record = new PackedRecord(batch)
      for (let index = 0; index < record.count; index++) {
        record.moveTo(index)
        this.#taker.takeRange(record.bytes, record.start, record.end, record, lanes, isWanted)
      }
    })
  }

  #taken(
    shardId: string,
    take: (lanes: readonly QueryLane[], isWanted: (record: StreamRecord) => true) => void,
  ): Taken {
    const away = this.#shards.get(shardId)!
    const lanes = away.filter((each) => each !== undefined).map(({ lane }) => lane)
    let last: StreamRecord | undefined
    take(lanes, (record) => {
      last = record
      return true
    })
    const reports = away.map((each) => each?.report())
    this.#sweepKeys()
    return { reports, position: last?.position }
  }

  #sweepKeys(): void {
    for (const [i, kit] of this.#kits.entries()) {
      if (!kit?.keys.isSweepDue) continue
      kit.keys.sweep((marks) => {
        for (const lanes of this.#shards.values()) lanes[i]?.lane.panes.markKeys(marks)
      })
    }
  }
}
