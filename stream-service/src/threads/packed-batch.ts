// Records on their way to another thread: all in one piece of memory, which is handed over and not copied, and read there
// without an object for each until somebody asks.
//
//   bytes   | data | position | key | data | position | key | …     ends   three a record, each where a part ends
import type { Position, StreamRecord } from '../records/record.ts'

export interface PackedBatch {
  readonly count: number
  readonly bytes: ArrayBuffer
  readonly ends: Int32Array<ArrayBuffer>
  /** NaN where a record has no arrival. */
  readonly arrivedAt: Float64Array<ArrayBuffer>
}

/** Packs records, into the memory of a batch that nobody needs any more where that is large enough. */
export function packBatch(records: readonly StreamRecord[], spare: PackedBatch | undefined): PackedBatch {
  const count = records.length
  let room = 0
  // Positions and keys take three bytes a character at most.
  for (const { data, position, partitionKey } of records)
    room += data.length + 3 * (position.length + partitionKey.length)
  const isEnough = spare !== undefined && spare.bytes.byteLength >= room && spare.arrivedAt.length >= count
  const memory = isEnough ? spare : newMemory(room, count)
  const bytes = Buffer.from(memory.bytes)
  const { ends, arrivedAt } = memory
  let at = 0
  for (let i = 0; i < count; i++) {
    const record = records[i]!
    bytes.set(record.data, at)
    ends[3 * i] = at += record.data.length
    ends[3 * i + 1] = at += writeText(bytes, record.position, at)
    ends[3 * i + 2] = at += writeText(bytes, record.partitionKey, at)
    arrivedAt[i] = record.arrivedAt ?? Number.NaN
  }
  return { ...memory, count }
}

/** Somewhat more than is needed, for the batches that follow. */
function newMemory(room: number, count: number): Omit<PackedBatch, 'count'> {
  const records = count + (count >> 2)
  return {
    bytes: Buffer.allocUnsafeSlow(room + (room >> 2)).buffer,
    ends: new Int32Array(3 * records),
    arrivedAt: new Float64Array(records),
  }
}

function writeText(bytes: Buffer, text: string, at: number): number {
  return text === '' ? 0 : bytes.write(text, at)
}

export function transferList({ bytes, ends, arrivedAt }: PackedBatch): ArrayBuffer[] {
  return [bytes, ends.buffer, arrivedAt.buffer]
}

/** The records of a batch, one after the other in one object. */
export class PackedRecord implements StreamRecord {
  /** All of the batch; a record's data are at [start, end). */
  readonly bytes: Buffer
  readonly #batch: PackedBatch
  #index = 0

  constructor(batch: PackedBatch) {
    this.bytes = Buffer.from(batch.bytes)
    this.#batch = batch
  }

  get count(): number {
    return this.#batch.count
  }

  moveTo(index: number): void {
    this.#index = index
  }

  get start(): number {
    return this.#index === 0 ? 0 : this.#batch.ends[3 * this.#index - 1]!
  }

  get end(): number {
    return this.#batch.ends[3 * this.#index]!
  }

  get data(): Uint8Array {
    return this.bytes.subarray(this.start, this.end)
  }

  get position(): Position {
    const { ends } = this.#batch
    return this.bytes.toString('latin1', ends[3 * this.#index]!, ends[3 * this.#index + 1]!)
  }

  get partitionKey(): string {
    const { ends } = this.#batch
    return this.bytes.toString('utf8', ends[3 * this.#index + 1]!, ends[3 * this.#index + 2]!)
  }

  get arrivedAt(): number | undefined {
    const at = this.#batch.arrivedAt[this.#index]!
    return Number.isNaN(at) ? undefined : at
  }
}
