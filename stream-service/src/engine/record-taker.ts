// From a record of a stream to the lanes of its shard: user records are taken out of aggregates, gzip is unzipped, and what
// comes out is decoded once for all lanes.
import { FieldScanner } from '../records/field-scanner.ts'
import type { FieldPlan, Fields } from '../records/fields.ts'
import { gunzipRecord, isGzip, maxGunzippedBytes } from '../records/gzip.ts'
import type { DecodeFault } from '../records/json-decoder.ts'
import { isAggregate, splitAggregate } from '../records/kpl.ts'
import type { StreamRecord } from '../records/record.ts'
import type { RejectReason } from './emission.ts'

/** What takes records: the lane of a query. */
export interface RecordLane {
  take(fields: Fields, record: StreamRecord): void
  takeBroken(record: StreamRecord, reason: RejectReason, detail: string): void
}

/** Says whether a record, or a user record of an aggregate, is to be taken; others are passed over. */
export type IsWanted = (record: StreamRecord) => boolean

/** An aggregate can hold thousands of gzips: together they may unzip to so much, lest one record stops the shard for long. */
const maxUnzippedBytes = 8 * maxGunzippedBytes

export class RecordTaker {
  readonly decoder: FieldScanner
  /** How much the record being taken may still unzip to. */
  #unzipLeft = 0

  constructor(plan: FieldPlan) {
    this.decoder = new FieldScanner(plan)
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
    // No text begins as a gzip or an aggregate does.
    const first = bytes[start]
    if (end === start || first === 0x1f || first === 0xf3) this.take(record, lanes, isWanted)
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
