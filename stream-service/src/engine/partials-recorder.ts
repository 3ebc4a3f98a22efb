// Takes what a lane gives its merge and keeps it as runs of units, apart for each partition of the keys.
import type { Rows } from '../aggregates/aggregator.ts'
import type { RowLayout } from '../aggregates/row-layout.ts'
import { saveInstant } from '../time/saved-instant.ts'
import type { AlignedPartials } from '../windows/aligned-panes.ts'
import type { CountPanesOptions } from '../windows/count-panes.ts'
import type { KeyTable } from '../windows/key-table.ts'
import type { PaneTable } from '../windows/pane-table.ts'
import type { SessionShare, SessionShares } from '../windows/session-panes.ts'
import type { TablePool } from '../windows/table-pool.ts'
import type { KeyPartitions } from './key-partitions.ts'
import type { PartialRun, PortableRows, SessionMore } from './partials.ts'

/** A window of more rows is given in several units, so that none is too big to travel: sketches take kilobytes each. */
const rowsPerPut = 4_096
const sketchRowsPerPut = 128

export interface PartialsRecorderOptions {
  readonly layout: RowLayout
  readonly keys: KeyTable
  readonly tables: TablePool
  readonly allowedLatenessMs: number
  /** Tells the partition of a key. */
  readonly partitions: KeyPartitions
}

export class PartialsRecorder implements AlignedPartials {
  /** What fires now has been given before, and nothing has changed since. */
  isMuted = false
  readonly #options: PartialsRecorderOptions
  readonly #writers: readonly RunWriter[]

  constructor(options: PartialsRecorderOptions) {
    this.#options = options
    const { layout, keys, partitions } = options
    this.#writers = Array.from({ length: partitions.count }, () => new RunWriter(layout, keys))
  }

  partitionOf(key: number): number {
    const { partitions, keys } = this.#options
    return partitions.of(keys, key)
  }

  #writerOf(key: number): RunWriter {
    return this.#writers[this.partitionOf(key)]!
  }

  put(_shardId: string, end: number, table: PaneTable): void {
    if (!this.isMuted) this.putRows(end, table)
    // With allowed lateness the lane goes on with the table.
    if (this.#options.allowedLatenessMs === 0) this.#options.tables.give(table)
  }

  /** Some rows of a window's share, or all; the table stays the caller's. */
  putRows(end: number, table: PaneTable, wanted?: ReadonlySet<number>): void {
    if (this.#writers.length === 1 && wanted === undefined) {
      this.#writers[0]!.put(end, table, undefined)
      return
    }
    const rows: number[][] = this.#writers.map(() => [])
    for (let row = 0; row < table.size; row++) {
      const key = table.keys[row]!
      if (wanted === undefined || wanted.has(key)) rows[this.partitionOf(key)]!.push(row)
    }
    for (const [i, own] of rows.entries()) if (own.length > 0) this.#writers[i]!.put(end, table, own)
  }

  revise(_shardId: string, end: number, table: PaneTable, key: number, row: number): void {
    this.#writerOf(key).loose('revise', key, table, row).push(end)
  }

  readonly count: CountPanesOptions['publish'] = (key, { n, start, end }, index, isFinal, rows, row) => {
    this.#writerOf(key)
      .loose('count', key, rows, row)
      .push(n, start, end, index, isFinal ? 1 : 0)
  }

  readonly sessions: SessionShares = {
    tracksOpens: true,
    // Muted, a session that fires is taken for given.
    putFinal: () => this.isMuted,
    put: (share, rows, row) => this.#putSession(share, rows, row),
  }

  #putSession({ serial, replaces, key, start, end, starts }: SessionShare, rows: Rows, row: number): void {
    const writer = this.#writerOf(key)
    writer.loose('session', key, rows, row).push(serial, start, end, starts[0]!.knownAt)
    if (starts.length === 1 && replaces.length === 0) return
    writer.more(
      starts.map((known) => [known.start, saveInstant(known.knownAt)] as const),
      replaces,
    )
  }

  /** A unit for the merges of all partitions. */
  mark(run: PartialRun & { readonly kind: 'idle' | 'active' | 'end' }): void {
    for (const writer of this.#writers) writer.mark(run)
  }

  /** The runs of each partition since the last call. */
  take(): readonly (readonly PartialRun[])[] {
    return this.#writers.map((writer) => writer.take())
  }
}

type LooseKind = 'revise' | 'count' | 'session'

/** The runs of one partition. */
class RunWriter {
  readonly #layout: RowLayout
  readonly #keys: KeyTable
  #runs: PartialRun[] = []
  // The run that is being written, of rows from here and there.
  #kind: LooseKind | undefined
  #looseKeys: number[] = []
  #cells: Float64Array = new Float64Array(64)
  #refs: string[] = []
  #numbers: number[] = []
  #more: SessionMore[] = []

  constructor(layout: RowLayout, keys: KeyTable) {
    this.#layout = layout
    this.#keys = keys
  }

  put(end: number, table: PaneTable, rows: readonly number[] | undefined): void {
    this.#close()
    const count = rows === undefined ? table.size : rows.length
    const most = this.#layout.refStride > 0 ? sketchRowsPerPut : rowsPerPut
    for (let from = 0; from < count; from += most) {
      const to = Math.min(count, from + most)
      const chunk = rows === undefined ? this.#slice(table, from, to) : this.#picked(table, rows.slice(from, to))
      this.#runs.push({ kind: 'put', units: 1, end, rows: chunk })
    }
  }

  #slice(table: PaneTable, from: number, to: number): PortableRows {
    const { cellStride, refStride } = this.#layout
    const keys = this.#keys.pack(table.keys.subarray(from, to))
    const cells = table.cells.slice(from * cellStride, to * cellStride)
    if (refStride === 0) return { keys, cells }
    const refs: string[] = []
    for (let row = from; row < to; row++) refs.push(this.#refsOf(table, row))
    return { keys, cells, refs: `[${refs.join(',')}]` }
  }

  #picked(table: PaneTable, rows: readonly number[]): PortableRows {
    const { cellStride, refStride } = this.#layout
    const keys = this.#keys.pack(rows.map((row) => table.keys[row]!))
    const cells = new Float64Array(rows.length * cellStride)
    for (const [i, row] of rows.entries())
      cells.set(table.cells.subarray(row * cellStride, (row + 1) * cellStride), i * cellStride)
    if (refStride === 0) return { keys, cells }
    return { keys, cells, refs: `[${rows.map((row) => this.#refsOf(table, row)).join(',')}]` }
  }

  #refsOf(rows: Rows, row: number): string {
    return JSON.stringify(this.#layout.encodeRefs(rows, row))
  }

  /** Adds a row to a run of its kind; what is returned takes the row's numbers. */
  loose(kind: LooseKind, key: number, rows: Rows, row: number): number[] {
    if (this.#kind !== kind) this.#close()
    this.#kind = kind
    const { cellStride, refStride, headCells } = this.#layout
    const at = this.#looseKeys.length * cellStride
    if (at + cellStride > this.#cells.length) {
      const grown = new Float64Array(2 * (at + cellStride))
      grown.set(this.#cells)
      this.#cells = grown
    }
    const from = row * cellStride
    // What the owner of a row keeps in it means nothing elsewhere.
    for (let i = 0; i < headCells; i++) this.#cells[at + i] = 0
    for (let i = headCells; i < cellStride; i++) this.#cells[at + i] = rows.cells[from + i]!
    this.#looseKeys.push(key)
    if (refStride > 0) this.#refs.push(this.#refsOf(rows, row))
    return this.#numbers
  }

  /** More about the session that was added last. */
  more(starts: SessionMore['starts'], replaces: readonly number[]): void {
    this.#more.push({ at: this.#looseKeys.length - 1, starts, replaces })
  }

  mark(run: PartialRun): void {
    this.#close()
    this.#runs.push(run)
  }

  #close(): void {
    const kind = this.#kind
    if (kind === undefined) return
    const units = this.#looseKeys.length
    const keys = this.#keys.pack(this.#looseKeys)
    const cells = this.#cells.slice(0, units * this.#layout.cellStride)
    const rows = this.#refs.length === 0 ? { keys, cells } : { keys, cells, refs: `[${this.#refs.join(',')}]` }
    const numbers = Float64Array.from(this.#numbers)
    if (kind === 'session') this.#runs.push({ kind, units, spans: numbers, more: this.#more, rows })
    else if (kind === 'count') this.#runs.push({ kind, units, windows: numbers, rows })
    else this.#runs.push({ kind, units, ends: numbers, rows })
    this.#kind = undefined
    this.#looseKeys = []
    this.#refs = []
    this.#numbers = []
    this.#more = []
  }

  take(): readonly PartialRun[] {
    this.#close()
    if (this.#runs.length === 0) return none
    const runs = this.#runs
    this.#runs = []
    return runs
  }
}

const none: readonly PartialRun[] = []
