// Snapshots in S3, for any number of tasks. A name has two objects, which take turns: odd versions go into one, even versions
// into the other, each in place of the version two before it, and only if that is still there.
//
//   PREFIX/lane.shardId-000000000001/0.snapshot   version 16, replaced by 18 if its entity tag is still that of 16
//   PREFIX/lane.shardId-000000000001/1.snapshot   version 17
//
// So a save is one PUT, nothing has to be deleted, the version before is always there to fall back on, and whoever goes on
// from an old version is refused however old it is: an entity tag never comes back, whereas the name of a deleted version
// would be free again. S3 compares and swaps as one ("Conditional writes" in its User Guide), and reads see the last write.
//
// A PUT whose answer was lost may have been carried out, or may yet be. What S3 holds then has this store's writer and the
// very content, or it is a version that this store told its caller was not saved; neither is somebody else's.
import { randomUUID } from 'node:crypto'
import { MillraceError } from '@millrace/shared/errors'
import { type S3Object, S3Objects, type S3ObjectsOptions } from './s3-objects.ts'
import { decodeHeader, decodeSnapshot, encodeBody, encodeSnapshot } from './snapshot-codec.ts'
import { headerReadBytes, type SnapshotHeader } from './snapshot-header.ts'
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

export interface S3StoreOptions extends SnapshotStoreOptions, S3ObjectsOptions {
  /** What keys begin with, like `millrace/prod`; slashes at its ends mean nothing. Empty for the bucket as a whole. */
  readonly prefix: string
}

/** One of the two objects of a name, as far as it is known. Undefined when there is none. */
type Slot =
  | {
      readonly etag: string
      /** As its header or, when that cannot be read, its metadata say; undefined when nobody knows. */
      readonly version: number | undefined
      /** Undefined when it is no snapshot that can be used. */
      readonly header: SnapshotHeader | undefined
    }
  | undefined
type Slots = [Slot, Slot]

/** What was read of the two objects. */
interface Reading {
  readonly slots: Slots
  readonly objects: readonly (S3Object | undefined)[]
}

/** So often what lies in S3 may change while it is being read. */
const maxReadings = 5

export class S3Store implements SnapshotStore {
  readonly #options: S3StoreOptions
  readonly #objects: S3Objects
  readonly #prefix: string
  readonly #writer = randomUUID()
  /** What the objects of a name were when this store read or wrote them last. */
  readonly #known = new Map<string, Slots>()
  /** Entity tags of objects whose header is good, but whose body is not. */
  readonly #broken = new Set<string>()
  /** Body checksums of versions of which the caller was told that they are not saved, though they may be. */
  readonly #unsure = new Map<string, Set<string>>()

  constructor(options: S3StoreOptions) {
    this.#options = options
    this.#objects = new S3Objects(options)
    const prefix = options.prefix.replace(/^\/+|\/+$/g, '')
    this.#prefix = prefix === '' ? '' : `${prefix}/`
  }

  async load(name: string): Promise<Snapshot | undefined> {
    for (let reading = 0; reading < maxReadings; reading++) {
      const { slots, objects } = await this.#read(name)
      let hasChanged = false
      for (const i of newestFirst(slots)) {
        const where = this.#where(name, i)
        const bytes = await this.#whole(name, i, objects[i]!)
        if (bytes === undefined) {
          hasChanged = true
          break
        }
        try {
          return await decodeSnapshot(bytes, { name, where })
        } catch (error) {
          if (!(error instanceof SnapshotInvalidError)) throw error
          this.#options.onInvalid?.(error)
          this.#broken.add(objects[i]!.etag)
          slots[i] = { ...slots[i]!, header: undefined }
        }
      }
      if (!hasChanged) return undefined
    }
    throw this.#neverStill(name)
  }

  async note(name: string): Promise<SnapshotNote | undefined> {
    const { slots } = await this.#read(name)
    const [newest] = newestFirst(slots)
    if (newest === undefined) return undefined
    const { version, note } = slots[newest]!.header!
    return { version, note }
  }

  async save(name: string, what: SnapshotContents, expectedVersion: number): Promise<number> {
    const body = await encodeBody(what)
    let slots = this.#known.get(name)
    if (slots === undefined || newestVersion(slots) !== expectedVersion) slots = (await this.#read(name)).slots
    for (let attempt = 0; attempt < maxReadings; attempt++) {
      this.#checkExpected(name, slots, expectedVersion)
      const version = nextVersion(slots, expectedVersion)
      const i = version % 2
      const { header, bytes } = encodeSnapshot({ name, version, writer: this.#writer }, body)
      const slot = slots[i]
      const precondition = slot === undefined ? 'absent' : { etag: slot.etag }
      let etag: string | undefined
      try {
        etag = await this.#objects.put(this.#keyOf(name, i), bytes, precondition, { version: `${version}` })
      } catch (error) {
        this.#noteUnsure(name, body.sha256)
        throw error
      }
      if (etag === undefined) {
        slots = (await this.#read(name)).slots
        if (!isSameWrite(slots[i]?.header, header)) continue
      } else slots[i] = { etag, version, header }
      this.#known.set(name, slots)
      this.#unsure.delete(name)
      return version
    }
    throw this.#neverStill(name)
  }

  /** Somebody else must not have gone on from the expected version, or from a later one. */
  #checkExpected(name: string, slots: Slots, expectedVersion: number): void {
    const [newest] = newestFirst(slots)
    if (newest === undefined) return
    const { version, writer, bodySha256 } = slots[newest]!.header!
    if (version <= expectedVersion) return
    const isOwn = writer === this.#writer && this.#unsure.get(name)?.has(bodySha256) === true
    if (!isOwn) throw new SnapshotConflictError(this.#where(name, newest), version)
  }

  #noteUnsure(name: string, sha256: string): void {
    const unsure = this.#unsure.get(name) ?? new Set()
    this.#unsure.set(name, unsure.add(sha256))
  }

  async names(): Promise<readonly string[]> {
    const folders = await this.#objects.foldersBelow(this.#prefix)
    return folders.flatMap((folder) => nameOfFile(folder) ?? [])
  }

  /** The beginnings of both objects; what is wrong with them is reported. */
  async #read(name: string): Promise<Reading> {
    const objects = await Promise.all(
      [0, 1].map((i) => this.#objects.readBeginning(this.#keyOf(name, i), headerReadBytes)),
    )
    const slots = objects.map((object, i) => object && this.#slotOf(name, i, object)) as Slots
    this.#known.set(name, slots)
    return { slots, objects }
  }

  #slotOf(name: string, i: number, { bytes, etag, totalBytes, metadata }: S3Object): Slot {
    const where = this.#where(name, i)
    const told = /^\d+$/.test(metadata.version ?? '') ? Number(metadata.version) : undefined
    try {
      const header = decodeHeader(bytes, { name, where }, totalBytes)
      return { etag, version: header.version, header: this.#broken.has(etag) ? undefined : header }
    } catch (error) {
      if (!(error instanceof SnapshotInvalidError)) throw error
      this.#options.onInvalid?.(error)
      return { etag, version: told, header: undefined }
    }
  }

  /** All of an object of which the beginning is there; undefined when it has changed since. */
  async #whole(name: string, i: number, { bytes, etag, totalBytes }: S3Object): Promise<Buffer | undefined> {
    if (bytes.length >= totalBytes) return bytes
    const rest = await this.#objects.readFrom(this.#keyOf(name, i), etag, bytes.length)
    return rest && Buffer.concat([bytes, rest])
  }

  #keyOf(name: string, i: number): string {
    return `${this.#prefix}${fileNameOf(name)}/${i}.snapshot`
  }

  #where(name: string, i: number): string {
    return `s3://${this.#options.bucket}/${this.#keyOf(name, i)}`
  }

  #neverStill(name: string): MillraceError {
    return new MillraceError(
      'SNAPSHOT_UNSTABLE',
      `s3://${this.#options.bucket}/${this.#prefix}${fileNameOf(name)}: it changed ${maxReadings} times while it was read; look for other processes that write there`,
    )
  }
}

/** The slots that have a snapshot, the newest first. */
function newestFirst(slots: Slots): number[] {
  const [zero = 0, one = 0] = slots.map((slot) => slot?.header?.version)
  return (one > zero ? [1, 0] : [0, 1]).filter((i) => slots[i]?.header !== undefined)
}

function newestVersion(slots: Slots): number {
  const [newest] = newestFirst(slots)
  return newest === undefined ? 0 : slots[newest]!.header!.version
}

/**
 * The version to write: past the expected one, and past one that cannot be used, so that whoever wrote that, and believes in
 * it, cannot go on from there. One of which nobody knows what it was counts as the newest.
 */
function nextVersion(slots: Slots, expectedVersion: number): number {
  const newest = Math.max(newestVersion(slots), expectedVersion)
  return 1 + Math.max(...slots.map((slot) => (slot === undefined ? newest : (slot.version ?? newest + 1))), newest)
}

function isSameWrite(found: SnapshotHeader | undefined, own: SnapshotHeader): boolean {
  return found?.writer === own.writer && found.version === own.version && found.bodySha256 === own.bodySha256
}
