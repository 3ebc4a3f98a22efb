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
  const positions = new Positions()
  for (const { sequenceNumber, subSequenceNumber } of message.records) {
    positions.add(sequenceNumber, subSequenceNumber ?? 0)
  }
  return {
    records: message.records.map((record, i) => ({
      position: positions.all[i]!,
      partitionKey: record.partitionKey ?? '',
      arrivedAt: record.approximateArrivalTimestamp ?? undefined,
      data: Buffer.from(record.data ?? '', 'base64'),
    })),
    millisBehindLatest: message.millisBehindLatest ?? 0,
  }
}

function unpack({ count, bytes, ends, arrivals }: PackedRecords): StreamRecord[] {
  const positions = new Positions()
  const records = new Array<PackedRecord>(count)
  let start = 0
  for (let i = 0; i < count; i++) {
    const dataEnd = ends[6 * i]!
    const keyEnd = ends[6 * i + 1]!
    const sequenceEnd = ends[6 * i + 2]!
    positions.add(bytes.toString('latin1', keyEnd, sequenceEnd), ends[6 * i + 3]!)
    records[i] = new PackedRecord(bytes, start, dataEnd, keyEnd, arrivals[3 * i + 2]!)
    start = sequenceEnd
  }
  for (let i = 0; i < count; i++) records[i]!.position = positions.all[i]!
  return records
}

class PackedRecord implements StreamRecord {
  position: Position = ''
  readonly arrivedAt: number | undefined
  readonly data: Uint8Array
  readonly #bytes: Buffer
  readonly #keyStart: number
  readonly #keyEnd: number

  constructor(bytes: Buffer, dataStart: number, keyStart: number, keyEnd: number, arrivedAt: number) {
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

/**
 * Positions from sequence numbers and sub-sequence numbers. The daemon has split aggregates of the KPL already: their user
 * records share a sequence number and count from 0. A plain record has 0 as well, so a 0 is part of a position only when
 * another user record of the same sequence number follows. (An aggregate of one looks like a plain record: nothing is lost.)
 */
class Positions {
  readonly all: Position[] = []
  #last = ''

  add(sequenceNumber: string, sub: number): void {
    if (sub === 0) {
      this.all.push(sequenceNumber)
    } else {
      const before = this.all.length - 1
      if (this.#last === sequenceNumber && this.all[before] === sequenceNumber) this.all[before] = `${sequenceNumber}:0`
      this.all.push(`${sequenceNumber}:${sub}`)
    }
    this.#last = sequenceNumber
  }
}
