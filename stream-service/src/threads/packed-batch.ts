// Records on their way to another thread: their data in one piece of memory, which is handed over and not copied, their texts
// in one string; read there without looking at what nobody asks for.
//
//   bytes   | data | data | …        texts   position key position key …        ends   three a record: where each ends
import type { Position, StreamRecord } from '../records/record.ts'

export interface PackedBatch {
  readonly memory: BatchMemory
  readonly count: number
  readonly texts: string
}

/** Goes to and fro between two threads; each batch is put into what another one has left. */
export interface BatchMemory {
  readonly bytes: ArrayBuffer
  readonly ends: Int32Array<ArrayBuffer>
  /** NaN where a record has no arrival. */
  readonly arrivedAt: Float64Array<ArrayBuffer>
}

/** Packs records, into memory that nobody needs any more where that is large enough. */
export function packBatch(records: readonly StreamRecord[], spare: BatchMemory | undefined): PackedBatch {
  const count = records.length
  let room = 0
  for (let i = 0; i < count; i++) room += records[i]!.data.length
  const isEnough = spare !== undefined && spare.bytes.byteLength >= room && spare.arrivedAt.length >= count
  const memory = isEnough ? spare : newMemory(room, count)
  const { ends, arrivedAt } = memory
  const bytes = new Uint8Array(memory.bytes)
  const texts: string[] = new Array(2 * count)
  let at = 0
  let textAt = 0
  for (let i = 0; i < count; i++) {
    const { data, position, partitionKey, arrivedAt: arrival } = records[i]!
    bytes.set(data, at)
    ends[3 * i] = at += data.length
    ends[3 * i + 1] = textAt += position.length
    ends[3 * i + 2] = textAt += partitionKey.length
    texts[2 * i] = position
    texts[2 * i + 1] = partitionKey
    arrivedAt[i] = arrival ?? Number.NaN
  }
  return { memory, count, texts: texts.join('') }
}

/** Somewhat more than is needed, for the batches that follow. */
function newMemory(room: number, count: number): BatchMemory {
  const records = count + (count >> 2)
  return {
    bytes: new ArrayBuffer(room + (room >> 2)),
    ends: new Int32Array(3 * records),
    arrivedAt: new Float64Array(records),
  }
}

export function memoryOf({ bytes, ends, arrivedAt }: BatchMemory): ArrayBuffer[] {
  return [bytes, ends.buffer, arrivedAt.buffer]
}

/** The records of a batch; they are good for as long as its memory is here. */
export function unpackBatch(batch: PackedBatch): StreamRecord[] {
  return Array.from({ length: batch.count }, (_, i) => new PackedRecord(batch, i))
}

class PackedRecord implements StreamRecord {
  readonly #batch: PackedBatch
  readonly #at: number

  constructor(batch: PackedBatch, index: number) {
    this.#batch = batch
    this.#at = 3 * index
  }

  get data(): Uint8Array {
    const { bytes, ends } = this.#batch.memory
    const start = this.#at === 0 ? 0 : ends[this.#at - 3]!
    return new Uint8Array(bytes, start, ends[this.#at]! - start)
  }

  get position(): Position {
    const { memory, texts } = this.#batch
    return texts.slice(this.#at === 0 ? 0 : memory.ends[this.#at - 1]!, memory.ends[this.#at + 1]!)
  }

  get partitionKey(): string {
    const { memory, texts } = this.#batch
    return texts.slice(memory.ends[this.#at + 1]!, memory.ends[this.#at + 2]!)
  }

  get arrivedAt(): number | undefined {
    const at = this.#batch.memory.arrivedAt[this.#at / 3]!
    return Number.isNaN(at) ? undefined : at
  }
}
