// What all tasks of a service have in common, saved once by the first of them.
import { MillraceError } from '@millrace/shared/errors'
import type { SnapshotValue } from '../aggregates/snapshot-value.ts'
import type { ShardFamily } from '../engine/partials.ts'
import type { SnapshotStore } from '../state/snapshot-store.ts'
import { isConflict } from './claim.ts'
import { serviceName } from './snapshot-names.ts'

export interface StreamIdentity {
  readonly name: string
  /** Epoch milliseconds. */
  readonly createdAt: number
}

export type ServiceState = {
  /** The stream the positions belong to: a stream that was deleted and made again under its name is another one. */
  readonly stream: StreamIdentity
  /** When the service first read this stream, epoch milliseconds: where LATEST lies for shards that have no position yet. */
  readonly startedAt: number
  /** Into how many partitions the keys are split. */
  readonly partitions: number
  /** They are merged by way of an exchange, so that this cannot be taken away without what is on it. */
  readonly hasExchange: boolean
  /** The shards there were when the service first read the stream: they hold the merged watermark until they speak. */
  readonly initialShards: readonly ShardFamily[] | null
}

/** The saved state belongs to another stream. */
export class StreamChangedError extends Error {
  readonly code = 'STREAM_CHANGED'

  constructor(saved: StreamIdentity, found: StreamIdentity) {
    const describe = ({ name, createdAt }: StreamIdentity) => `'${name}' of ${new Date(createdAt).toISOString()}`
    super(
      `the saved state belongs to stream ${describe(saved)}, but this is ${describe(found)}; start with an empty state folder to read it from its start`,
    )
    this.name = 'StreamChangedError'
  }
}

/** The saved state belongs to another exchange, or to a service without one. */
export class PartitionsChangedError extends Error {
  readonly code = 'PARTITIONS_CHANGED'

  constructor(saved: ServiceState, found: ServiceState) {
    const describe = ({ partitions, hasExchange }: ServiceState) =>
      hasExchange ? `an exchange of ${partitions} shards` : 'no exchange'
    super(
      `the saved state is that of a service with ${describe(saved)}, but this one has ${describe(found)}; an exchange can neither be resharded nor taken away: make a new one, and start with an empty state`,
    )
    this.name = 'PartitionsChangedError'
  }
}

/** Loads the common state, or makes it. @throws StreamChangedError, PartitionsChangedError */
export async function openServiceState(store: SnapshotStore, fresh: ServiceState): Promise<ServiceState> {
  const state = (await load(store))?.state ?? (await save(store, fresh, 0))
  const { stream, partitions } = state
  if (typeof partitions !== 'number') {
    throw new MillraceError('STATE_TOO_OLD', 'the saved state is that of an older program; start with an empty state')
  }
  if (stream.name !== fresh.stream.name || stream.createdAt !== fresh.stream.createdAt)
    throw new StreamChangedError(stream, fresh.stream)
  if (partitions !== fresh.partitions || state.hasExchange !== fresh.hasExchange)
    throw new PartitionsChangedError(state, fresh)
  return state
}

/** Adds the shards the stream had at the first start, once they are known. Whoever came first decides. */
export async function withInitialShards(
  store: SnapshotStore,
  state: ServiceState,
  shards: readonly ShardFamily[],
): Promise<ServiceState> {
  if (state.initialShards !== null) return state
  const current = (await load(store)) ?? { state, version: 0 }
  if (current.state.initialShards !== null) return current.state
  return save(store, { ...current.state, initialShards: shards }, current.version)
}

async function load(
  store: SnapshotStore,
): Promise<{ readonly state: ServiceState; readonly version: number } | undefined> {
  const snapshot = await store.load(serviceName)
  return snapshot && { state: snapshot.state as unknown as ServiceState, version: snapshot.version }
}

/** Saves the state; or, when another task has done so first, gives that task's. */
async function save(store: SnapshotStore, state: ServiceState, version: number): Promise<ServiceState> {
  try {
    await store.save(serviceName, { state: state as unknown as SnapshotValue }, version)
    return state
  } catch (error) {
    if (!isConflict(error)) throw error
    return (await load(store))!.state
  }
}
