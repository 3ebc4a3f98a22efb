// The merge of one query's lanes, or of a partition of its keys, from messages: lanes may be in this process or in others,
// and each message may come more than once. The merged watermark is the minimum over the lanes that are not idle; it never
// goes back. A lane whose parents have not ended counts as they do.
import type { JsonValue, Rows } from '../aggregates/aggregator.ts'
import type { SnapshotValue } from '../aggregates/snapshot-value.ts'
import type { CompiledQuery } from '../queries/compiled-query.ts'
import { loadInstant, type SavedInstant, saveInstant } from '../time/saved-instant.ts'
import { KeyTable } from '../windows/key-table.ts'
import type { SessionSpan } from '../windows/session.ts'
import { slicing } from '../windows/slices.ts'
import { TablePool } from '../windows/table-pool.ts'
import { AlignedMerge } from './aligned-merge.ts'
import type { Emitter } from './emitter.ts'
import { OpenMirror } from './open-mirror.ts'
import { PaneOutput } from './pane-output.ts'
import {
  knownStarts,
  type LaneMessage,
  type OpenSpans,
  type PartialRun,
  type PortableRows,
  type ShardFamily,
  unpackRows,
} from './partials.ts'
import { QueryChangedError } from './query-changed.ts'
import { SessionMerge } from './session-merge.ts'

interface LaneView {
  readonly lane: string
  readonly parents: ReadonlySet<string>
  status: 'waiting' | 'active' | 'idle'
  /** As the lane told it. */
  watermark: number
  isFollowing: boolean
  /** When it became idle, by its reader's clock. */
  idleSince: number
  /** The number of the unit that comes next. */
  next: number
  /** Its newest unit says that records come again; it waits to hear where the merge is, and gives nothing until then. */
  isWaking: boolean
  readonly opens: OpenMirror
}

interface EndedLane {
  readonly watermark: number
}

export class QueryMerger {
  readonly query: CompiledQuery
  readonly #keys = new KeyTable()
  readonly #tables: TablePool
  readonly #output: PaneOutput
  readonly #merge: AlignedMerge | SessionMerge | undefined
  readonly #lanes = new Map<string, LaneView>()
  readonly #ended = new Map<string, EndedLane>()
  #watermark = Number.NEGATIVE_INFINITY
  /** The watermark of the only lane there is, after the message that is being taken. */
  #soleWatermark: number | undefined
  #earlyTurn: number | undefined

  constructor(query: CompiledQuery, emitter: Emitter, saved?: SavedQueryMerger) {
    if (saved !== undefined && saved.fingerprint !== query.fingerprint) throw new QueryChangedError(query.name)
    this.query = query
    this.#tables = new TablePool(query.layout)
    this.#output = new PaneOutput(query, this.#keys, emitter)
    this.#merge = this.#makeMerge(saved?.merge)
    if (saved === undefined) return
    this.#watermark = loadInstant(saved.watermark)
    for (const [lane, watermark] of saved.ended) this.#ended.set(lane, { watermark: loadInstant(watermark) })
    for (const { lane, parents, watermark, idleSince, opens, ...rest } of saved.lanes) {
      const view: LaneView = {
        ...rest,
        lane,
        parents: new Set(parents),
        watermark: loadInstant(watermark),
        idleSince: idleSince ?? Number.NaN,
        opens: new OpenMirror(this.#keys),
      }
      view.opens.add(opens)
      this.#lanes.set(lane, view)
    }
  }

  #makeMerge(saved: SnapshotValue | undefined): AlignedMerge | SessionMerge | undefined {
    const { window, layout, allowedLatenessMs, earlyMs } = this.query
    const common = { layout, keys: this.#keys, allowedLatenessMs, output: this.#output }
    const options = { ...common, hasEarlyPanes: earlyMs !== undefined }
    switch (window.type) {
      case 'session':
        return new SessionMerge(
          {
            ...options,
            // What lanes hold comes as shares of its own when early panes want it.
            lanes: () => [],
            openSpans: (key) => this.#openSpans(key),
            soleWatermark: () => this.#soleWatermark,
          },
          saved,
        )
      case 'count':
        return undefined
      default:
        return new AlignedMerge({ ...options, windows: slicing(window).windows, tables: this.#tables }, saved)
    }
  }

  *#openSpans(key: number): Iterable<SessionSpan> {
    // All that idle lanes had open was given as it is.
    for (const { status, opens } of this.#lanes.values()) if (status !== 'idle') yield* opens.of(key)
  }

  get watermark(): number {
    return this.#watermark
  }

  /** Lanes that wait to hear where this merge is, each with the number of the unit that comes next. */
  get waking(): ReadonlyMap<string, number> {
    return new Map([...this.#lanes.values()].flatMap(({ lane, isWaking, next }) => (isWaking ? [[lane, next]] : [])))
  }

  get hasOpenLanes(): boolean {
    return this.#lanes.size > 0
  }

  /** Makes shards known before they speak: they hold the merged watermark. Of those that are known nothing changes. */
  declare(shards: readonly ShardFamily[]): void {
    const listed = new Set(shards.map(({ shardId }) => shardId))
    for (const { shardId, parentShardIds } of shards) {
      if (this.#lanes.has(shardId) || this.#ended.has(shardId)) continue
      this.#add(
        shardId,
        parentShardIds.filter((id) => listed.has(id) || this.#lanes.has(id) || this.#ended.has(id)),
      )
    }
    this.#activate()
  }

  #add(lane: string, parents: readonly string[]): LaneView {
    const view: LaneView = {
      lane,
      parents: new Set(parents),
      status: parents.length > 0 ? 'waiting' : 'active',
      watermark: Number.NEGATIVE_INFINITY,
      isFollowing: false,
      idleSince: Number.NaN,
      next: 0,
      isWaking: false,
      opens: new OpenMirror(this.#keys),
    }
    this.#lanes.set(lane, view)
    return view
  }

  /**
   * Takes what a lane gives; units that have come before are passed over. False, with nothing changed, when units before the
   * message's first are missing: they have to come first.
   */
  take(message: LaneMessage): boolean {
    if (this.#ended.has(message.lane)) return true
    const view = this.#lanes.get(message.lane) ?? this.#add(message.lane, [])
    if (message.first > view.next) return false
    const watermark = loadInstant(message.watermark)
    const isSole = this.#lanes.size === 1 && view.status === 'active' && !message.isFollowing
    this.#soleWatermark = isSole ? watermark : undefined
    const before = view.next
    let unit = message.first
    for (const run of message.runs) {
      const known = Math.max(0, view.next - unit)
      unit += run.units
      if (run.kind === 'session') this.#noteGiven(view, run)
      if (known >= run.units) continue
      view.isWaking = false
      this.#apply(view, run, known)
      view.next = unit
    }
    this.#soleWatermark = undefined
    if (this.#ended.has(message.lane)) {
      this.#settle()
      return true
    }
    // What was open before units that are known was told then, or has been given since.
    if (message.opens !== undefined && unit >= before) view.opens.add(message.opens)
    if (watermark >= view.watermark) {
      if (watermark > view.watermark) view.isWaking = false
      view.watermark = watermark
      view.isFollowing = message.isFollowing
    }
    this.#settle()
    return true
  }

  /** Even of shares that came before: their sessions may have been told to be open again. */
  #noteGiven({ opens }: LaneView, { spans, rows }: PartialRun & { readonly kind: 'session' }): void {
    let at = 0
    this.#keys.unpack(rows.keys, (key) => {
      opens.given(key, spans[at + 1]!, spans[at + 2]!)
      at += 4
    })
  }

  #apply(view: LaneView, run: PartialRun, from: number): void {
    switch (run.kind) {
      case 'put': {
        const table = this.#tables.take()
        unpackRows(run.rows, table, this.#keys, this.query.layout)
        ;(this.#merge as AlignedMerge).put(view.lane, run.end, table)
        return
      }
      case 'revise': {
        const { keys, rows } = this.#loose(run.rows)
        const merge = this.#merge as AlignedMerge
        for (let i = from; i < run.units; i++) merge.revise(view.lane, run.ends[i]!, rows, keys[i]!, i)
        return
      }
      case 'count': {
        const { keys, rows } = this.#loose(run.rows)
        for (let i = from; i < run.units; i++) this.#publishCount(view.lane, keys[i]!, run.windows, i, rows)
        return
      }
      case 'session':
        this.#putSessions(view.lane, run, from)
        return
      case 'idle':
        view.status = 'idle'
        view.idleSince = run.at
        return
      case 'active':
        view.status = 'active'
        view.isWaking = true
        return
      case 'end':
        this.#end(view, run.children)
        return
    }
  }

  /** Rows that follow no order: row i has the i-th key. */
  #loose(rows: PortableRows): { readonly keys: readonly number[]; readonly rows: Rows } {
    const { layout } = this.query
    const keys: number[] = []
    this.#keys.unpack(rows.keys, (key) => keys.push(key))
    const loose: Rows = { cells: rows.cells, refs: [] }
    if (rows.refs !== undefined) {
      for (const [i, refs] of (JSON.parse(rows.refs) as JsonValue[][]).entries()) layout.decodeRefs(loose, i, refs)
    }
    return { keys, rows: loose }
  }

  #publishCount(lane: string, key: number, windows: Float64Array, unit: number, rows: Rows): void {
    const [n, start, end, index, full] = windows.subarray(5 * unit, 5 * unit + 5) as unknown as number[]
    const isFull = full === 1
    const timing = isFull ? 'on-time' : 'early'
    const header = { start: start!, end: end!, timing, final: isFull, closedByIdle: false } as const
    this.#output.window({ ...header, count: { shardId: lane, n: n! } }, this.query.earlyMs === undefined)
    this.#output.pane(key, index!, rows, unit)
  }

  #putSessions(lane: string, run: PartialRun & { readonly kind: 'session' }, from: number): void {
    const { keys, rows } = this.#loose(run.rows)
    const merge = this.#merge as SessionMerge
    const more = new Map(run.more.map((each) => [each.at, each]))
    for (let i = from; i < run.units; i++) {
      const [serial, start, end, knownAt] = run.spans.subarray(4 * i, 4 * i + 4) as unknown as number[]
      const key = keys[i]!
      const own = more.get(i)
      if (own === undefined && merge.putFinal(key, start!, end!, rows, i)) continue
      merge.put(
        {
          shardId: lane,
          serial: serial!,
          replaces: own?.replaces ?? [],
          key,
          start: start!,
          end: end!,
          starts: own === undefined ? [{ start: start!, knownAt: knownAt! }] : knownStarts(own.starts, loadInstant),
          published: [],
        },
        rows,
        i,
      )
    }
  }

  #end(view: LaneView, children: readonly ShardFamily[]): void {
    const { lane, status, watermark } = view
    this.#lanes.delete(lane)
    this.#ended.set(lane, { watermark: status === 'idle' ? Math.max(watermark, this.#watermark) : watermark })
    for (const { shardId, parentShardIds } of children) {
      if (this.#lanes.has(shardId) || this.#ended.has(shardId)) continue
      // A parent that nobody knows was trimmed away before anything was read.
      this.#add(
        shardId,
        parentShardIds.filter((id) => this.#lanes.has(id) || this.#ended.has(id)),
      )
    }
    this.#activate()
  }

  /** Lanes whose parents have all ended go on from the lowest of their watermarks. */
  #activate(): void {
    for (const view of this.#lanes.values()) {
      if (view.status !== 'waiting') continue
      if ([...view.parents].some((id) => this.#lanes.has(id))) continue
      view.status = 'active'
      view.watermark = Math.max(view.watermark, this.#inherited(view))
    }
  }

  /** The lowest watermark with which a parent ended; Infinity when none has. */
  #inherited({ parents }: LaneView): number {
    let lowest = Number.POSITIVE_INFINITY
    for (const id of parents) lowest = Math.min(lowest, this.#ended.get(id)?.watermark ?? Number.POSITIVE_INFINITY)
    return lowest
  }

  #settle(): void {
    let lowest = Number.POSITIVE_INFINITY
    for (const view of this.#lanes.values()) {
      if (view.status === 'idle') continue
      lowest = Math.min(lowest, view.status === 'waiting' ? this.#inherited(view) : view.watermark)
    }
    if (lowest < Number.POSITIVE_INFINITY) this.#raise(lowest, false)
  }

  #raise(watermark: number, closedByIdle: boolean): void {
    if (watermark <= this.#watermark) return
    this.#watermark = watermark
    let complete = true
    for (const { status, isFollowing } of this.#lanes.values()) if (status === 'idle' || isFollowing) complete = false
    this.#merge?.advance({ watermark, closedByIdle, complete })
  }

  /** Time passes: early panes, and `closeAfter` where all lanes are idle. */
  tick(now: number): void {
    const { closeAfterMs, outOfOrdernessMs } = this.query
    if (closeAfterMs !== undefined && this.#idleSince() + closeAfterMs <= now) this.#raise(now - outOfOrdernessMs, true)
    this.#publishEarly(now)
  }

  /** Since when no lane reads; NaN when one does. */
  #idleSince(): number {
    let since = Number.NaN
    for (const { status, idleSince } of this.#lanes.values()) {
      if (status === 'active') return Number.NaN
      if (status === 'idle') since = Number.isNaN(since) ? idleSince : Math.max(since, idleSince)
    }
    return since
  }

  #publishEarly(now: number): void {
    const { earlyMs } = this.query
    if (earlyMs === undefined) return
    const turn = Math.floor(now / earlyMs)
    const isNewTurn = turn > (this.#earlyTurn ?? turn)
    this.#earlyTurn = turn
    if (!isNewTurn) return
    if (this.#merge instanceof SessionMerge) this.#merge.publishEarly()
    else this.#merge?.publishEarly([])
  }

  /** The input is over: every window closes. All lanes must have ended. */
  close(): void {
    this.#raise(Number.POSITIVE_INFINITY, false)
  }

  /** Forgets the keys under which nothing is kept any more, if there are many. */
  sweepKeys(): void {
    if (!this.#keys.isSweepDue) return
    this.#keys.sweep((marks) => {
      this.#merge?.markKeys(marks)
      for (const { opens } of this.#lanes.values()) opens.markKeys(marks)
    })
  }

  save(): SavedQueryMerger {
    return {
      fingerprint: this.query.fingerprint,
      watermark: saveInstant(this.#watermark),
      lanes: [...this.#lanes.values()].map(
        ({ lane, parents, status, watermark, isFollowing, idleSince, next, isWaking, opens }) => ({
          lane,
          parents: [...parents],
          status,
          watermark: saveInstant(watermark),
          isFollowing,
          idleSince: Number.isNaN(idleSince) ? null : idleSince,
          next,
          isWaking,
          opens: opens.save(),
        }),
      ),
      ended: [...this.#ended].map(([lane, { watermark }]) => [lane, saveInstant(watermark)]),
      merge: this.#merge?.encode() ?? null,
    }
  }
}

export type SavedQueryMerger = {
  readonly fingerprint: string
  readonly watermark: SavedInstant
  readonly lanes: readonly {
    readonly lane: string
    readonly parents: readonly string[]
    readonly status: LaneView['status']
    readonly watermark: SavedInstant
    readonly isFollowing: boolean
    readonly idleSince: number | null
    readonly next: number
    readonly isWaking: boolean
    readonly opens: OpenSpans
  }[]
  readonly ended: readonly (readonly [lane: string, watermark: SavedInstant])[]
  readonly merge: SnapshotValue
}
