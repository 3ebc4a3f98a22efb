// The merges of one partition of the keys, held by this process: what they have published and no sink has accepted yet, and
// their snapshots. As a lane does (see `lane-task.ts`), it claims its partition before anything else.
//
// A pane that can have no other revision, from lanes of which none is idle, follows from the shards alone: it goes to the sink
// at once. Any other waits for the snapshot that remembers it.
import type { JsonValue } from '../aggregates/aggregator.ts'
import type { SnapshotValue } from '../aggregates/snapshot-value.ts'
import { type Emission, paneIdOf } from '../engine/emission.ts'
import { Merger, type SavedMerger } from '../engine/merger.ts'
import type { LaneMessage, ShardFamily } from '../engine/partials.ts'
import type { CompiledQuery } from '../queries/compiled-query.ts'
import type { Position } from '../records/record.ts'
import { LineOutbox, type SavedLines } from '../state/line-outbox.ts'
import type { SnapshotStore } from '../state/snapshot-store.ts'
import { type SavedInstant, saveInstant } from '../time/saved-instant.ts'
import { Exclusive } from './exclusive.ts'
import { isConflict } from './lane-task.ts'
import { mergeName } from './snapshot-names.ts'

type SavedMergeTask = {
  readonly merger: SavedMerger
  readonly lines: SavedLines
}

/** What can be read of a merge's snapshot without its state. */
export type MergeNote = {
  /** How far the partition of the exchange was read, where there is one. */
  readonly position: Position | null
  readonly watermarks: { readonly [query: string]: SavedInstant }
  /** Lanes that wait to hear these watermarks: by query and lane, the number of the unit that comes next. */
  readonly waking: { readonly [query: string]: { readonly [lane: string]: number } }
}

/** How far the partition of the exchange was read, by the note of its merge. */
export function mergePosition(note: JsonValue | undefined): Position | null {
  return (note as unknown as MergeNote | undefined)?.position ?? null
}

export interface MergeTaskOptions {
  readonly partition: number
  readonly store: SnapshotStore
  readonly queries: readonly CompiledQuery[]
  /** Queries whose panes go to no sink. */
  readonly unpublished: ReadonlySet<string>
  /** The shards the stream had when the service first read it. */
  readonly initialShards: readonly ShardFamily[]
  /** Lines that may wait for the sink before lanes are read no further. */
  readonly linesLimit: number
  /** Told of panes before they are published. */
  readonly onPanes: (emissions: readonly Emission[]) => void
}

export class MergeTask {
  readonly partition: number
  readonly lines: LineOutbox
  readonly merger: Merger
  position: Position | undefined
  readonly #options: MergeTaskOptions
  readonly #saves = new Exclusive()
  #version: number
  #note: MergeNote | undefined
  /** How many snapshots were begun: what is published from now on is in the next one. */
  #captures = 0
  #isDirty = true

  /** Loads the newest snapshot of a partition and claims it. @throws SnapshotConflictError when another process does so too. */
  static async open(options: MergeTaskOptions): Promise<MergeTask> {
    for (let attempt = 0; ; attempt++) {
      const snapshot = await options.store.load(mergeName(options.partition))
      const task = new MergeTask(options, snapshot)
      try {
        await task.save(() => () => {})
        return task
      } catch (error) {
        if (!isConflict(error) || attempt === 5) throw error
      }
    }
  }

  private constructor(options: MergeTaskOptions, snapshot: Awaited<ReturnType<SnapshotStore['load']>>) {
    const saved = snapshot?.state as unknown as SavedMergeTask | undefined
    const note = snapshot?.note as unknown as MergeNote | undefined
    this.partition = options.partition
    this.#options = options
    this.#version = snapshot?.version ?? 0
    this.position = note?.position ?? undefined
    this.merger = new Merger(options.queries, saved?.merger)
    this.lines = new LineOutbox(options.linesLimit, saved?.lines)
    this.merger.declare(options.initialShards)
  }

  get version(): number {
    return this.#version
  }

  /** The note of the newest snapshot. */
  get note(): MergeNote | undefined {
    return this.#note
  }

  get isDirty(): boolean {
    return this.#isDirty
  }

  /** Takes a lane's message; false when units before it are missing. */
  take(message: LaneMessage): boolean {
    const isTaken = this.merger.take(message)
    this.#isDirty = true
    this.#publish()
    return isTaken
  }

  tick(now: number): void {
    this.merger.tick(now)
    this.#publish()
  }

  /** The input is over: every window closes. */
  closeWindows(): void {
    this.merger.close()
    this.#isDirty = true
    this.#publish()
  }

  #publish(): void {
    const emissions = this.merger.takeEmissions()
    if (emissions.length === 0) return
    this.#isDirty = true
    for (const emission of emissions) {
      if (emission.kind !== 'panes' || this.#options.unpublished.has(emission.query)) continue
      const lines = emission.lines.map((text) => {
        const id = paneIdOf(text)
        return { id, key: id, text }
      })
      this.lines.add(lines, emission.settled ? 0 : this.#captures + 1)
    }
    this.#options.onPanes(emissions)
  }

  /** Lines that were delivered need not be in the next snapshot. */
  delivered(): void {
    this.#isDirty = true
  }

  /**
   * Makes the merges durable as they are, and lets go what waited for that. `capture` is called at the moment that is saved, and
   * what it returns once that is durable. @throws SnapshotConflictError when another process has claimed the partition.
   */
  save(capture: () => () => void): Promise<void> {
    return this.#saves.run(async () => {
      this.#isDirty = false
      const epoch = ++this.#captures
      const onDurable = capture()
      const state: SavedMergeTask = { merger: this.merger.save(), lines: this.lines.save() }
      const note: MergeNote = {
        position: this.position ?? null,
        watermarks: Object.fromEntries([...this.merger.watermarks()].map(([query, at]) => [query, saveInstant(at)])),
        waking: Object.fromEntries(
          [...this.merger.waking()].flatMap(([query, lanes]) =>
            lanes.size === 0 ? [] : [[query, Object.fromEntries(lanes)]],
          ),
        ),
      }
      this.#version = await this.#options.store.save(
        mergeName(this.partition),
        { state: state as unknown as SnapshotValue, note: note as unknown as JsonValue },
        this.#version,
      )
      this.#note = note
      this.lines.durable(epoch)
      onDurable()
    })
  }

  close(): void {
    this.lines.close()
  }
}
