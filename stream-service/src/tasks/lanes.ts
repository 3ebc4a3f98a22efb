// The shards held by this process: a lane task for each, opened and let go as the source hands them out and takes them back.

import { filter, Subject } from 'rxjs'
import type { RefusedEmission } from '../engine/emission.ts'
import type { LaneLedger } from '../engine/ledger.ts'
import type { ByQuery, LaneStart } from '../engine/shard-lanes.ts'
import type { CreditGate } from '../operators/credit-gate.ts'
import type { ShardHandler } from '../operators/process-shards.ts'
import { comparePositions } from '../records/record.ts'
import type { KnownShard, RecordBatch, ReleaseReason, ShardSession } from '../sources/shard-source.ts'
import type { SnapshotStore } from '../state/snapshot-store.ts'
import { isConflict } from './claim.ts'
import type { LaneReaders } from './lane-reader.ts'
import { type LaneNote, LaneTask, watermarksOf } from './lane-task.ts'
import type { ServiceLogger } from './service-logger.ts'
import { laneName, shardOfName } from './snapshot-names.ts'

/** With leases: a shard that the stream no longer lists, and of which nobody has saved anything for so long, is nobody's. */
const vanishedAfterMs = 600_000

export interface LanesOptions {
  readonly store: SnapshotStore
  readonly readers: LaneReaders
  readonly queries: readonly string[]
  readonly partitions: number
  readonly hasLeases: boolean
  /** A name that nobody else has. */
  readonly newOwner: () => string
  /** The gate of a shard's newest session. */
  readonly gateOf: (shardId: string) => CreditGate
  readonly openShards: () => readonly KnownShard[]
  /** The shards there were when the service first read the stream. */
  readonly initialShards: () => readonly KnownShard[]
  /** Where a merge is that has saved that it waits for a lane; see `ShardLanes.waking`. */
  readonly answerOf: (partition: number, query: string, shardId: string, unit: number) => Promise<number>
  /** Waits until the merges' sinks have room. */
  readonly room: () => Promise<void>
  readonly now: () => number
  readonly logger: ServiceLogger
  /** Once it aborts nothing is finished any more: it comes again after the next start. */
  readonly stopping: AbortSignal
  /** All sessions end, and what is held stays until everything is saved. */
  readonly isEnding: () => boolean
  readonly onOpened: (task: LaneTask) => void
  readonly onRefused: (emissions: readonly RefusedEmission[]) => void
  readonly onMessages: () => void
  /** Other shards are held than before. */
  readonly onChange: () => Promise<void>
  readonly onProgress: () => void
  /** Another process works with this state, and there are no leases that would allow for that. */
  readonly onFailure: (error: unknown) => void
}

export class Lanes {
  readonly #options: LanesOptions
  readonly #tasks = new Map<string, LaneTask>()
  readonly #sessions = new Map<LaneTask, ShardSession>()
  /** By shard. */
  readonly #newest = new Map<string, ShardSession>()
  readonly #gates = new WeakMap<ShardSession, CreditGate>()
  /** Sessions of which a batch was not taken. */
  readonly #givenUp = new WeakSet<ShardSession>()
  /** The books of shards that were read to their ends, as far as they are known here. */
  readonly #endedLedgers = new Map<string, ByQuery<LaneLedger>>()
  readonly #abandoned = new Subject<ShardSession>()

  constructor(options: LanesOptions, notes: ReadonlyMap<string, LaneNote>) {
    this.#options = options
    for (const [shardId, { ended }] of notes) {
      if (ended !== undefined) this.#endedLedgers.set(shardId, new Map(Object.entries(ended.ledgers)))
    }
  }

  get all(): Iterable<LaneTask> {
    return this.#tasks.values()
  }

  get(shardId: string): LaneTask | undefined {
    return this.#tasks.get(shardId)
  }

  /** The books of the shards held here, and of those that were read to their ends; in order of their ids. */
  get ledgers(): readonly (readonly [shardId: string, ledgers: ByQuery<LaneLedger>])[] {
    const shards = new Map(this.#endedLedgers)
    for (const [shardId, task] of this.#tasks) shards.set(shardId, task.ledgers)
    return [...shards].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  readonly handler: ShardHandler = {
    opened: async (session) => {
      // Of an earlier session of this shard something may be left: its lease was lost while it was being ended.
      const before = this.#tasks.get(session.shardId)
      if (before !== undefined) this.#letGo(before)
      // Before anything is waited for: another session would have another gate.
      this.#gates.set(session, this.#options.gateOf(session.shardId))
      this.#newest.set(session.shardId, session)
      const task = await this.#openLeased(session)
      if (task === undefined) return
      if (this.#newest.get(session.shardId) !== session) {
        // Meanwhile the shard came again, in a session that goes on from here.
        this.#forget(task)
        return
      }
      this.#sessions.set(task, session)
      this.#tellOfGap(session, task)
      await this.#options.onChange()
    },
    batch: (session, batch) => this.#accept(session, batch),
    released: (session, reason) => this.#released(session, reason),
    abandoned: (session) => this.#abandoned.pipe(filter((abandoned) => abandoned === session)),
  }

  /** Undefined when another process has claimed the shard at the same time. */
  async #openLeased(session: ShardSession): Promise<LaneTask | undefined> {
    const { hasLeases, logger } = this.#options
    const { shardId } = session
    try {
      return await this.#open(shardId)
    } catch (error) {
      if (!hasLeases || !isConflict(error)) throw error
      logger.warn({ shardId, err: error }, 'another task has claimed this shard; it is not opened here')
      this.#abandon(session)
      return undefined
    }
  }

  #abandon(session: ShardSession): void {
    session.abandon?.()
    this.#abandoned.next(session)
  }

  async #open(shardId: string): Promise<LaneTask> {
    const { store, readers, queries, partitions, now, newOwner, onRefused, onMessages, onOpened } = this.#options
    const start = () => this.#startOf(shardId)
    const task = await LaneTask.open({
      shardId,
      store,
      readers,
      queries,
      partitions,
      owner: newOwner(),
      start,
      now,
      onRefused,
      onMessages,
    })
    this.#tasks.set(shardId, task)
    // It came while everything stops: the others have been told.
    if (this.#options.stopping.aborted) task.stopWaiting()
    onOpened(task)
    // What the snapshot held; without records nothing else would send it on.
    onMessages()
    return task
  }

  /** Records after the saved state and before the checkpoint will never come. */
  #tellOfGap({ shardId, startAfter }: ShardSession, { savedPosition }: LaneTask): void {
    if (startAfter === undefined || savedPosition === 'SHARD_END') return
    if (savedPosition !== null && comparePositions(startAfter, savedPosition) <= 0) return
    this.#options.logger.error(
      { shardId, savedPosition, startAfter },
      'the checkpoint is ahead of the saved state: what lies between was read by somebody who has not saved it here',
    )
  }

  /**
   * Where a shard's lanes begin of which nothing is saved: at the lower of its parents' watermarks; from nothing, for a shard
   * that was there when the service first read the stream; and any other where time is by now.
   */
  async #startOf(shardId: string): Promise<ByQuery<LaneStart>> {
    const { openShards, initialShards, store, queries } = this.#options
    const isThis = (shard: KnownShard) => shard.shardId === shardId
    const family = openShards().find(isThis) ?? initialShards().find(isThis)
    const isInitial = initialShards().some(isThis)
    const parents: ByQuery<number>[] = []
    for (const parent of family?.parentShardIds ?? []) {
      const note = (await store.note(laneName(parent)))?.note as unknown as LaneNote | undefined
      const watermarks = note && watermarksOf(note)
      if (watermarks !== undefined) parents.push(watermarks)
    }
    return new Map(
      queries.map((query): [string, LaneStart] => {
        if (parents.length === 0) return [query, { watermark: Number.NEGATIVE_INFINITY, isIdle: !isInitial }]
        const inherited = parents.map((watermarks) => watermarks.get(query) ?? Number.NEGATIVE_INFINITY)
        return [query, { watermark: Math.min(...inherited), isIdle: false }]
      }),
    )
  }

  /** The task of a session; undefined once it was let go. */
  #taskOf(session: ShardSession): LaneTask | undefined {
    const task = this.#tasks.get(session.shardId)
    return task !== undefined && this.#sessions.get(task) === session ? task : undefined
  }

  async #accept(session: ShardSession, batch: RecordBatch): Promise<void> {
    const { room, onProgress } = this.#options
    const task = this.#taskOf(session)
    try {
      // Behind a batch that was given up none may be taken: its records would be passed over for ever.
      if (task === undefined || this.#givenUp.has(session)) return
      const isDone = await this.#orLetGo(task, async () => {
        await task.accept(batch, () => this.#wake(task))
        await room()
      })
      if (!isDone) this.#givenUp.add(session)
      else if (this.#holds(task)) onProgress()
    } finally {
      // Whatever became of it: a source may wait until all credits are home before it hands the shard out again.
      this.#gates.get(session)!.give()
    }
  }

  /**
   * Does something that may find that another process has claimed the shard, or that everything stops; false then. What it would
   * have changed is not saved anywhere, and comes again.
   */
  async #orLetGo(task: LaneTask, work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      if (this.#options.stopping.aborted) return false
      if (!isConflict(error)) throw error
      this.#fence(task, error)
      return false
    }
  }

  /** Another process has claimed the shard. */
  #fence(task: LaneTask, error: unknown): void {
    const { hasLeases, onFailure, logger, onChange } = this.#options
    if (!hasLeases) {
      onFailure(error)
      return
    }
    const { shardId } = task
    logger.warn({ shardId, err: error }, 'another task has claimed this shard; this one lets go of it')
    this.#letGo(task)
    onChange().catch(onFailure)
  }

  #letGo(task: LaneTask): void {
    const session = this.#sessions.get(task)
    this.#forget(task)
    if (session !== undefined) this.#abandon(session)
  }

  #holds(task: LaneTask): boolean {
    return this.#tasks.get(task.shardId) === task
  }

  #forget(task: LaneTask): void {
    // By now the shard may be held here again.
    if (!this.#holds(task)) return
    this.#tasks.delete(task.shardId)
    this.#sessions.delete(task)
    task.close().catch(this.#options.onFailure)
  }

  /** Records have come to a lane that was idle: time stops for it, and it goes on from where that was. */
  async #wake(task: LaneTask): Promise<void> {
    const waking = await task.beginWaking()
    const watermarks = new Map<string, number>()
    for (const [query, units] of waking) {
      for (const [partition, unit] of units.entries()) {
        const watermark = await this.#options.answerOf(partition, query, task.shardId, unit)
        watermarks.set(query, Math.max(watermark, watermarks.get(query) ?? Number.NEGATIVE_INFINITY))
      }
    }
    await task.wake(watermarks)
  }

  async #released(session: ShardSession, reason: ReleaseReason): Promise<void> {
    const { shardId } = session
    const { logger, onChange, isEnding } = this.#options
    const task = this.#taskOf(session)
    logger.info({ shardId, reason }, 'a shard was released')
    if (task === undefined) return
    if (reason === 'lease-lost') {
      this.#forget(task)
      await onChange()
    } else if (reason === 'shard-end') await this.#orLetGo(task, () => this.#endShard(task, session))
    else {
      await this.#orLetGo(task, () => this.#checkpoint(task, true))
      if (isEnding()) return
      // Handed over to another task, while this one goes on.
      this.#forget(task)
      await onChange()
    }
  }

  async #endShard(task: LaneTask, session: ShardSession): Promise<void> {
    const { openShards, stopping, onChange, onProgress } = this.#options
    const { shardId } = task
    // The children have to be known, to hold the watermark before their parent lets go of it.
    await task.end(openShards().filter(({ parentShardIds }) => parentShardIds.includes(shardId)))
    this.#endedLedgers.set(shardId, task.ledgers)
    // Nobody comes back to a shard whose end was checkpointed: what it gave has to be where it belongs.
    await task.drained()
    if (stopping.aborted || !this.#holds(task)) return
    await task.save()
    this.#forget(task)
    await session.checkpoint('SHARD_END')
    await onChange()
    onProgress()
  }

  /** Holds a shard that was read to its end until all it gave has arrived. */
  async #openEnded(shardId: string): Promise<void> {
    const task = await this.#open(shardId)
    const finish = async () => {
      await task.drained()
      if (this.#options.stopping.aborted || !this.#holds(task)) return
      await task.save()
      this.#forget(task)
      await this.#options.onChange()
    }
    this.#orLetGo(task, finish).catch(this.#options.onFailure)
  }

  /** A shard of the saved state that the stream no longer lists has nothing more to give. */
  async endVanished(listed: readonly KnownShard[]): Promise<void> {
    const { store, logger, hasLeases, now, initialShards } = this.#options
    const notes = await laneNotes(store)
    for (const [shardId, { ended, isDrained, savedAt }] of notes) {
      if (ended === undefined || isDrained || listed.some((shard) => shard.shardId === shardId)) continue
      // The source hands it out no more, but what it gave has not arrived.
      if (!hasLeases || savedAt + vanishedAfterMs <= now()) await this.#openEnded(shardId)
    }
    /** When somebody last wrote of a shard. */
    const known = new Map(initialShards().map(({ shardId }) => [shardId, Number.NEGATIVE_INFINITY]))
    for (const { ended, savedAt } of notes.values()) {
      for (const { shardId } of ended?.children ?? []) known.set(shardId, savedAt)
    }
    for (const [shardId, { savedAt }] of notes) known.set(shardId, savedAt)
    for (const [shardId, knownAt] of known) {
      if (listed.some((shard) => shard.shardId === shardId) || notes.get(shardId)?.ended !== undefined) continue
      // Somebody has it and is about to find out; or it was made by a split since the shards were listed.
      if (hasLeases && knownAt + vanishedAfterMs > now()) continue
      logger.warn({ shardId }, 'the stream no longer has this shard; what was open in it goes to the merge')
      try {
        const task = await this.#open(shardId)
        await task.end([])
        this.#endedLedgers.set(shardId, task.ledgers)
      } catch (error) {
        if (!hasLeases || !isConflict(error)) throw error
      }
    }
  }

  /** The input is over: all shards end. */
  async end(): Promise<void> {
    for (const task of this.#tasks.values()) await task.end([])
  }

  /** Saves what has changed, or all. */
  async save(which: 'changed' | 'all'): Promise<void> {
    const tasks = [...this.#tasks.values()].filter(({ isDirty }) => isDirty || which === 'all')
    await Promise.all(tasks.map((task) => this.#orLetGo(task, () => this.#checkpoint(task))))
  }

  /** Saves a lane, and moves the source's checkpoint after it. */
  async #checkpoint(task: LaneTask, isLast = false): Promise<void> {
    const position = await task.save()
    if (position === null || position === 'SHARD_END') return
    const checkpoint = this.#sessions
      .get(task)
      ?.checkpoint(position)
      .catch((error: unknown) => {
        this.#options.logger.warn({ shardId: task.shardId, position, err: error }, 'a checkpoint failed')
      })
    // One that comes later, or never, costs reading again: nothing waits for it but the end.
    if (isLast) await checkpoint
  }

  /** Nobody waits for room any more, or for what was given to arrive: it is in the snapshots. */
  stopWaiting(): void {
    for (const task of this.#tasks.values()) task.stopWaiting()
  }

  async close(): Promise<void> {
    for (const task of this.#tasks.values()) await task.close()
  }
}

/** What is known of all lanes without their states. */
export async function laneNotes(store: SnapshotStore): Promise<Map<string, LaneNote>> {
  const notes = new Map<string, LaneNote>()
  for (const name of await store.names()) {
    const shardId = shardOfName(name)
    const note = shardId === undefined ? undefined : await store.note(name)
    if (note !== undefined) notes.set(shardId!, note.note as unknown as LaneNote)
  }
  return notes
}
