// Which merge a key belongs to, where several merges share a query's keys. A key's partial results meet there, from whatever
// lane and task they come, so this must be the same everywhere and for ever: positions in the exchange depend on it.
import { hashUtf8 } from '../aggregates/murmur3.ts'
import type { KeyTable } from '../windows/key-table.ts'

export class KeyPartitions {
  readonly count: number
  #view: DataView = new DataView(new ArrayBuffer(0))

  constructor(count: number) {
    this.count = count
  }

  of(keys: KeyTable, key: number): number {
    if (this.count === 1) return 0
    const { buffer, byteOffset, byteLength } = keys.bytes
    if (this.#view.buffer !== buffer) this.#view = new DataView(buffer, byteOffset, byteLength)
    return hashUtf8(this.#view, keys.startOf(key), keys.lengthOf(key)) % this.count
  }
}
