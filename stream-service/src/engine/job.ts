// The whole of what one process computes: every shard it reads, every query over them. Pure: records and the time go in,
// emissions come out, and the state can be saved and restored between any two calls.
//
//   shard s1 ──decode once──┬── query A: lane s1 ──┐
//                           └── query B: lane s1 ─┐└─ merge A ─> panes
//   shard s2 ──decode once──┬── query A: lane s2 ─┼┘
//                           └── query B: lane s2 ─┴── merge B ─> panes
import type { CompiledQuery } from '../queries/compiled-query.ts'
import type { FieldPlan } from '../records/fields.ts'
import { comparePositions, type Position, type StreamRecord } from '../records/record.ts'
import type { KeyTable } from '../windows/key-table.ts'
import type { Emission, PanesEmission, RejectReason } from './emission.ts'
import { Emitter } from './emitter.ts'
import { GroupKeys } from './group-keys.ts'
import type { Ledger } from './ledger.ts'
import { QueryChangedError } from './query-changed.ts'
import { QueryEngine, type SavedQuery } from './query-engine.ts'
import type { QueryLane } from './query-lane.ts'
import type { RowRecords } from './record-rows.ts'
import { RecordTaker } from './record-taker.ts'

export interface DeclaredShard {
  readonly shardId: string
  readonly parentShardIds: readonly string[]
}

interface Shard {
  readonly shardId: string
  readonly parents: Set<string>
  /** `waiting` until all parents have ended, `reading`, then `ended`. */
  status: 'waiting' | 'reading' | 'ended'
  /** Records that came while the shard was waiting; they are pending in the ledger. */
  readonly queue: StreamRecord[]
  /** Ended while it was still waiting, with these children. */
  endsWith: readonly string[] | undefined
  /** The last record taken. */
  position: Position | undefined
  /** After a restart: records up to here are in the restored state already. */
  skipUpTo: Position | undefined
  /** One lane per query, in the order of the queries; none once the shard has ended. */
  lanes: readonly QueryLane[]
  /** Since when reads have come back empty and caught up, and when the last one did. */
  emptySince: number | undefined
  emptyUntil: number
}

export interface JobOptions {
  readonly queries: readonly CompiledQuery[]
  /** The plan the queries were compiled with. */
  readonly plan: FieldPlan
  /** Goes on from here. Throws QueryChangedError when a query meant something else then. */
  readonly saved?: SavedJob | undefined
  /**
   * How long a lane has been empty: `clock`, until now, once a read came back empty (scenarios); `reads`, until the last
   * read that came back empty, so that a lane that nobody reads, because a sink is slow, does not count as idle (live).
   */
  readonly idleBy?: 'clock' | 'reads'
  /**
   * Takes panes as they are written, in large pieces; each is overwritten after the call. Without it panes are among the
   * emissions that other calls return, and stay as they are.
   */
  readonly onPanes?: ((panes: PanesEmission) => void) | undefined
}

export class Job {
  readonly #idleBy: 'clock' | 'reads'
  readonly queries: readonly QueryEngine[]
  readonly #taker: RecordTaker
  readonly #shards = new Map<string, Shard>()
  /** Shards known before anything was read hold the merged watermark; later ones begin at it. */
  #started = false
  readonly #emitter: Emitter
  /** By the slots of their fields: queries with the same keys number them together. */
  readonly #groupKeys = new GroupKeys()

  constructor(options: JobOptions) {
    const { queries, plan, saved } = options
    this.#idleBy = options.idleBy ?? 'clock'
    this.#emitter = new Emitter(options.onPanes)
    this.#taker = new RecordTaker(plan)
    this.queries = queries.map(
      (query) => new QueryEngine(query, this.#groupKeys.of(query), this.#emitter, savedQuery(query, saved)),
    )
    if (saved === undefined) return
    this.#started = saved.started
    for (const { shardId, parents, status, position } of saved.shards) {
      this.#shards.set(shardId, {
        shardId,
        parents: new Set(parents),
        status,
        queue: [],
        endsWith: undefined,
        position: position ?? undefined,
        skipUpTo: position ?? undefined,
        lanes: status === 'ended' ? [] : this.queries.map((engine) => restoredLane(engine, shardId, status, parents)),
        emptySince: undefined,
        emptyUntil: 0,
      })
    }
  }

  /** Makes shards known: with parents that have not ended they wait for them. Shards that are known already gain parents only. */
  declare(shards: readonly DeclaredShard[]): Emission[] {
    // Parents first, so that a child declared in the same breath finds them.
    for (const { shardId, parentShardIds } of shards) if (parentShardIds.length === 0) this.#shardOf(shardId, [])
    const declared = new Set(shards.map(({ shardId }) => shardId))
    for (const { shardId, parentShardIds } of shards) {
      if (parentShardIds.length === 0) continue
      for (const parent of parentShardIds) if (declared.has(parent)) this.#declareParent(parent, shards)
      this.#shardOf(
        shardId,
        parentShardIds.filter((parent) => this.#shards.has(parent)),
      )
    }
    return this.#drainEmissions()
  }

  /** A parent that is itself a child has to be there before its own children ask for it. */
  #declareParent(shardId: string, shards: readonly DeclaredShard[]): void {
    if (this.#shards.has(shardId)) return
    const { parentShardIds } = shards.find((shard) => shard.shardId === shardId)!
    for (const parent of parentShardIds)
      if (shards.some((shard) => shard.shardId === parent)) this.#declareParent(parent, shards)
    this.#shardOf(
      shardId,
      parentShardIds.filter((parent) => this.#shards.has(parent)),
    )
  }

  #shardOf(shardId: string, parents: readonly string[]): Shard {
    const known = this.#shards.get(shardId)
    if (known !== undefined) {
      for (const parent of parents) this.#addParent(known, parent)
      return known
    }
    const open = parents.filter((parent) => this.#shards.get(parent)?.status !== 'ended')
    const waits = open.length > 0
    const shard: Shard = {
      shardId,
      parents: new Set(parents),
      status: waits ? 'waiting' : 'reading',
      queue: [],
      endsWith: undefined,
      position: undefined,
      skipUpTo: undefined,
      lanes: this.queries.map((engine) => engine.addLane(shardId, { parents, waits, known: !this.#started })),
      emptySince: undefined,
      emptyUntil: 0,
    }
    this.#shards.set(shardId, shard)
    return shard
  }

  #addParent(shard: Shard, parent: string): void {
    if (shard.parents.has(parent)) return
    shard.parents.add(parent)
    if (this.#shards.get(parent)?.status === 'ended') {
      for (const engine of this.queries) engine.adoptParent(shard.shardId, parent)
    } else if (shard.status === 'reading' && shard.position === undefined) {
      // It was thought to be ready, but has another parent to wait for.
      shard.status = 'waiting'
      for (const engine of this.queries) engine.suspend(shard.shardId, shard.parents)
    }
  }

  /**
   * Takes records of one shard in order, or none when a read came back empty. `behindMs` is how far that read was behind
   * the newest record; only an empty read with 0 shows that the shard is caught up. Records up to the position that a
   * restored state holds are skipped.
   */
  accept(shardId: string, records: readonly StreamRecord[], behindMs: number, now: number): Emission[] {
    const shard = this.#shardOf(shardId, [])
    this.#started = true
    if (shard.status === 'ended') throw new ShardEndedError(shardId)
    if (records.length === 0 && behindMs === 0 && shard.queue.length === 0) {
      shard.emptySince ??= now
      shard.emptyUntil = now
    } else {
      this.#wake(shard)
    }
    if (shard.status === 'waiting') shard.queue.push(...records)
    else this.#takeAll(shard, records)
    return this.#drainEmissions()
  }

  #wake(shard: Shard): void {
    if (shard.emptySince === undefined) return
    shard.emptySince = undefined
    for (const [i, engine] of this.queries.entries()) engine.wake(shard.lanes[i]!)
  }

  #takeAll(shard: Shard, records: readonly StreamRecord[]): void {
    const isWanted = (record: StreamRecord) => {
      if (!this.#isNew(shard, record)) return false
      shard.position = record.position
      return true
    }
    this.#taker.takeAll(records, shard.lanes, isWanted)
  }

  /** False for a record that the restored state holds already. */
  #isNew(shard: Shard, record: StreamRecord): boolean {
    if (shard.skipUpTo === undefined) return true
    if (comparePositions(record.position, shard.skipUpTo) <= 0) return false
    shard.skipUpTo = undefined
    return true
  }

  /** A way in for readers of files that need no object per record. What comes out is fetched with `takeEmissions`. */
  openFile(shardId: string): FileLane {
    const shard = this.#shardOf(shardId, [])
    this.#started = true
    const taker = this.#taker
    return {
      take: (bytes, start, end, isKnownUtf8, record) => {
        taker.takeDecoded(taker.decoder.decode(bytes, start, end, isKnownUtf8), record, shard.lanes)
      },
      readLines: (bytes, start, stop) => taker.decoder.decodeLines(bytes, start, stop),
      lineFeedAt: (row) => taker.decoder.lineFeedAt(row),
      takeRead: (lines, records) => {
        taker.takeRows(lines, records, shard.lanes)
      },
      refuse: (record, reason, detail) => {
        for (const lane of shard.lanes) lane.takeBroken(record, reason, detail)
      },
    }
  }

  /** What came out since the last call. */
  takeEmissions(): Emission[] {
    return this.#drainEmissions()
  }

  /** The shard has no more records; its children, if any, may begin once all their parents have ended. */
  end(shardId: string, children: readonly string[]): Emission[] {
    const shard = this.#shardOf(shardId, [])
    this.#started = true
    for (const child of children) this.#shardOf(child, [shardId])
    if (shard.status === 'ended') throw new ShardEndedError(shardId)
    if (shard.status === 'waiting') shard.endsWith = children
    else this.#end(shard)
    return this.#drainEmissions()
  }

  #end(shard: Shard): void {
    const children = [...this.#shards.values()].filter(({ parents }) => parents.has(shard.shardId))
    shard.status = 'ended'
    shard.lanes = []
    for (const engine of this.queries) {
      engine.end(
        shard.shardId,
        children.map(({ shardId }) => shardId),
      )
    }
    const ready = children.filter(({ status, parents }) => status === 'waiting' && this.#allEnded(parents))
    // All children hold the watermark before any of them reads.
    for (const child of ready) {
      child.status = 'reading'
      for (const engine of this.queries) engine.activate(child.shardId)
    }
    for (const engine of this.queries) engine.settle()
    for (const child of ready) {
      this.#takeAll(child, child.queue.splice(0))
      if (child.endsWith !== undefined) this.#end(child)
    }
  }

  #allEnded(shardIds: Iterable<string>): boolean {
    for (const shardId of shardIds) if (this.#shards.get(shardId)?.status !== 'ended') return false
    return true
  }

  /** The shards that have not ended. */
  openShards(): string[] {
    return [...this.#shards.values()].filter(({ status }) => status !== 'ended').map(({ shardId }) => shardId)
  }

  /** Time passes: lanes become idle, and `closeAfter` may close what is open. */
  tick(now: number): Emission[] {
    const emptiness = (shardId: string) => {
      const shard = this.#shards.get(shardId)
      if (shard?.emptySince === undefined) return undefined
      return { since: shard.emptySince, until: this.#idleBy === 'clock' ? now : shard.emptyUntil }
    }
    for (const engine of this.queries) engine.tick(now, emptiness)
    return this.#drainEmissions()
  }

  /** The input is over: every shard ends, parents before children, and every window closes. */
  drain(): Emission[] {
    for (const shard of this.#shards.values()) if (shard.status === 'reading') this.#end(shard)
    // A shard left waiting has a parent that never came, or one that ended while it was waiting itself.
    for (const shard of this.#shards.values()) {
      if (shard.status !== 'waiting') continue
      shard.status = 'reading'
      for (const engine of this.queries) engine.activate(shard.shardId)
      this.#takeAll(shard, shard.queue.splice(0))
      this.#end(shard)
    }
    for (const engine of this.queries) engine.close()
    return this.#drainEmissions()
  }

  ledger(): Ledger {
    const pending = (shardId: string) => this.#shards.get(shardId)?.queue.length ?? 0
    return { queries: Object.fromEntries(this.queries.map((engine) => [engine.query.name, engine.ledger(pending)])) }
  }

  /** Where each shard stands: the last record taken, or SHARD_END. Shards from which nothing was taken are left out. */
  positions(): Map<string, Position | 'SHARD_END'> {
    const positions = new Map<string, Position | 'SHARD_END'>()
    for (const { shardId, status, position } of this.#shards.values()) {
      if (status === 'ended') positions.set(shardId, 'SHARD_END')
      else if (position !== undefined) positions.set(shardId, position)
    }
    return positions
  }

  #drainEmissions(): Emission[] {
    for (const { keys } of this.#groupKeys.all) if (keys.isSweepDue) this.#sweep(keys)
    return this.#emitter.take()
  }

  /** Forgets the keys under which no query keeps anything any more. Not while a record is being taken. */
  #sweep(keys: KeyTable): void {
    keys.sweep((marks) => {
      for (const engine of this.queries) if (engine.keys === keys) engine.markKeys(marks)
    })
  }

  /** The state as JSON. Records queued for a waiting shard are not in it: their position has not been passed. */
  save(): SavedJob {
    return {
      started: this.#started,
      shards: [...this.#shards.values()].map(({ shardId, parents, status, position }) => ({
        shardId,
        parents: [...parents],
        status,
        position: position ?? null,
      })),
      queries: Object.fromEntries(this.queries.map((engine) => [engine.query.name, engine.save()])),
    }
  }
}

/** A shard was read or ended again after its end; sources and scenarios must not do that. */
export class ShardEndedError extends Error {
  readonly code = 'SHARD_ENDED'

  constructor(shardId: string) {
    super(`shard ${shardId} has ended already; no record can follow its end`)
    this.name = 'ShardEndedError'
  }
}

/** A `record` is read during the call only. */
export interface FileLane {
  /** Takes the record in `bytes[start, end)`, described by `record`. */
  take(bytes: Buffer, start: number, end: number, isKnownUtf8: boolean, record: StreamRecord): void
  /**
   * Reads lines from `start` on of UTF-8 that has a line feed before `stop`, and returns how many: `takeRead` must follow. 0
   * when the end of the next line has to be found first, for `take`.
   */
  readLines(bytes: Buffer, start: number, stop: number): number
  /** Where a line that was read ends, the first of them being 0. */
  lineFeedAt(line: number): number
  /** Takes the lines read last, described by `records`. */
  takeRead(lines: number, records: RowRecords): void
  refuse(record: StreamRecord, reason: RejectReason, detail: string): void
}

export interface SavedJob {
  readonly started: boolean
  readonly shards: readonly {
    readonly shardId: string
    readonly parents: readonly string[]
    readonly status: 'waiting' | 'reading' | 'ended'
    readonly position: Position | null
  }[]
  readonly queries: Readonly<Record<string, SavedQuery>>
}

/** The saved state of a query, if there is any; state of a query that meant something else is refused. */
function savedQuery(query: CompiledQuery, saved: SavedJob | undefined): SavedQuery | undefined {
  if (saved === undefined || !Object.hasOwn(saved.queries, query.name)) return undefined
  const state = saved.queries[query.name]!
  if (state.fingerprint !== query.fingerprint) throw new QueryChangedError(query.name)
  return state
}

/** A query that is new since the state was saved begins where the shards stand. */
function restoredLane(
  engine: QueryEngine,
  shardId: string,
  status: 'waiting' | 'reading',
  parents: readonly string[],
): QueryLane {
  return engine.lanes.get(shardId) ?? engine.addLane(shardId, { parents, waits: status === 'waiting', known: true })
}
