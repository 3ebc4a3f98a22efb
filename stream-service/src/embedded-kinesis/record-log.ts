// The records of one shard: a queue that is read from any place, appended at one end and trimmed at the other.
//
//   trimmed | first ......................... next
//           [ chunk 7   ][ chunk 8   ][ chunk 9   ]      512 records each
//
// A record's ordinal (1, 2, 3, ...) says in which chunk and slot it stands, so that appending and finding are O(1) and
// reading is O(records returned), however many are kept. Chunks hold columns, which costs a third of one object per
// record and lets a search by arrival time run over plain numbers.
import type { Payload } from './payload.ts'

const CHUNK_SIZE = 512
const SLOT_MASK = CHUNK_SIZE - 1

interface Chunk {
  /** Never decreasing, also from chunk to chunk. */
  readonly arrivedAt: Float64Array
  readonly partitionKeys: string[]
  readonly payloads: Payload[]
}

export interface LoggedRecord {
  readonly ordinal: number
  readonly arrivedAt: number
  readonly partitionKey: string
  readonly payload: Payload
}

export class RecordLog {
  readonly #chunks: Chunk[] = []
  /** How many chunks were dropped from the front: chunk number `n` is at index `n - #dropped`. */
  #dropped = 0
  #first = 1
  #next = 1
  #lastArrivedAt = 0

  /** The ordinal of the oldest record that is kept; equal to `next` when none is. */
  get first(): number {
    return this.#first
  }

  /** The ordinal that the next record will get. */
  get next(): number {
    return this.#next
  }

  /** Arrival never goes back within a shard, whatever the caller's clock does. Returns the record's ordinal. */
  append(now: number, partitionKey: string, payload: Payload): number {
    const ordinal = this.#next++
    const slot = ordinal & SLOT_MASK
    if (slot === 0 || this.#chunks.length === 0) this.#chunks.push(newChunk())
    const chunk = this.#chunks[this.#chunks.length - 1]!
    if (now > this.#lastArrivedAt) this.#lastArrivedAt = now
    chunk.arrivedAt[slot] = this.#lastArrivedAt
    chunk.partitionKeys[slot] = partitionKey
    chunk.payloads[slot] = payload
    return ordinal
  }

  /** The record at an ordinal within [first, next). */
  at(ordinal: number): LoggedRecord {
    const chunk = this.#chunkOf(ordinal)
    const slot = ordinal & SLOT_MASK
    return {
      ordinal,
      arrivedAt: chunk.arrivedAt[slot]!,
      partitionKey: chunk.partitionKeys[slot]!,
      payload: chunk.payloads[slot]!,
    }
  }

  arrivedAt(ordinal: number): number {
    return this.#chunkOf(ordinal).arrivedAt[ordinal & SLOT_MASK]!
  }

  /** The ordinal of the first kept record that arrived at or after `at`; `next` when there is none. */
  firstArrivedFrom(at: number): number {
    let low = this.#first
    let high = this.#next
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2)
      if (this.arrivedAt(middle) < at) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Forgets the records that arrived before `horizon`. Each record is trimmed once: O(1) amortised per append. */
  trimBefore(horizon: number): void {
    while (this.#first < this.#next && this.arrivedAt(this.#first) < horizon) {
      const chunk = this.#chunkOf(this.#first)
      const slot = this.#first & SLOT_MASK
      const chunkEnd = this.#first - slot + CHUNK_SIZE
      if (chunkEnd <= this.#next && chunk.arrivedAt[SLOT_MASK]! < horizon) {
        this.#chunks.shift()
        this.#dropped++
        this.#first = chunkEnd
      } else {
        // The payload is released at once: a chunk of large records would otherwise outlive its records by far.
        chunk.payloads[slot] = ''
        this.#first++
      }
    }
  }

  #chunkOf(ordinal: number): Chunk {
    return this.#chunks[Math.floor(ordinal / CHUNK_SIZE) - this.#dropped]!
  }
}

function newChunk(): Chunk {
  return {
    arrivedAt: new Float64Array(CHUNK_SIZE),
    partitionKeys: [],
    payloads: [],
  }
}
