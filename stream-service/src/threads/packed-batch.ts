// Records on their way to another thread: all in one piece of memory, which is handed over and not copied, and read there
// without an object for each until somebody asks.
//
//   bytes   | data | position | key | data | position | key | …     ends   three a record, each where a part ends
import type { Position, StreamRecord } from '../records/record.ts'

export interface PackedBatch {
  readonly bytes: ArrayBuffer
  readonly ends: Int32Array<ArrayBuffer>
  /** NaN where a record has no arrival. */
  readonly arrivedAt: Float64Array<ArrayBuffer>
}

/** Positions and keys take three bytes a character at most. */
export function packBatch(records: readonly StreamRecord[]): PackedBatch {
  let room = 0
  for (const { data, position, partitionKey } of records)
    room += data.length + 3 * (position.length + partitionKey.length)
  const bytes = Buffer.allocUnsafeSlow(room)
  const ends = new Int32Array(3 * records.length)
  const arrivedAt = new Float64Array(records.length)
  let at = 0
  for (let i = 0; i < records.length; i++) {
    const record = records[i]!
    bytes.set(record.data, at)
    ends[3 * i] = at += record.data.length
    ends[3 * i + 1] = at += writeText(bytes, record.position, at)
    ends[3 * i + 2] = at += writeText(bytes, record.partitionKey, at)
    arrivedAt[i] = record.arrivedAt ?? Number.NaN
  }
  return { bytes: bytes.buffer, ends, arrivedAt }
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
    return this.#batch.arrivedAt.length
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
