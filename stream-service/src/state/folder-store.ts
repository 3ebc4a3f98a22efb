// Snapshots as files, for processes of one machine: `lane.shardId-000000000001/000000017.snapshot`. A new version is written
// beside, forced to the disk, and then linked to its name; linking fails when the name exists, which is the compare-and-swap.
//
// Old versions are deleted, and a process that was asleep for long could link one of them again: the version that it waits to
// write has come and gone. So a save looks once more after it has linked. If its version was deleted before, later ones were
// there by then, and it finds them.
import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { MillraceError } from '@millrace/shared/errors'
import { decodeHeader, decodeSnapshot, encodeBody, encodeSnapshot, type SnapshotPlace } from './snapshot-codec.ts'
import { headerReadBytes } from './snapshot-header.ts'
import { fileNameOf, nameOfFile } from './snapshot-names.ts'
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

export interface FolderStoreOptions extends SnapshotStoreOptions {
  readonly folder: string
}

/** A file that nobody has gone on writing for so long was left by a crash. */
const abandonedAfterMs = 10 * 60_000

interface Version {
  readonly version: number
  readonly path: string
}

/** Opens the folder, made when it is missing. Rejects with a `MillraceError` `not-writable` when it cannot be used. */
export async function openFolderStore(options: FolderStoreOptions): Promise<SnapshotStore> {
  const { folder } = options
  try {
    await mkdir(folder, { recursive: true })
    await adoptUnnamed(folder)
    for (const name of await subfolders(folder)) await clearHalfWritten(join(folder, name))
  } catch (error) {
    throw new MillraceError('not-writable', `The state folder ${folder} cannot be used: ${(error as Error).message}`, {
      cause: error,
    })
  }
  return new FolderStore(options)
}

class FolderStore implements SnapshotStore {
  readonly #options: FolderStoreOptions
  readonly #writer = randomUUID()

  constructor(options: FolderStoreOptions) {
    this.#options = options
  }

  load(name: string): Promise<Snapshot | undefined> {
    return this.#newest(name, async (place) => decodeSnapshot(await readFile(place.where), place))
  }

  note(name: string): Promise<SnapshotNote | undefined> {
    return this.#newest(name, async (place) => {
      const { bytes, totalBytes } = await readBeginning(place.where)
      const { version, note } = decodeHeader(bytes, place, totalBytes)
      return { version, note }
    })
  }

  /** What `read` makes of the newest version that it does not find invalid. */
  async #newest<Result>(name: string, read: (place: SnapshotPlace) => Promise<Result>): Promise<Result | undefined> {
    for (const { path } of (await this.#list(name)).reverse()) {
      try {
        return await read({ name, where: path })
      } catch (error) {
        // Deleted since it was listed, by somebody who has written two more.
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return this.#newest(name, read)
        if (!(error instanceof SnapshotInvalidError)) throw error
        this.#options.onInvalid?.(error)
      }
    }
    return undefined
  }

  async save(name: string, what: SnapshotContents, expectedVersion: number): Promise<number> {
    const folder = this.#folderOf(name)
    const [body, version] = await Promise.all([encodeBody(what), this.#next(name, expectedVersion)])
    const { bytes } = encodeSnapshot({ name, version, writer: this.#writer }, body)
    await mkdir(folder, { recursive: true })
    const path = join(folder, `${String(version).padStart(9, '0')}.snapshot`)
    const beside = `${path}.${this.#writer}.writing`
    try {
      await writeDurably(beside, bytes)
      await this.#link(beside, path, version)
    } finally {
      await unlink(beside).catch(() => {})
    }
    await syncFolder(folder)
    const all = await this.#list(name)
    const newest = all.at(-1)?.version ?? version
    if (newest > version) throw new SnapshotConflictError(folder, newest)
    for (const old of all.slice(0, -kept)) await unlink(old.path).catch(() => {})
    return version
  }

  async #link(beside: string, path: string, version: number): Promise<void> {
    try {
      await link(beside, path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      // Over a network, a link whose answer was lost is made again, and finds itself.
      if (await isSameFile(beside, path)) return
      throw new SnapshotConflictError(path, version)
    }
  }

  /** The version after the expected one, past those that exist but are invalid. */
  async #next(name: string, expectedVersion: number): Promise<number> {
    let next = expectedVersion + 1
    for (const { version, path } of await this.#list(name)) {
      if (version <= expectedVersion) continue
      const isValid = await readFile(path)
        .then((bytes) => decodeSnapshot(bytes, { name, where: path }))
        .then(
          () => true,
          () => false,
        )
      if (isValid) throw new SnapshotConflictError(path, version)
      next = version + 1
    }
    return next
  }

  async names(): Promise<readonly string[]> {
    const found = await Promise.all(
      (await subfolders(this.#options.folder)).map(async (folder) => {
        const name = nameOfFile(folder)
        return name === undefined || (await this.#list(name)).length === 0 ? [] : [name]
      }),
    )
    return found.flat()
  }

  #folderOf(name: string): string {
    return join(this.#options.folder, fileNameOf(name))
  }

  /** The snapshots of a name by version, the oldest first. */
  #list(name: string): Promise<Version[]> {
    return versionsIn(this.#folderOf(name))
  }
}

async function versionsIn(folder: string): Promise<Version[]> {
  const files = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return files
    .flatMap((file) => {
      const match = /^(\d+)\.snapshot$/.exec(file)
      return match ? [{ version: Number(match[1]), path: join(folder, file) }] : []
    })
    .sort((a, b) => a.version - b.version)
}

async function subfolders(folder: string): Promise<string[]> {
  return (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory()).map(({ name }) => name)
}

/** What a crash left half-written was never a snapshot. Other processes that are alive may be writing; those files are young. */
async function clearHalfWritten(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.writing')) continue
    const path = join(folder, name)
    const { mtimeMs } = await stat(path)
    if (mtimeMs + abandonedAfterMs < Date.now()) await unlink(path).catch(() => {})
  }
}

/** Snapshots of format 2 have no name and lie in the folder itself: they are the whole service's. */
async function adoptUnnamed(folder: string): Promise<void> {
  const unnamed = await versionsIn(folder)
  if (unnamed.length === 0) return
  const own = join(folder, fileNameOf('service'))
  await mkdir(own, { recursive: true })
  if ((await versionsIn(own)).length > 0) return
  for (const { path } of unnamed) await rename(path, join(own, basename(path)))
}

async function writeDurably(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** A name is durable once its folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function readBeginning(path: string): Promise<{ readonly bytes: Buffer; readonly totalBytes: number }> {
  const file = await open(path, 'r')
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(headerReadBytes), 0, headerReadBytes, 0)
    return { bytes: buffer.subarray(0, bytesRead), totalBytes: (await file.stat()).size }
  } finally {
    await file.close()
  }
}

async function isSameFile(a: string, b: string): Promise<boolean> {
  const [one, other] = await Promise.all([stat(a), stat(b)])
  return one.ino === other.ino && one.dev === other.dev
}
