// How a lane takes many records at once: nothing else happens than if it had taken them one by one. As long as no row can make
// anything come out of the lane, rows go into their windows together, and the watermark is moved once. Any other row is
// *loud*; what comes out at it comes at its turn among those of the other queries.
//
//   rows    . . . . . L . . . . . . . L L . . .        quiet stretches, and loud rows
import type { CompiledQuery } from '../queries/compiled-query.ts'
import type { GroupKey } from '../windows/group-key.ts'
import type { LaneHost, QueryLane } from './query-lane.ts'
import type { QueryColumns, RecordRows } from './record-rows.ts'

/** Looking for a loud row costs about as much as to take so many rows one by one. */
const shortStretch = 8

export class LaneRows {
  readonly #lane: QueryLane
  readonly #query: CompiledQuery
  readonly #groupKey: GroupKey
  readonly #host: LaneHost
  #rows: RecordRows | undefined
  #columns: QueryColumns | undefined
  /** The next row, and the next of the rows that the query has picked. */
  #row = 0
  #pick = 0
  /** No row before this one is loud, of those that are not taken. */
  #loud = 0

  constructor(lane: QueryLane, query: CompiledQuery, groupKey: GroupKey, host: LaneHost) {
    this.#lane = lane
    this.#query = query
    this.#groupKey = groupKey
    this.#host = host
  }

  /** Begins with these rows; `takeUpTo` has to follow until all are taken. */
  begin(rows: RecordRows): void {
    this.#rows = rows
    this.#columns = rows.columnsOf(this.#query, this.#groupKey)
    this.#row = 0
    this.#pick = 0
    this.#loud = 0
  }

  /** The first row that is not taken and may make something come out of the lane; at most `to`. */
  loudRow(to: number): number {
    if (this.#loud < to) this.#loud = this.#findLoud(to)
    return Math.min(this.#loud, to)
  }

  #findLoud(to: number): number {
    const { panes } = this.#lane
    if (panes.isOnTime === undefined) return this.#row
    const { times, keys } = this.#columns!
    let loud = this.#firstReaching(this.#quietBelow(), to)
    if (times.hasFaults || keys.hasFaults) loud = this.#firstFault(loud)
    if (loud === this.#row) return loud
    const watermark = this.#watermarkBefore(loud)
    if (!panes.isOnTime(times.earliest, watermark)) {
      for (let row = this.#row; row < loud; row++) if (!panes.isOnTime(times.values[row]!, watermark)) return row
    }
    return loud
  }

  /** Nothing comes due in the lane or in its merge while the lane's watermark is below. */
  #quietBelow(): number {
    const { panes, watermark } = this.#lane
    const { mergeDueAt, holderWatermark } = this.#host
    // What the merge has waits for a lane that stays where it is.
    const waits = mergeDueAt <= watermark && holderWatermark < mergeDueAt
    return waits ? panes.nextDueAt : Math.min(panes.nextDueAt, mergeDueAt)
  }

  #firstReaching(watermark: number, to: number): number {
    const row = this.#row
    if (this.#lane.watermark >= watermark) return row
    const { latest } = this.#columns!.times
    const { outOfOrdernessMs } = this.#query
    if (!(latest[to - 1]! - outOfOrdernessMs - 1 >= watermark)) return to
    let low = row
    let high = to - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (latest[middle]! - outOfOrdernessMs - 1 >= watermark) high = middle
      else low = middle + 1
    }
    return low
  }

  #firstFault(to: number): number {
    const { times, keys } = this.#columns!
    for (let row = this.#row; row < to; row++) {
      if (Number.isNaN(times.values[row]!) || keys.numbers[row] === -1) return row
    }
    return to
  }

  #watermarkBefore(row: number): number {
    const { watermark } = this.#lane
    if (row === 0) return watermark
    return Math.max(watermark, this.#columns!.times.latest[row - 1]! - this.#query.outOfOrdernessMs - 1)
  }

  /** Takes the rows before `to`, loud ones and others. */
  takeUpTo(to: number): void {
    while (this.#row < to) {
      const loud = this.loudRow(to)
      if (loud - this.#row >= shortStretch || loud === to) this.#takeQuiet(loud)
      else this.#takeEach(Math.min(to, loud + 1))
    }
  }

  /** Takes rows of which none is loud. */
  #takeQuiet(to: number): void {
    const lane = this.#lane
    const { ledger, panes } = lane
    const { times, picked } = this.#columns!
    const count = to - this.#row
    const firstPick = this.#pick
    const lastPick = this.#pickBefore(to, count)
    let aggregated = lastPick - firstPick
    if (aggregated > 0) {
      if (panes.addRows === undefined) this.#addEach(lastPick)
      else {
        const { fields } = this.#rows!
        const batch = { fields, keys: this.#columns!.keys.numbers, times: times.values, rows: picked.rows }
        aggregated -= panes.addRows(batch, firstPick, lastPick, lane.watermark)
      }
    }
    ledger.read += count
    ledger.aggregated += aggregated
    ledger.filtered += count - aggregated
    this.#pick = lastPick
    this.#row = to
    const latest = times.latest[to - 1]!
    const watermark = latest - this.#query.outOfOrdernessMs - 1
    if (watermark > lane.watermark)
      lane.advance(watermark, latest, this.#rows!.records.recordOf(times.leaders[to - 1]!))
  }

  #pickBefore(to: number, count: number): number {
    const { picked } = this.#columns!
    if (picked.size === this.#rows!.size) return this.#pick + count
    let pick = this.#pick
    while (pick < picked.size && picked.rows[pick]! < to) pick++
    return pick
  }

  /** Puts picked rows into windows for which it matters where the watermark is at each of them. */
  #addEach(lastPick: number): void {
    const { fields } = this.#rows!
    const { panes } = this.#lane
    const { times, picked, keys } = this.#columns!
    for (let pick = this.#pick; pick < lastPick; pick++) {
      const row = picked.rows[pick]!
      fields.moveTo(row)
      panes.add(keys.numbers[row]!, fields, times.values[row]!, this.#watermarkBefore(row))
    }
  }

  /** Takes rows one by one. */
  #takeEach(to: number): void {
    const lane = this.#lane
    const { ledger, panes } = lane
    const { fields, records } = this.#rows!
    const { times, picked, keys } = this.#columns!
    const { outOfOrdernessMs } = this.#query
    this.#loud = to
    for (; this.#row < to; this.#row++) {
      const row = this.#row
      const isPicked = this.#pick < picked.size && picked.rows[this.#pick] === row
      const eventTime = times.values[row]!
      if (isPicked) this.#pick++
      fields.moveTo(row)
      if (Number.isNaN(eventTime) || (isPicked && keys.numbers[row]! < 0)) {
        lane.take(fields, records.recordOf(row))
        continue
      }
      ledger.read++
      if (!isPicked) ledger.filtered++
      else {
        const placement = panes.add(keys.numbers[row]!, fields, eventTime, lane.watermark)
        if (placement === 0) ledger.aggregated++
        else lane.takeMisplaced(placement, records.recordOf(row), eventTime)
      }
      const watermark = eventTime - outOfOrdernessMs - 1
      if (watermark > lane.watermark) lane.advance(watermark, eventTime, records.recordOf(row))
      lane.settleIfDue()
    }
  }
}
