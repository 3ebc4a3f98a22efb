// Snapshots in memory, for simulations: the same bytes as in the other stores, but nothing that depends on threads or disks.
// Several stores over one shelf are several processes over one disk.
import {
  atOnce,
  type Compression,
  decodeHeader,
  decodeSnapshot,
  encodeBody,
  encodeSnapshot,
  type SnapshotPlace,
} from './snapshot-codec.ts'
import {
  type Snapshot,
  SnapshotConflictError,
  type SnapshotContents,
  SnapshotInvalidError,
  type SnapshotNote,
  type SnapshotStore,
  type SnapshotStoreOptions,
} from './snapshot-store.ts'

/** The newest one, and one to fall back on. */
const kept = 2

/** Name -> version -> bytes, versions in ascending order. */
export type SnapshotShelf = Map<string, Map<number, Buffer>>

export interface MemoryStoreOptions extends SnapshotStoreOptions {
  readonly shelf?: SnapshotShelf
  /** Must not depend on threads; default zstd at once. */
  readonly compression?: Compression
}

export class MemoryStore implements SnapshotStore {
  readonly #options: MemoryStoreOptions
  readonly #shelf: SnapshotShelf
  readonly #compression: Compression

  constructor(options: MemoryStoreOptions = {}) {
    this.#options = options
    this.#shelf = options.shelf ?? new Map()
    this.#compression = options.compression ?? atOnce
  }

  load(name: string): Promise<Snapshot | undefined> {
    return this.#newest(name, (bytes, place) => decodeSnapshot(bytes, place, this.#compression))
  }

  note(name: string): Promise<SnapshotNote | undefined> {
    return this.#newest(name, (bytes, place) => {
      const { version, note } = decodeHeader(bytes, place, bytes.length)
      return { version, note }
    })
  }

  async #newest<Result>(
    name: string,
    read: (bytes: Buffer, place: SnapshotPlace) => Result | Promise<Result>,
  ): Promise<Result | undefined> {
    for (const [version, bytes] of [...(this.#shelf.get(name) ?? [])].reverse()) {
      try {
        return await read(bytes, { name, where: `${name} ${version}` })
      } catch (error) {
        if (!(error instanceof SnapshotInvalidError)) throw error
        this.#options.onInvalid?.(error)
      }
    }
    return undefined
  }

  async save(name: string, what: SnapshotContents, expectedVersion: number): Promise<number> {
    const body = await encodeBody(what, this.#compression)
    const version = await this.#next(name, expectedVersion)
    // From here on nothing is waited for, so that nobody comes between.
    const versions = this.#shelf.get(name) ?? new Map<number, Buffer>()
    const newest = [...versions.keys()].at(-1) ?? 0
    if (newest >= version) throw new SnapshotConflictError(name, newest)
    versions.set(version, encodeSnapshot({ name, version, writer: '' }, body).bytes)
    for (const old of [...versions.keys()].slice(0, -kept)) versions.delete(old)
    this.#shelf.set(name, versions)
    return version
  }

  async #next(name: string, expectedVersion: number): Promise<number> {
    let next = expectedVersion + 1
    for (const [version, bytes] of this.#shelf.get(name) ?? []) {
      if (version <= expectedVersion) continue
      const isValid = await decodeSnapshot(bytes, { name, where: name }, this.#compression).then(
        () => true,
        () => false,
      )
      if (isValid) throw new SnapshotConflictError(name, version)
      next = version + 1
    }
    return next
  }

  async names(): Promise<readonly string[]> {
    return [...this.#shelf.keys()]
  }
}
