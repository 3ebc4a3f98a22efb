// Snapshots in memory, but encoded as they are for a folder or a bucket: compressed on other threads than this one.
import { type EncodedBody, encodeBody } from '../../../stream-service/src/state/snapshot-codec.ts'
import type {
  Snapshot,
  SnapshotContents,
  SnapshotNote,
  SnapshotStore,
} from '../../../stream-service/src/state/snapshot-store.ts'

export class BenchStore implements SnapshotStore {
  readonly #saved = new Map<string, { readonly version: number; readonly body: EncodedBody }>()

  /** A run begins with nothing, and nobody goes on from what it has saved. */
  async load(): Promise<Snapshot | undefined> {
    return undefined
  }

  async note(name: string): Promise<SnapshotNote | undefined> {
    const saved = this.#saved.get(name)
    return saved && { version: saved.version, note: saved.body.note }
  }

  async save(name: string, what: SnapshotContents, expectedVersion: number): Promise<number> {
    const body = await encodeBody(what)
    this.#saved.set(name, { version: expectedVersion + 1, body })
    return expectedVersion + 1
  }

  async names(): Promise<readonly string[]> {
    return [...this.#saved.keys()]
  }
}
