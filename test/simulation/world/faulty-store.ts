// A snapshot store as one process sees it, over the shelf that all share: slow, and at times failing before or after a save
// took effect. The shelf itself keeps the store's contract.
import { MemoryStore, type SnapshotShelf } from '../../../stream-service/src/state/memory-store.ts'
import type { Compression } from '../../../stream-service/src/state/snapshot-codec.ts'
import type {
  Snapshot,
  SnapshotContents,
  SnapshotNote,
  SnapshotStore,
} from '../../../stream-service/src/state/snapshot-store.ts'
import type { Process } from './process.ts'

/** Compressing is most of the work of a simulation, and tested elsewhere. */
const uncompressed: Compression = {
  compress: (bytes) => Buffer.from(bytes),
  decompress: (bytes) => Buffer.from(bytes),
}

export class StoreFailure extends Error {}

export class FaultyStore implements SnapshotStore {
  readonly #process: Process
  readonly #store: MemoryStore
  readonly #isFailing: () => boolean
  readonly #onSaved: (name: string, version: number) => void

  constructor(
    process: Process,
    shelf: SnapshotShelf,
    isFailing: () => boolean,
    onSaved: (name: string, version: number) => void,
  ) {
    this.#process = process
    this.#store = new MemoryStore({ shelf, compression: uncompressed })
    this.#isFailing = isFailing
    this.#onSaved = onSaved
  }

  load(name: string): Promise<Snapshot | undefined> {
    return this.#read(`load ${name}`, () => this.#store.load(name))
  }

  note(name: string): Promise<SnapshotNote | undefined> {
    return this.#read(`note ${name}`, () => this.#store.note(name))
  }

  names(): Promise<readonly string[]> {
    return this.#read('names', () => this.#store.names())
  }

  #read<Result>(what: string, read: () => Promise<Result>): Promise<Result> {
    return this.#process.operate(what, () => {
      if (this.#isFailing() && this.#chance().happens(0.3)) throw new StoreFailure(`${what} failed`)
      return read()
    })
  }

  save(name: string, what: SnapshotContents, expectedVersion: number): Promise<number> {
    return this.#process.operate(`save ${name} ${expectedVersion + 1}`, async () => {
      const chance = this.#chance()
      const fails = this.#isFailing() && chance.happens(0.5)
      const takesEffect = !fails || chance.happens(0.5)
      if (takesEffect) {
        const version = await this.#store.save(name, what, expectedVersion)
        this.#onSaved(name, version)
        if (!fails) return version
      }
      throw new StoreFailure(`saving ${name} failed ${takesEffect ? 'after' : 'before'} it took effect`)
    })
  }

  #chance() {
    return this.#process.chance(3e6 + this.#process.operations)
  }
}
