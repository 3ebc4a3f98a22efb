// Where state survives a process: snapshots with versions, written by compare-and-swap. Whoever saves says which version it
// goes on from; a save that finds another one there is refused, and that is how a process learns that it was replaced.
import { MillraceError } from '@millrace/shared/errors'

export interface Snapshot {
  /** Counts up by one per save, from 1. */
  readonly version: number
  readonly state: unknown
}

export interface SnapshotStore {
  /** The newest valid snapshot; invalid ones are reported and the one before is used. Undefined when there is none. */
  load(): Promise<Snapshot | undefined>
  /**
   * Makes `state` (any JSON) durable as the version after `expectedVersion`, 0 for the first.
   * @throws SnapshotConflictError when that version exists already: somebody else has written it.
   */
  save(state: unknown, expectedVersion: number): Promise<number>
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

/** A snapshot that cannot be used: cut, altered, or of a format this program does not know. */
export class SnapshotInvalidError extends MillraceError {
  constructor(where: string, reason: string, options?: ErrorOptions) {
    super('SNAPSHOT_INVALID', `${where}: ${reason}`, options)
  }
}
