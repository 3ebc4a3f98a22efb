// Snapshots as files of a folder, for one process on one machine: `000000017.snapshot`. A new version is written beside,
// forced to the disk, and then linked to its name; linking fails when the name exists, which is the compare-and-swap.
import { link, mkdir, open, readdir, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { MillraceError } from '@millrace/shared/errors'
import { decodeSnapshot, encodeSnapshot } from './snapshot-codec.ts'
import { type Snapshot, SnapshotConflictError, SnapshotInvalidError, type SnapshotStore } from './snapshot-store.ts'

/** The newest one, and one to fall back on. */
const kept = 2

export interface FolderStoreOptions {
  readonly folder: string
  /** Told of each snapshot that was passed over because it is invalid. */
  onInvalid?(error: SnapshotInvalidError): void
}

/** Opens the folder, made when it is missing. Rejects with a `MillraceError` `not-writable` when it cannot be used. */
export async function openFolderStore(options: FolderStoreOptions): Promise<SnapshotStore> {
  const { folder } = options
  try {
    await mkdir(folder, { recursive: true })
    // What a crash left half-written was never a snapshot.
    for (const name of await readdir(folder)) if (name.endsWith('.writing')) await unlink(join(folder, name))
  } catch (error) {
    throw new MillraceError('not-writable', `The state folder ${folder} cannot be used: ${(error as Error).message}`, {
      cause: error,
    })
  }
  return new FolderStore(options)
}

class FolderStore implements SnapshotStore {
  readonly #options: FolderStoreOptions

  constructor(options: FolderStoreOptions) {
    this.#options = options
  }

  async load(): Promise<Snapshot | undefined> {
    for (const { path } of (await this.#list()).reverse()) {
      try {
        return await decodeSnapshot(await readFile(path), path)
      } catch (error) {
        if (!(error instanceof SnapshotInvalidError)) throw error
        this.#options.onInvalid?.(error)
      }
    }
    return undefined
  }

  async save(state: unknown, expectedVersion: number): Promise<number> {
    const version = await this.#next(expectedVersion)
    const path = this.#pathOf(version)
    const beside = `${path}.${process.pid}.writing`
    const file = await open(beside, 'w')
    try {
      await file.writeFile(await encodeSnapshot({ version, state }))
      await file.sync()
    } finally {
      await file.close()
    }
    try {
      await link(beside, path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      throw new SnapshotConflictError(this.#options.folder, version)
    } finally {
      await unlink(beside)
    }
    for (const old of (await this.#list()).slice(0, -kept)) await unlink(old.path).catch(() => {})
    return version
  }

  /** The version after the expected one, past those that exist but were invalid when the state was loaded. */
  async #next(expectedVersion: number): Promise<number> {
    const newest = (await this.#list()).at(-1)?.version ?? 0
    if (newest <= expectedVersion) return expectedVersion + 1
    const between = (await this.#list()).filter(({ version }) => version > expectedVersion)
    for (const { path, version } of between) {
      const isValid = await decodeSnapshot(await readFile(path), path).then(
        () => true,
        () => false,
      )
      if (isValid) throw new SnapshotConflictError(this.#options.folder, version)
    }
    return newest + 1
  }

  #pathOf(version: number): string {
    return join(this.#options.folder, `${String(version).padStart(9, '0')}.snapshot`)
  }

  /** Snapshots by version, the oldest first. */
  async #list(): Promise<{ readonly version: number; readonly path: string }[]> {
    const names = await readdir(this.#options.folder)
    return names
      .flatMap((name) => {
        const match = /^(\d+)\.snapshot$/.exec(name)
        return match ? [{ version: Number(match[1]), path: join(this.#options.folder, name) }] : []
      })
      .sort((a, b) => a.version - b.version)
  }
}
