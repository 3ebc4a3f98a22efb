// From a record of a stream to the lanes of its shard: user records are taken out of aggregates, gzip is unzipped, and what
// comes out is decoded once for all lanes.
import { FieldScanner } from '../records/field-scanner.ts'
import type { FieldPlan, Fields } from '../records/fields.ts'
import { gunzipRecord, isGzip, maxGunzippedBytes } from '../records/gzip.ts'
import type { DecodeFault } from '../records/json-decoder.ts'
import { isAggregate, splitAggregate } from '../records/kpl.ts'
import type { StreamRecord } from '../records/record.ts'
import type { RejectReason } from './emission.ts'
import type { LaneRows } from './lane-rows.ts'
import { RecordRows, type RowRecords } from './record-rows.ts'

/** What takes records: the lane of a query. */
export interface RecordLane {
  readonly rows: LaneRows
  take(fields: Fields, record: StreamRecord): void
  takeBroken(record: StreamRecord, reason: RejectReason, detail: string): void
}

/** Says whether a record, or a user record of an aggregate, is to be taken; others are passed over. */
export type IsWanted = (record: StreamRecord) => boolean

/** An aggregate can hold thousands of gzips: together they may unzip to so much, lest one record stops the shard for long. */
const maxUnzippedBytes = 8 * maxGunzippedBytes

export class RecordTaker {
  readonly decoder: FieldScanner
  readonly #rows: RecordRows
  /** Records that have a row each by now, and wait for others. */
  readonly #waiting: StreamRecord[] = []
  readonly #waitingRecords: RowRecords = { haveArrivals: true, recordOf: (row) => this.#waiting[row]! }
  /** Per lane, the next row at which something may come out of it. */
  #loud = new Int32Array(16)
  /** How much the record being taken may still unzip to. */
  #unzipLeft = 0

  constructor(plan: FieldPlan) {
    this.decoder = new FieldScanner(plan)
    this.#rows = new RecordRows(this.decoder.fields)
  }

  /** Takes records as `take` does, many at once where they are plain. */
  takeAll(records: readonly StreamRecord[], lanes: readonly RecordLane[], isWanted: IsWanted): void {
    const waiting = this.#waiting
    for (const record of records) {
      const { data } = record
      if (isPacked(data)) {
        this.#takeWaiting(lanes)
        this.take(record, lanes, isWanted)
      } else if (isWanted(record)) {
        if (!this.decoder.addRow(waiting.length, data)) {
          this.#takeWaiting(lanes)
          // There may have been no room for it behind the others.
          if (!this.decoder.addRow(0, data)) {
            this.takeDecoded(this.decoder.decodeAlone(data), record, lanes)
            continue
          }
        }
        waiting.push(record)
      }
    }
    this.#takeWaiting(lanes)
  }

  #takeWaiting(lanes: readonly RecordLane[]): void {
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.takeRows(waiting.length, this.#waitingRecords, lanes)
    waiting.length = 0
  }

  /** Hands the rows that the decoder has just decoded to all lanes: what comes out comes as if they had taken row by row. */
  takeRows(size: number, records: RowRecords, lanes: readonly RecordLane[]): void {
    const rows = this.#rows
    rows.fill(size, records)
    for (let i = 0; i < lanes.length; i++) lanes[i]!.rows.begin(rows)
    if (lanes.length > 1) this.#takeLoudRows(size, lanes)
    for (let i = 0; i < lanes.length; i++) lanes[i]!.rows.takeUpTo(size)
  }

  /** Takes rows up to the last loud one of each lane, so that what comes out of several is in the order of rows, then of lanes. */
  #takeLoudRows(size: number, lanes: readonly RecordLane[]): void {
    if (this.#loud.length < lanes.length) this.#loud = new Int32Array(lanes.length)
    const loud = this.#loud
    for (let i = 0; i < lanes.length; i++) loud[i] = lanes[i]!.rows.loudRow(size)
    for (;;) {
      let next = size
      for (let i = 0; i < lanes.length; i++) if (loud[i]! < next) next = loud[i]!
      if (next === size) return
      for (let i = 0; i < lanes.length; i++) {
        if (loud[i] !== next) continue
        const { rows } = lanes[i]!
        rows.takeUpTo(next + 1)
        loud[i] = rows.loudRow(size)
      }
    }
  }

  take(record: StreamRecord, lanes: readonly RecordLane[], isWanted: IsWanted): void {
    this.#unzipLeft = maxUnzippedBytes
    if (!isAggregate(record.data)) {
      if (isWanted(record)) this.#takeOne(record, lanes)
      return
    }
    const userRecords = splitAggregate(record)
    if (typeof userRecords !== 'string') {
      for (const userRecord of userRecords) if (isWanted(userRecord)) this.#takeOne(userRecord, lanes)
    } else if (isWanted(record)) {
      for (const lane of lanes) lane.takeBroken(record, 'corrupt-aggregation', userRecords)
    }
  }

  /** Takes a record whose data are `bytes[start, end)`, without looking at `record.data` where nothing is packed. */
  takeRange(
    bytes: Buffer,
    start: number,
    end: number,
    record: StreamRecord,
    lanes: readonly RecordLane[],
    isWanted: IsWanted,
  ): void {
    if (end === start || isPacked(bytes, start)) this.take(record, lanes, isWanted)
    else if (isWanted(record)) this.takeDecoded(this.decoder.decode(bytes, start, end, false), record, lanes)
  }

  #takeOne(record: StreamRecord, lanes: readonly RecordLane[]): void {
    if (isGzip(record.data)) this.#takeGzip(record, lanes)
    else this.takeDecoded(this.decoder.decodeAlone(record.data), record, lanes)
  }

  /** Refused records are told as they are in the stream. */
  #takeGzip(record: StreamRecord, lanes: readonly RecordLane[]): void {
    const text = gunzipRecord(record.data, Math.min(maxGunzippedBytes, Math.max(1, this.#unzipLeft)))
    if (text instanceof Uint8Array) {
      this.#unzipLeft -= text.length
      this.takeDecoded(this.decoder.decodeAlone(text), record, lanes)
    } else {
      if (text.reason === 'too-large') this.#unzipLeft -= maxGunzippedBytes
      for (const lane of lanes) lane.takeBroken(record, text.reason, text.detail)
    }
  }

  /** Hands on what the decoder has just decoded. */
  takeDecoded(fault: DecodeFault | undefined, record: StreamRecord, lanes: readonly RecordLane[]): void {
    const { fields } = this.decoder
    for (let i = 0; i < lanes.length; i++) {
      if (fault === undefined) lanes[i]!.take(fields, record)
      else lanes[i]!.takeBroken(record, fault.reason, fault.detail)
    }
  }
}

/** Whether something else may be packed into a record than text: no text begins as a gzip or an aggregate does. */
function isPacked(bytes: Uint8Array, start = 0): boolean {
  return bytes[start] === 0x1f || bytes[start] === 0xf3
}
