// The records of a `processRecords` line. One line holds a whole read, up to 10,000 records, and is nearly all that the
// daemon says, so it is not given to JSON.parse: the daemon (Jackson) writes each record in one fixed form,
//
//   {"data":"BASE64","partitionKey":"k","sequenceNumber":"4957…","approximateArrivalTimestamp":1,"subSequenceNumber":0,"action":"record"}
//
// which `records-machine.ts` reads as bytes. A line in any other form goes to JSON.parse, whose answer is the same
// (process-records.test.ts compares them).
import type { Position, StreamRecord } from '../../records/record.ts'
import type { RecordBatch } from '../shard-source.ts'
import { type PackedRecords, packRecords } from './records-machine.ts'

/** A `processRecords` message as JSON.parse gives it. Java writes its nulls. */
export interface ProcessRecordsMessage {
  readonly action: 'processRecords'
  readonly records: readonly RecordMessage[]
  readonly millisBehindLatest: number | null
}

export interface RecordMessage {
  readonly data: string | null
  readonly partitionKey: string | null
  readonly sequenceNumber: string
  readonly approximateArrivalTimestamp: number | null
  readonly subSequenceNumber: number | null
}

const begin = Buffer.from('{"action":"processRecords","records":[')

/** Whether a line begins as a `processRecords` message does. */
export function isProcessRecords(line: readonly Uint8Array[]): boolean {
  const first = line[0]!
  return first.length > begin.length && begin.equals(first.subarray(0, begin.length))
}

/** The batch in a line, given in the pieces in which it came; undefined when it is not of the daemon's usual form. */
export function readProcessRecords(line: readonly Uint8Array[]): RecordBatch | undefined {
  const packed = packRecords(line)
  if (packed === undefined) return undefined
  return { records: unpack(packed), millisBehindLatest: packed.millisBehindLatest }
}

/** The same from a line that was parsed. */
export function batchOf(message: ProcessRecordsMessage): RecordBatch {
  const records: Array<StreamRecord & { position: Position }> = []
  let sequenceBefore = ''
  for (const { sequenceNumber, subSequenceNumber, ...record } of message.records) {
    const sub = subSequenceNumber ?? 0
    records.push({
      position: sub === 0 ? sequenceNumber : `${sequenceNumber}:${sub}`,
      partitionKey: record.partitionKey ?? '',
      arrivedAt: record.approximateArrivalTimestamp ?? undefined,
      data: Buffer.from(record.data ?? '', 'base64'),
    })
    if (sub > 0 && sequenceNumber === sequenceBefore) nameFirst(records, records.length - 2, sequenceNumber)
    sequenceBefore = sequenceNumber
  }
  return { records, millisBehindLatest: message.millisBehindLatest ?? 0 }
}

function unpack({ count, bytes, ends, arrivals }: PackedRecords): StreamRecord[] {
  const records = new Array<PackedRecord>(count)
  let sequenceBefore = ''
  let start = 0
  for (let i = 0; i < count; i++) {
    const dataEnd = ends[6 * i]!
    const keyEnd = ends[6 * i + 1]!
    const sequenceEnd = ends[6 * i + 2]!
    const sub = ends[6 * i + 3]!
    // As `toString` would, without its look at the name of the encoding for each record.
    const sequenceNumber = (bytes as LatinSlices).latin1Slice(keyEnd, sequenceEnd)
    const position = sub === 0 ? sequenceNumber : `${sequenceNumber}:${sub}`
    records[i] = new PackedRecord(position, bytes, start, dataEnd, keyEnd, arrivals[3 * i + 2]!)
    if (sub > 0 && sequenceNumber === sequenceBefore) nameFirst(records, i - 1, sequenceNumber)
    sequenceBefore = sequenceNumber
    start = sequenceEnd
  }
  return records
}

/** What every Buffer of Node can do, and its types do not tell. */
interface LatinSlices extends Buffer {
  latin1Slice(start: number, end: number): string
}

/**
 * The daemon has split aggregates of the KPL already: their user records share a sequence number and count from 0. A plain
 * record has 0 as well, so a 0 is part of a position only when another user record of the same sequence number follows. (An
 * aggregate of one looks like a plain record: nothing is lost.)
 */
function nameFirst(records: Array<{ position: Position }>, index: number, sequenceNumber: string): void {
  const record = records[index]!
  if (record.position === sequenceNumber) record.position = `${sequenceNumber}:0`
}

class PackedRecord implements StreamRecord {
  position: Position
  readonly arrivedAt: number | undefined
  readonly data: Uint8Array
  readonly #bytes: Buffer
  readonly #keyStart: number
  readonly #keyEnd: number

  constructor(
    position: Position,
    bytes: Buffer,
    dataStart: number,
    keyStart: number,
    keyEnd: number,
    arrivedAt: number,
  ) {
    this.position = position
    this.data = new Uint8Array(bytes.buffer, dataStart, keyStart - dataStart)
    this.arrivedAt = Number.isNaN(arrivedAt) ? undefined : arrivedAt
    this.#bytes = bytes
    this.#keyStart = keyStart
    this.#keyEnd = keyEnd
  }

  /** Seldom does anybody ask for it, so it stays bytes until then. */
  get partitionKey(): string {
    return this.#bytes.toString('utf8', this.#keyStart, this.#keyEnd)
  }
}
