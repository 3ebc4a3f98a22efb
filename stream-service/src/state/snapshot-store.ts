// Where state survives a process: snapshots with names and versions, written by compare-and-swap. Whoever saves says which
// version it goes on from; a save that finds another one there is refused, and that is how a process learns that it was
// replaced. At least the newest snapshot of a name and the one before it are kept.
import { MillraceError } from '@millrace/shared/errors'
import type { JsonValue } from '../aggregates/aggregator.ts'
import type { SnapshotValue } from '../aggregates/snapshot-value.ts'

export interface Snapshot {
  /** Counts up per save, from 1; by one, unless a snapshot came between that cannot be used. */
  readonly version: number
  readonly state: SnapshotValue
  readonly note: JsonValue
}

/** Names are like `service`, `lane/shardId-000000000000`, `merge/0`; any characters may occur in them. */
export interface SnapshotStore {
  /**
   * The newest valid snapshot of this name; invalid ones are reported (`onInvalid`) and the one before is used. Undefined
   * when there is none.
   */
  load(name: string): Promise<Snapshot | undefined>
  /** The note and version of the newest valid-looking snapshot, without reading its state. */
  note(name: string): Promise<SnapshotNote | undefined>
  /**
   * Makes `state` durable under `name` as the version after `expectedVersion`, 0 for the first, and resolves to the new
   * version. `note` (JSON of at most 32 KiB, default null) can be read without the state. The caller does not change either
   * until the promise settles.
   * @throws SnapshotConflictError when a valid version after the expected one exists already: somebody else has written it.
   */
  save(name: string, what: SnapshotContents, expectedVersion: number): Promise<number>
  /** Names under which something is saved, in no order. */
  names(): Promise<readonly string[]>
}

export interface SnapshotContents {
  readonly state: SnapshotValue
  readonly note?: JsonValue
}

export type SnapshotNote = Pick<Snapshot, 'version' | 'note'>

/** What all makers of a store are told. */
export interface SnapshotStoreOptions {
  /** Told of each snapshot that was passed over because it is invalid. */
  onInvalid?(error: SnapshotInvalidError): void
}

/** Another process has saved in the meantime; this one must not go on. */
export class SnapshotConflictError extends MillraceError {
  constructor(where: string, version: number) {
    super(
      'SNAPSHOT_CONFLICT',
      `${where}: snapshot ${version} exists already; another process works with this state, so this one stops`,
    )
  }
}

/** A snapshot that cannot be used: cut, altered, of another name, or of a format this program does not know. */
export class SnapshotInvalidError extends MillraceError {
  constructor(where: string, reason: string, options?: ErrorOptions) {
    super('SNAPSHOT_INVALID', `${where}: ${reason}`, options)
  }
}
