// The merges of one partition of the keys, held by this process: what they have published and no sink has accepted yet, and
// their snapshots. As a lane does (see `lane-task.ts`), it claims its partition before anything else.
//
// A pane that can have no other revision, from lanes of which none is idle, follows from the shards alone: it goes to the sink
// at once. Any other waits for the snapshot that remembers it.
import type { JsonValue } from '../aggregates/aggregator.ts'
import type { SnapshotValue } from '../aggregates/snapshot-value.ts'
import { type Emission, paneIdOf } from '../engine/emission.ts'
import type { SavedMerger } from '../engine/merger.ts'
import type { LaneMessage, ShardFamily } from '../engine/partials.ts'
import type { Position } from '../records/record.ts'
import { LineOutbox, type SavedLines } from '../state/line-outbox.ts'
import type { Snapshot, SnapshotContents, SnapshotStore } from '../state/snapshot-store.ts'
import { type SavedInstant, saveInstant } from '../time/saved-instant.ts'
import { claimed } from './claim.ts'
import { Exclusive } from './exclusive.ts'
import type { MergeLook, MergeRunner, MergeRunners, MergeStep } from './merge-runner.ts'
import { mergeName } from './snapshot-names.ts'

type SavedMergeTask = {
  readonly merger: SavedMerger
  readonly lines: SavedLines
}

/** What can be read of a merge's snapshot without its state. */
export type MergeNote = {
  /** Who has claimed the partition. */
  readonly owner: string
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
  /** Names this opening of the partition, in all processes. */
  readonly owner: string
  readonly partition: number
  readonly store: SnapshotStore
  readonly runners: MergeRunners
  /** Whether any query has panes that time alone can bring. */
  readonly heedsTime: boolean
  /** Queries whose panes go to no sink. */
  readonly unpublished: ReadonlySet<string>
  /** The shards the stream had when the service first read it. */
  readonly initialShards: readonly ShardFamily[]
  /** Lines that may wait for the sink before lanes are read no further. */
  readonly linesLimit: number
  /** Told of panes before they are published. */
  readonly onPanes: (emissions: readonly Emission[]) => void
  /** Told of a message that was not taken, because others before it are missing. */
  readonly onMissing: (missing: NonNullable<MergeStep['missing']>) => void
}

export class MergeTask {
  readonly partition: number
  readonly lines: LineOutbox
  position: Position | undefined
  readonly #options: MergeTaskOptions
  readonly #runner: MergeRunner
  readonly #saves = new Exclusive()
  #look: MergeLook = { watermarks: new Map(), waking: new Map(), hasOpenLanes: true }
  #version: number
  #note: MergeNote | undefined
  /** How many snapshots were begun: what is published from now on is in the next one. */
  #captures = 0
  #isDirty = true

  /** Loads the newest snapshot of a partition and claims it. @throws SnapshotConflictError when another process does so too. */
  static open(options: MergeTaskOptions): Promise<MergeTask> {
    return claimed(options.store, mergeName(options.partition), async (snapshot) => {
      const task = new MergeTask(options, snapshot)
      return { task, claim: () => task.save(() => () => {}), giveUp: async () => task.leave() }
    })
  }

  private constructor(options: MergeTaskOptions, snapshot: Snapshot | undefined) {
    const saved = snapshot?.state as unknown as SavedMergeTask | undefined
    const note = snapshot?.note as unknown as MergeNote | undefined
    this.partition = options.partition
    this.#options = options
    this.#version = snapshot?.version ?? 0
    this.position = note?.position ?? undefined
    this.lines = new LineOutbox(options.linesLimit, saved?.lines)
    const { partition, initialShards: shards } = options
    this.#runner = options.runners.open({ partition, saved: saved?.merger, shards }, (step) => this.#took(step))
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

  /** The merged watermarks, by query. */
  get watermarks(): MergeLook['watermarks'] {
    return this.#look.watermarks
  }

  /** Whether a shard may still give something. */
  get hasOpenLanes(): boolean {
    return this.#look.hasOpenLanes
  }

  /** Takes what lanes give, in order. */
  take(messages: readonly LaneMessage[]): void {
    if (messages.length === 0) return
    this.#isDirty = true
    this.#runner.step({ kind: 'messages', messages })
  }

  tick(now: number): void {
    if (this.#options.heedsTime) this.#runner.step({ kind: 'tick', now })
  }

  /** Waits until the merges have kept up, and the sinks have room. */
  async room(): Promise<void> {
    await this.#runner.room()
    await this.lines.room()
  }

  /** The input is over: every window closes. */
  closeWindows(): void {
    this.#isDirty = true
    this.#runner.step({ kind: 'close-windows' })
  }

  #took({ emissions, missing, look }: MergeStep): void {
    this.#look = look
    if (missing !== undefined) this.#options.onMissing(missing)
    if (emissions.length === 0) return
    this.#isDirty = true
    for (const emission of emissions) {
      if (emission.kind !== 'panes' || this.#options.unpublished.has(emission.query)) continue
      this.lines.addBlock(emission, paneIdOf, emission.settled ? 0 : this.#captures + 1)
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
      const onDurable = capture()
      const position = this.position ?? null
      let contents: SnapshotContents | undefined
      let epoch = 0
      await this.#runner.save((merger, look) => {
        this.#look = look
        epoch = ++this.#captures
        const state: SavedMergeTask = { merger, lines: this.lines.save() }
        contents = {
          state: state as unknown as SnapshotValue,
          note: noteOf(this.#options.owner, position, look) as unknown as JsonValue,
        }
      })
      this.#version = await this.#options.store.save(mergeName(this.partition), contents!, this.#version)
      this.#note = contents!.note as unknown as MergeNote
      this.lines.durable(epoch)
      onDurable()
    })
  }

  close(): void {
    this.lines.close()
  }

  /** Lets go of the partition. */
  leave(): void {
    this.close()
    this.#runner.close()
  }
}

/** Lanes in one note, of all queries. */
const wakingPerNote = 400

function noteOf(owner: string, position: Position | null, { watermarks, waking }: MergeLook): MergeNote {
  return {
    owner,
    position,
    watermarks: Object.fromEntries([...watermarks].map(([query, at]) => [query, saveInstant(at)])),
    // A note is small: lanes that find no room in it are in one that follows, when those before them have gone on.
    waking: Object.fromEntries(
      [...waking].flatMap(([query, lanes]) =>
        lanes.size === 0 ? [] : [[query, Object.fromEntries([...lanes].slice(0, wakingPerNote / waking.size))]],
      ),
    ),
  }
}
