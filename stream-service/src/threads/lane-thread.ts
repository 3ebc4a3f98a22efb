// A thread that reads the lanes of some shards: records come in, and what the lanes give their merges goes out. It has no state
// but those lanes, which the job sends it and calls back.
import { parentPort, workerData } from 'node:worker_threads'
import { LaneRecorder, type LaneReport } from '../engine/lane-events.ts'
import { LaneKit } from '../engine/lane-kit.ts'
import type { LaneHost, QueryLane, SavedLane } from '../engine/query-lane.ts'
import { RecordTaker } from '../engine/record-taker.ts'
import { compileQuery } from '../queries/compile.ts'
import { FieldPlan } from '../records/fields.ts'
import type { Position, StreamRecord } from '../records/record.ts'
import { loadInstant } from '../time/saved-instant.ts'
import type { ByQuery, LaneReply, LaneRequest, LaneThreadData } from './messages.ts'
import { type PackedBatch, PackedRecord } from './packed-batch.ts'

/** A lane without its merge: after each record it is noted where its watermark is. */
class AwayLane implements LaneHost {
  readonly mergeDueAt = Number.NEGATIVE_INFINITY
  readonly holderWatermark = Number.NEGATIVE_INFINITY
  readonly lane: QueryLane
  readonly #kit: LaneKit
  readonly #recorder: LaneRecorder

  constructor(kit: LaneKit, saved: SavedLane) {
    const { query, keys, tables } = kit
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
    this.#recorder.settledAt = this.lane.watermark
  }

  report(): LaneReport {
    const { watermark, isFollowing, watermarkSetBy, ledger } = this.lane
    const skipped = [...this.#kit.skipped]
    this.#kit.skipped.fill(0)
    return { events: this.#recorder.take(), watermark, isFollowing, watermarkSetBy, ledger: { ...ledger }, skipped }
  }
}

class LaneThread {
  readonly #kits: readonly (LaneKit | undefined)[]
  readonly #taker: RecordTaker
  readonly #shards = new Map<string, ByQuery<AwayLane>>()

  constructor({ queries }: LaneThreadData) {
    const plan = new FieldPlan()
    this.#kits = queries.map((query) => query && new LaneKit(compileQuery(query, plan)))
    this.#taker = new RecordTaker(plan)
  }

  answer(request: LaneRequest): LaneReply {
    const { id, shardId, kind } = request
    if (kind === 'take') {
      if (request.lanes !== undefined) this.#adopt(shardId, request.lanes)
      return { id, kind: 'taken', ...this.#take(shardId, request.batch) }
    }
    const lanes = this.#shards.get(shardId)!.map((away) => away?.lane.save())
    if (kind === 'recall') this.#shards.delete(shardId)
    return { id, kind: 'saved', lanes }
  }

  #adopt(shardId: string, saved: ByQuery<SavedLane>): void {
    this.#shards.set(
      shardId,
      saved.map((lane, i) => lane && new AwayLane(this.#kits[i]!, lane)),
    )
  }

  #take(shardId: string, batch: PackedBatch): { reports: ByQuery<LaneReport>; position: Position | undefined } {
    const away = this.#shards.get(shardId)!
    const lanes = away.filter((each) => each !== undefined).map(({ lane }) => lane)
    const record = new PackedRecord(batch)
    let position: Position | undefined
    const isWanted = (each: StreamRecord) => {
      position = isLast ? each.position : position
      return true
    }
    let isLast = false
    for (let index = 0; index < record.count; index++) {
      record.moveTo(index)
      isLast = index === record.count - 1
      this.#taker.takeRange(record.bytes, record.start, record.end, record, lanes, isWanted)
    }
    const reports = away.map((each) => each?.report())
    this.#sweepKeys()
    return { reports, position }
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

const thread = new LaneThread(workerData as LaneThreadData)
parentPort!.on('message', (request: LaneRequest) => {
  const reply = thread.answer(request)
  parentPort!.postMessage(reply, transfers(reply))
})

/** The cells and keys of what was given away are handed over; nobody needs them here any more. */
function transfers(reply: LaneReply): ArrayBuffer[] {
  if (reply.kind !== 'taken') return []
  const list: ArrayBuffer[] = []
  for (const report of reply.reports) {
    for (const event of report?.events ?? []) {
      if (event.kind === 'put') list.push(event.rows.cells.buffer as ArrayBuffer)
    }
  }
  return list
}
