// Reads lanes on several threads, this one among them. A new shard goes to the thread with the fewest, this one last; while
// shards are read they are moved where `balance.ts` says, with their state: a shard's lanes are self-contained.
import type { ByQuery, LaneStart, SavedShardLanes } from '../engine/shard-lanes.ts'
import type { LaneInput, LaneReader, LaneReaders, LaneStep } from '../tasks/lane-reader.ts'
import { balanced } from './balance.ts'

/** How long is measured before shards are moved. */
const measureMs = 200

/** A thread as a place for lanes. */
export interface LanePlace {
  open(shardId: string, saved: SavedShardLanes | undefined, starts: ByQuery<LaneStart>): Promise<PlacedReader>
  /** For how long the thread has been at work. */
  readonly busyMs: number
}

/** `busyMs`: for how long its steps have been at work. */
export type PlacedReader = LaneReader & { readonly busyMs: number }

export interface SpreadOptions {
  /** The first ones get shards first. */
  readonly places: readonly LanePlace[]
  /** Checks a saved state before anybody takes it over. */
  readonly check: (saved: SavedShardLanes | undefined) => void
  /** Milliseconds of some clock. */
  readonly clock: () => number
}

interface Measured {
  readonly at: number
  readonly places: readonly number[]
  readonly shards: ReadonlyMap<SpreadReader, number>
}

export class SpreadLaneReaders implements LaneReaders {
  readonly #options: SpreadOptions
  readonly #readers = new Set<SpreadReader>()
  #measured: Measured

  constructor(options: SpreadOptions) {
    this.#options = options
    this.#measured = this.#measure()
  }

  async open(shardId: string, saved: SavedShardLanes | undefined, starts: ByQuery<LaneStart>): Promise<LaneReader> {
    const { check, places } = this.#options
    check(saved)
    const shards = places.map((place) => [...this.#readers].filter((reader) => reader.place === place).length)
    const place = places[shards.indexOf(Math.min(...shards))]!
    const reader = new SpreadReader(shardId, place, place.open(shardId, saved, starts), {
      onStep: () => this.#balance(),
      onClose: (closed) => this.#readers.delete(closed),
    })
    this.#readers.add(reader)
    try {
      await reader.opened
    } catch (error) {
      this.#readers.delete(reader)
      throw error
    }
    return reader
  }

  #measure(): Measured {
    const { clock, places } = this.#options
    return {
      at: clock(),
      places: places.map(({ busyMs }) => busyMs),
      shards: new Map([...this.#readers].map((reader) => [reader, reader.busyMs])),
    }
  }

  #balance(): void {
    const { places, clock } = this.#options
    const before = this.#measured
    if (clock() - before.at < measureMs) return
    const now = this.#measure()
    this.#measured = now
    const loads = places.map((place, i) => ({
      busyMs: now.places[i]! - before.places[i]!,
      shardMs: new Map(
        [...now.shards].flatMap(([reader, ms]) =>
          reader.place === place ? [[reader.shardId, ms - (before.shards.get(reader) ?? ms)]] : [],
        ),
      ),
    }))
    const move = balanced(loads, now.at - before.at)
    if (move === undefined) return
    for (const reader of this.#readers) if (reader.shardId === move.shardId) reader.moveTo(places[move.to]!)
  }

  async close(): Promise<void> {}
}

interface ReaderOptions {
  readonly onStep: () => void
  readonly onClose: (reader: SpreadReader) => void
}

/** The lanes of a shard, wherever they are read. While they are moved, one step at a time is asked for. */
class SpreadReader implements LaneReader {
  readonly shardId: string
  place: LanePlace
  readonly #options: ReaderOptions
  /** Undefined while the lanes are on their way. */
  #reader: PlacedReader | undefined
  #arriving: Promise<PlacedReader>
  /** What lanes count they count from the beginning where they arrive. */
  #epochBefore = 0
  #epoch = 0
  #busyBefore = 0

  constructor(shardId: string, place: LanePlace, opening: Promise<PlacedReader>, options: ReaderOptions) {
    this.shardId = shardId
    this.place = place
    this.#options = options
    this.#arriving = this.#arrive(opening)
  }

  get opened(): Promise<unknown> {
    return this.#arriving
  }

  get ahead(): number {
    return this.#reader?.ahead ?? 0
  }

  get busyMs(): number {
    return this.#busyBefore + (this.#reader?.busyMs ?? 0)
  }

  async #arrive(opening: Promise<PlacedReader>): Promise<PlacedReader> {
    this.#reader = await opening
    return this.#reader
  }

  async step(input: LaneInput): Promise<LaneStep> {
    const reader = this.#reader ?? (await this.#arriving)
    const before = this.#epochBefore
    const asked = reader.step(input)
    this.#options.onStep()
    const step = await asked
    this.#epoch = before + step.epoch
    return { ...step, epoch: this.#epoch }
  }

  /** Takes the lanes to another thread, with what they hold after the steps so far. */
  moveTo(place: LanePlace): void {
    const from = this.#reader
    if (from === undefined) return
    this.#reader = undefined
    this.place = place
    this.#arriving = this.#arrive(this.#leave(from).then((saved) => place.open(this.shardId, saved, new Map())))
    // Whoever asks for the next step hears of it.
    this.#arriving.catch(() => {})
  }

  async #leave(from: PlacedReader): Promise<SavedShardLanes> {
    const saved = await from.save()
    this.#epochBefore = this.#epoch
    this.#busyBefore += from.busyMs
    await from.close()
    return saved
  }

  async save(): Promise<SavedShardLanes> {
    return (this.#reader ?? (await this.#arriving)).save()
  }

  async close(): Promise<void> {
    this.#options.onClose(this)
    await this.#arriving.then(
      (reader) => reader.close(),
      () => {},
    )
  }
}
