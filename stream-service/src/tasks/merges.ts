// The partitions merged by this process. Without an exchange there is one, and it is here while all shards of the stream are.
import type { Timing } from '@millrace/shared/retry'
import { Subject } from 'rxjs'
import type { ShardSession } from '../sources/shard-source.ts'
import { loadInstant } from '../time/saved-instant.ts'
import { isConflict } from './claim.ts'
import { type MergeNote, MergeTask, type MergeTaskOptions } from './merge-task.ts'
import type { ServiceLogger } from './service-logger.ts'
import { mergeName } from './snapshot-names.ts'

/** How often it is asked again for what another task has to save. */
const askAgainMs = 100

export interface MergesOptions {
  readonly task: Omit<MergeTaskOptions, 'partition' | 'initialShards' | 'owner'>
  readonly initialShards: () => MergeTaskOptions['initialShards']
  readonly hasLeases: boolean
  /** A name that nobody else has. */
  readonly newOwner: () => string
  /** Called at the moment at which a partition is saved; what it returns, once that is durable. */
  readonly onSave: (partition: number) => () => void
  readonly onOpened: (task: MergeTask) => void
  readonly now: () => number
  readonly timing: Timing
  readonly logger: ServiceLogger
  readonly stopping: AbortSignal
}

export class Merges {
  readonly #options: MergesOptions
  readonly #tasks = new Map<number, MergeTask>()
  /** Where partitions are read from, with an exchange. */
  readonly #sessions = new Map<MergeTask, ShardSession>()
  /** Sessions whose partition another task has claimed. */
  readonly abandoned = new Subject<ShardSession>()

  constructor(options: MergesOptions) {
    this.#options = options
  }

  get all(): Iterable<MergeTask> {
    return this.#tasks.values()
  }

  get(partition: number): MergeTask | undefined {
    return this.#tasks.get(partition)
  }

  /** Undefined when another task has claimed the partition at the same time. */
  async open(partition: number, session?: ShardSession): Promise<MergeTask | undefined> {
    const { task: options, initialShards, newOwner, hasLeases, logger, onOpened } = this.#options
    let task: MergeTask
    try {
      task = await MergeTask.open({ ...options, partition, owner: newOwner(), initialShards: initialShards() })
    } catch (error) {
      if (!hasLeases || !isConflict(error)) throw error
      logger.warn({ partition, err: error }, 'another task has claimed this partition; it is not opened here')
      if (session !== undefined) this.#abandon(session)
      return undefined
    }
    this.#tasks.set(partition, task)
    if (session !== undefined) this.#sessions.set(task, session)
    // It came while everything stops: the others have been told.
    if (this.#options.stopping.aborted) task.close()
    onOpened(task)
    return task
  }

  #abandon(session: ShardSession): void {
    session.abandon?.()
    this.abandoned.next(session)
  }

  /** The task of a session of the exchange; undefined once it was let go. */
  taskOf(session: ShardSession): MergeTask | undefined {
    for (const [task, own] of this.#sessions) if (own === session) return task
    return undefined
  }

  forget(task: MergeTask): void {
    if (this.#tasks.get(task.partition) === task) this.#tasks.delete(task.partition)
    this.#sessions.delete(task)
    task.leave()
  }

  tick(): void {
    for (const task of this.#tasks.values()) task.tick(this.#options.now())
  }

  /** Waits until the merges have kept up, and the sinks have room. */
  async room(): Promise<void> {
    for (const task of this.#tasks.values()) await task.room()
  }

  /** Whether a shard may still give something. */
  get hasOpenLanes(): boolean {
    return [...this.#tasks.values()].some(({ hasOpenLanes }) => hasOpenLanes)
  }

  /** The input is over: every window closes. */
  closeWindows(): void {
    for (const task of this.#tasks.values()) task.closeWindows()
  }

  async save(which: 'changed' | 'all'): Promise<void> {
    for (const task of this.#tasks.values()) if (task.isDirty || which === 'all') await this.saveOne(task)
  }

  /** Saves a partition, and moves the checkpoint of where it is read from after it. */
  async saveOne(task: MergeTask): Promise<void> {
    const { hasLeases, logger, onSave } = this.#options
    const { partition } = task
    try {
      await task.save(() => onSave(partition))
    } catch (error) {
      if (!isConflict(error) || !hasLeases) throw error
      logger.warn({ partition, err: error }, 'another task has claimed this partition; this one lets go of it')
      const session = this.#sessions.get(task)
      this.forget(task)
      if (session !== undefined) this.#abandon(session)
      return
    }
    const position = task.note?.position ?? null
    if (position === null) return
    this.#sessions
      .get(task)
      ?.checkpoint(position)
      .catch((error: unknown) => {
        logger.warn({ partition, position, err: error }, 'a checkpoint of the exchange failed')
      })
  }

  /** The watermark of a merge that has saved that it waits for a lane: see `ShardLanes.waking`. */
  async answerOf(partition: number, query: string, shardId: string, unit: number): Promise<number> {
    const { timing, stopping } = this.#options
    for (;;) {
      const task = this.#tasks.get(partition)
      if (task?.isDirty) await this.saveOne(task)
      const note = task?.note ?? (await this.#noteOf(partition))
      const found = note?.waking[query]?.[shardId]
      if (note !== undefined && found !== undefined && found >= unit) return loadInstant(note.watermarks[query]!)
      await timing.sleep(askAgainMs, stopping)
    }
  }

  /** What another task has saved of a partition. */
  async #noteOf(partition: number): Promise<MergeNote | undefined> {
    return (await this.#options.task.store.note(mergeName(partition)))?.note as unknown as MergeNote | undefined
  }

  /** The lowest merged watermark of a query over the partitions here; undefined without any. */
  watermarkOf(query: string): number | undefined {
    const watermarks = [...this.#tasks.values()].flatMap((task) => task.watermarks.get(query) ?? [])
    return watermarks.length === 0 ? undefined : Math.min(...watermarks)
  }

  close(): void {
    for (const task of this.#tasks.values()) task.close()
  }
}
