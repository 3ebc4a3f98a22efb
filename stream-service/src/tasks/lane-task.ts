// One shard held by this process: its lanes, what they gave and nobody has made durable yet, and its snapshots.
//
// What a lane does before anything else is to *claim* its shard: it saves the state it has loaded once more. From then on a
// process that held the shard before, and does not know yet that it lost it, cannot save (see `SnapshotConflictError`), and
// what it has not saved nobody will ever go on from.
import type { JsonValue } from '../aggregates/aggregator.ts'
import type { SnapshotValue } from '../aggregates/snapshot-value.ts'
import type { RefusedEmission } from '../engine/emission.ts'
import type { LaneLedger } from '../engine/ledger.ts'
import type { LaneMessage, ShardFamily } from '../engine/partials.ts'
import type { ByQuery, LaneStart, SavedShardLanes } from '../engine/shard-lanes.ts'
import type { Position } from '../records/record.ts'
import { refusedLine } from '../sinks/refused-line.ts'
import type { RecordBatch } from '../sources/shard-source.ts'
import { LineOutbox, type SavedLines } from '../state/line-outbox.ts'
import { MessageOutbox } from '../state/message-outbox.ts'
import type { SnapshotStore } from '../state/snapshot-store.ts'
import { loadInstant, type SavedInstant, saveInstant } from '../time/saved-instant.ts'
import { claimed } from './claim.ts'
import { Exclusive } from './exclusive.ts'
import type { LaneInput, LaneLook, LaneReader, LaneReaders, LaneStep } from './lane-reader.ts'
import { laneName } from './snapshot-names.ts'

/** Refused lines of a lane that may wait for the sink before the lane is read no further. */
const refusedLimit = 5_000
/** How much the merges may be behind a lane before it is read no further. */
const messageBytesLimit = 32 << 20

/** What a lane's snapshot holds. */
type SavedLaneTask = {
  readonly lanes: SavedShardLanes | null
  readonly messages: readonly LaneMessage[]
  readonly refused: SavedLines
}

/** What can be read of a lane's snapshot without its state. */
export type LaneNote = {
  /** SHARD_END once the shard has been read to its end. */
  readonly position: Position | 'SHARD_END' | null
  /** Epoch milliseconds. */
  readonly savedAt: number
  /** Who has claimed the shard. */
  readonly owner: string
  /** Of a shard that has ended: the watermarks with which its children go on, its books, and its children. */
  readonly ended?: {
    readonly watermarks: { readonly [query: string]: SavedInstant }
    readonly ledgers: { readonly [query: string]: LaneLedger }
    readonly children: readonly ShardFamily[]
  }
  /** The shard has ended, and all it gave has arrived. */
  readonly isDrained?: true
}

export interface LaneTaskOptions {
  readonly shardId: string
  readonly store: SnapshotStore
  readonly readers: LaneReaders
  readonly queries: readonly string[]
  readonly partitions: number
  /** Names this opening of the shard, in all processes. */
  readonly owner: string
  /** Where lanes begin of which nothing is saved. */
  readonly start: () => Promise<ByQuery<LaneStart>>
  readonly now: () => number
  /** Told of refused records before they are published. */
  readonly onRefused: (emissions: readonly RefusedEmission[]) => void
  /** Messages may be there to go. */
  readonly onMessages: () => void
}

export class LaneTask {
  readonly shardId: string
  readonly messages: MessageOutbox
  readonly refused: LineOutbox
  /** Its newest read came back empty and caught up. */
  isCaughtUp = false
  readonly #options: LaneTaskOptions
  readonly #reader: LaneReader | undefined
  /** Steps that have been asked for, and nobody has waited for yet. */
  readonly #ahead: Promise<void>[] = []
  readonly #saves = new Exclusive()
  #version: number
  #note: LaneNote
  #epoch = 0
  #isDirty = false
  #looks: ByQuery<LaneLook> = new Map()
  #waking: LaneStep['waking'] = new Map()
  #hasIdleLanes = false
  /** Resolvers of those who wait until the merges have caught up. */
  #waiting: (() => void)[] = []
  #isClosed = false

  /** Loads the newest snapshot of a shard and claims it. @throws SnapshotConflictError when another process does so too. */
  static open(options: LaneTaskOptions): Promise<LaneTask> {
    const { shardId, store, readers, queries } = options
    return claimed(store, laneName(shardId), async (snapshot) => {
      const saved = snapshot?.state as SavedLaneTask | undefined
      const note = (snapshot?.note ?? { position: null, savedAt: 0, owner: '' }) as unknown as LaneNote
      let reader: LaneReader | undefined
      if (note.ended === undefined) {
        const lanes = saved?.lanes ?? undefined
        const isWhole = lanes !== undefined && queries.every((query) => Object.hasOwn(lanes.queries, query))
        reader = await readers.open(shardId, lanes, isWhole ? new Map() : await options.start())
      }
      const task = new LaneTask(options, { saved, note, reader, version: snapshot?.version ?? 0 })
      return { task, claim: () => task.#claim(), giveUp: async () => reader?.close() }
    })
  }

  private constructor(
    options: LaneTaskOptions,
    from: {
      readonly saved: SavedLaneTask | undefined
      readonly note: LaneNote
      readonly reader: LaneReader | undefined
      readonly version: number
    },
  ) {
    const { saved, note, reader, version } = from
    this.shardId = options.shardId
    this.#options = options
    this.#reader = reader
    this.#version = version
    this.#note = note
    this.messages = new MessageOutbox(options.partitions, saved?.messages)
    this.refused = new LineOutbox(refusedLimit, saved?.refused)
  }

  async #claim(): Promise<void> {
    if (this.#reader !== undefined) {
      // What the reader knows of itself after a start, without a record.
      await this.#step({ kind: 'records', records: [], now: this.#options.now() })
    }
    await this.save()
  }

  /** The shard was read to its end, in this process or before. */
  get hasEnded(): boolean {
    return this.#note.ended !== undefined
  }

  /** Where the newest snapshot is. */
  get savedPosition(): Position | 'SHARD_END' | null {
    return this.#note.position
  }

  get version(): number {
    return this.#version
  }

  get looks(): ByQuery<LaneLook> {
    return this.#looks
  }

  get ledgers(): ByQuery<LaneLedger> {
    const { ended } = this.#note
    if (ended !== undefined) return new Map(Object.entries(ended.ledgers))
    return new Map([...this.#looks].map(([query, { ledger }]) => [query, ledger]))
  }

  /** Takes a batch; resolves when there is room for another. `wake` is called first where lanes are idle, see there. */
  async accept(batch: RecordBatch, wake: () => Promise<void>): Promise<void> {
    const { records, millisBehindLatest } = batch
    const isEmpty = records.length === 0
    if (!this.hasEnded) {
      if (!isEmpty && this.#hasIdleLanes) await wake()
      const now = this.#options.now()
      this.#askFor(
        isEmpty ? { kind: 'empty', isCaughtUp: millisBehindLatest === 0, now } : { kind: 'records', records, now },
      )
      await this.#notAhead(isEmpty ? 0 : this.#reader!.ahead)
    }
    this.isCaughtUp = isEmpty && millisBehindLatest === 0
    await this.refused.room()
    while (this.messages.bytes > messageBytesLimit && !this.#isClosed) await this.#delivery()
  }

  /** Resolves when all that the lane gave is durable where it goes. */
  async drained(): Promise<void> {
    while ((!this.messages.isEmpty || this.refused.size > 0) && !this.#isClosed) await this.#delivery()
  }

  #delivery(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Tells the merges that records come again; resolves to what they must have been told of: see `ShardLanes.waking`. */
  async beginWaking(): Promise<LaneStep['waking']> {
    await this.#step({ kind: 'begin-waking' })
    await this.save()
    this.#options.onMessages()
    return this.#waking
  }

  async wake(watermarks: ByQuery<number>): Promise<void> {
    await this.#step({ kind: 'wake', watermarks })
  }

  /** The shard has no more records; saves that. */
  async end(children: readonly ShardFamily[]): Promise<void> {
    if (this.hasEnded) return
    await this.#notAhead(0)
    await this.#step({ kind: 'end', children })
    await this.save()
    this.#options.onMessages()
  }

  #askFor(input: LaneInput): void {
    const step = this.#step(input)
    // Whoever waits for it hears of it.
    step.catch(() => {})
    this.#ahead.push(step)
  }

  /** Waits until not more than so many steps have been asked for and are not done. */
  async #notAhead(steps: number): Promise<void> {
    while (this.#ahead.length > steps) await this.#ahead.shift()
  }

  async #step(input: LaneInput): Promise<void> {
    this.#keep(input, await this.#reader!.step(input))
    this.#options.onMessages()
  }

  #keep(input: LaneInput, step: LaneStep): void {
    const { messages, refused, epoch, position } = step
    if (epoch !== this.#epoch || messages.length > 0 || refused.length > 0) this.#isDirty = true
    if (position !== this.#note.position) this.#isDirty = true
    this.#epoch = epoch
    this.#looks = step.lanes
    this.#waking = step.waking
    this.#hasIdleLanes = step.hasIdleLanes
    if (position !== undefined) this.#note = { ...this.#note, position }
    this.messages.add(messages, epoch)
    this.refused.add(refused.map(lineOf), epoch)
    if (refused.length > 0) this.#options.onRefused(refused)
    if (input.kind === 'end') this.#keepEnd(input.children)
  }

  #keepEnd(children: readonly ShardFamily[]): void {
    this.#note = {
      position: 'SHARD_END',
      savedAt: this.#note.savedAt,
      owner: this.#options.owner,
      ended: {
        watermarks: byName(this.#looks, ({ watermark }) => saveInstant(watermark)),
        ledgers: byName(this.#looks, ({ ledger }) => ledger),
        children,
      },
    }
    this.#isDirty = true
  }

  /** The merges have made durable what they were handed out up to there. */
  accepted(partition: number, handedOut: number): void {
    if (this.messages.accepted(partition, handedOut)) this.#isDirty = true
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Lines that were delivered need not be in the next snapshot. */
  delivered(): void {
    this.#isDirty = true
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Something has changed since the last snapshot. */
  get isDirty(): boolean {
    return this.#isDirty
  }

  /**
   * Makes the lane durable as it is, and lets go what waited for that. Resolves to the position that may be checkpointed.
   * @throws SnapshotConflictError when another process has claimed the shard.
   */
  async save(): Promise<Position | 'SHARD_END' | null> {
    return this.#saves.run(async () => {
      const lanes = this.hasEnded ? null : await this.#reader!.save()
      // What came of the steps before is here by now, and nothing of later ones.
      this.#isDirty = false
      const epoch = this.#epoch
      const isDrained = this.hasEnded && this.messages.isEmpty && this.refused.size === 0
      const note: LaneNote = {
        ...this.#note,
        savedAt: this.#options.now(),
        owner: this.#options.owner,
        ...(isDrained ? { isDrained } : {}),
      }
      const state: SavedLaneTask = {
        lanes: this.hasEnded ? null : lanes,
        messages: this.messages.save(),
        refused: this.refused.save(),
      }
      const { store, shardId } = this.#options
      this.#version = await store.save(
        laneName(shardId),
        { state: state as unknown as SnapshotValue, note: note as unknown as JsonValue },
        this.#version,
      )
      this.messages.durable(epoch)
      this.refused.durable(epoch)
      this.#options.onMessages()
      return note.position
    })
  }

  /** Ends all waiting: for room, and for what was given to arrive. */
  stopWaiting(): void {
    this.#isClosed = true
    this.refused.close()
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Lets go of the shard, as it is. */
  async close(): Promise<void> {
    this.stopWaiting()
    if (!this.hasEnded) await this.#reader?.close()
  }
}

export function watermarksOf({ ended }: LaneNote): ByQuery<number> | undefined {
  if (ended === undefined) return undefined
  return new Map(Object.entries(ended.watermarks).map(([query, at]) => [query, loadInstant(at)]))
}

function lineOf(emission: RefusedEmission) {
  const { kind, query, shardId, position } = emission
  return { id: `${kind} ${query} ${shardId} ${position}`, key: shardId, text: refusedLine(emission) }
}

function byName<From, To>(values: ByQuery<From>, as: (value: From) => To): Record<string, To> {
  return Object.fromEntries([...values].map(([query, value]) => [query, as(value)]))
}
