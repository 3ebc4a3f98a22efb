// Replays an NDJSON file through a job: one lane, called `input`, whose positions are line numbers. A file has no arrival
// times, so no record can be from the future.
import type { Emission } from '../engine/emission.ts'
import type { FileLane, Job } from '../engine/job.ts'
import type { RowRecords } from '../engine/record-rows.ts'
import type { Position, StreamRecord } from '../records/record.ts'
import { readBlocks } from './input-file.ts'
import { LineCutter, maxLineBytes, withoutCarriageReturn } from './lines.ts'

const fileShardId = 'input'

/** A record of a file; one object serves all lines. */
class LineRecord implements StreamRecord {
  readonly partitionKey = ''
  readonly arrivedAt = undefined
  bytes: Buffer = Buffer.alloc(0)
  start = 0
  end = 0
  lineNumber = 0

  set(bytes: Buffer, start: number, end: number, lineNumber: number): void {
    this.bytes = bytes
    this.start = start
    this.end = end
    this.lineNumber = lineNumber
  }

  get position(): Position {
    return String(this.lineNumber)
  }

  get data(): Uint8Array {
    return this.bytes.subarray(this.start, this.end)
  }
}

/** The records of lines that were read together. */
class LinesRead implements RowRecords {
  readonly haveArrivals = false
  readonly #lane: FileLane
  readonly #record = new LineRecord()
  #bytes: Buffer = Buffer.alloc(0)
  #start = 0
  #lineNumber = 0

  constructor(lane: FileLane) {
    this.#lane = lane
  }

  /** The first of them begins at `start`. */
  set(bytes: Buffer, start: number, lineNumber: number): void {
    this.#bytes = bytes
    this.#start = start
    this.#lineNumber = lineNumber
  }

  recordOf(row: number): StreamRecord {
    const bytes = this.#bytes
    const start = row === 0 ? this.#start : this.#lane.lineFeedAt(row - 1) + 1
    const end = withoutCarriageReturn(bytes, start, this.#lane.lineFeedAt(row))
    this.#record.set(bytes, start, end, this.#lineNumber + row)
    return this.#record
  }
}

/**
 * Feeds all lines of `path` ('-' is standard input) to `job`; see `replayBlocks`.
 * @throws InputError when the input cannot be read.
 */
export function replayFile(
  path: string,
  job: Job,
  onEmissions: (emissions: readonly Emission[]) => Promise<void> | void,
): Promise<number> {
  return replayBlocks(readBlocks(path), job, onEmissions)
}

/**
 * Feeds all lines of NDJSON to `job`, cut into blocks in any way, and hands on what comes out of each block, which may be nothing,
 * before it takes the next. The end of the input closes all windows. Resolves with the number of records.
 */
export async function replayBlocks(
  blocks: AsyncIterable<Buffer> | Iterable<Buffer>,
  job: Job,
  onEmissions: (emissions: readonly Emission[]) => Promise<void> | void,
): Promise<number> {
  const lane = job.openFile(fileShardId)
  const record = new LineRecord()
  let records = 0
  const lines = new LinesRead(lane)
  const cutter = new LineCutter({
    takenUpTo: 0,
    line(bytes, start, end, isKnownUtf8, lineNumber) {
      records++
      record.set(bytes, start, end, lineNumber)
      lane.take(bytes, start, end, isKnownUtf8, record)
    },
    takeLines(bytes, start, stop, lineNumber) {
      const count = lane.readLines(bytes, start, stop)
      if (count === 0) return 0
      records += count
      this.takenUpTo = lane.lineFeedAt(count - 1)
      lines.set(bytes, start, lineNumber)
      lane.takeRead(count, lines)
      return count
    },
    tooLong(head, length, lineNumber) {
      records++
      record.set(head, 0, head.length, lineNumber)
      lane.refuse(
        record,
        'too-large',
        `the line has ${length} bytes, at most ${maxLineBytes} are taken; only its beginning is kept here`,
      )
    },
  })
  for await (const block of blocks) {
    cutter.push(block)
    await onEmissions(job.takeEmissions())
  }
  cutter.end()
  await onEmissions([...job.takeEmissions(), ...job.drain()])
  return records
}
