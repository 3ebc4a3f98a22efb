// Lays the states of a query's aggregates side by side in one row of cells and refs, and runs them together.
import type { Aggregator, JsonValue, Rows } from './aggregator.ts'

/** One named aggregate of a query. `slot` is where its field stands in the decoded values; -1 when it needs none. */
export interface AggregateColumn {
  readonly name: string
  readonly aggregator: Aggregator
  readonly slot: number
  /** The column wants the whole record instead of a field. */
  readonly wholeRecord: boolean
}

interface PlacedColumn {
  readonly aggregator: Aggregator
  readonly slot: number
  readonly wholeRecord: boolean
  readonly cell: number
  readonly ref: number
}

export class RowLayout {
  readonly columns: readonly AggregateColumn[]
  /** Cells and refs of one row. */
  readonly cellStride: number
  readonly refStride: number
  readonly #placed: readonly PlacedColumn[]
  readonly #emptyCells: Float64Array
  readonly #emptyRefs: (rows: Rows, refBase: number) => void

  constructor(columns: readonly AggregateColumn[]) {
    this.columns = columns
    let cell = 0
    let ref = 0
    this.#placed = columns.map(({ aggregator, slot, wholeRecord }) => {
      const placed = { aggregator, slot, wholeRecord, cell, ref }
      cell += aggregator.cells
      ref += aggregator.refs
      return placed
    })
    this.cellStride = cell
    this.refStride = ref
    const template: Rows = { cells: new Float64Array(cell), refs: new Array(ref) }
    for (const column of this.#placed) column.aggregator.init(template, column.cell, column.ref)
    this.#emptyCells = template.cells
    // Refs may be mutable, so each row makes its own; rows without refs skip this.
    this.#emptyRefs = (rows, refBase) => {
      const scratch: Rows = { cells: new Float64Array(cell), refs: rows.refs }
      for (const column of this.#placed) {
        if (column.aggregator.refs > 0) column.aggregator.init(scratch, column.cell, refBase + column.ref)
      }
    }
  }

  /** Makes room for `count` rows of cells, in steps that double. */
  reserve(rows: Rows, count: number): void {
    const needed = count * this.cellStride
    if (needed <= rows.cells.length) return
    const grown = new Float64Array(Math.max(needed, rows.cells.length * 2))
    grown.set(rows.cells)
    rows.cells = grown
  }

  init(rows: Rows, row: number): void {
    rows.cells.set(this.#emptyCells, row * this.cellStride)
    if (this.refStride > 0) {
      const refBase = row * this.refStride
      for (let i = 0; i < this.refStride; i++) rows.refs[refBase + i] = undefined
      this.#emptyRefs(rows, refBase)
    }
  }

  /** Takes one record into a row. `skipped[i]` goes up when column i had no use for its value. */
  add(
    rows: Rows,
    row: number,
    values: readonly unknown[],
    record: unknown,
    eventTime: number,
    skipped: number[],
  ): void {
    const cellBase = row * this.cellStride
    const refBase = row * this.refStride
    const placed = this.#placed
    for (let i = 0; i < placed.length; i++) {
      const column = placed[i]!
      const value = column.slot >= 0 ? values[column.slot] : column.wholeRecord ? record : undefined
      if (!column.aggregator.add(rows, cellBase + column.cell, refBase + column.ref, value, eventTime)) skipped[i]!++
    }
  }

  merge(into: Rows, row: number, from: Rows, fromRow: number): void {
    const cellBase = row * this.cellStride
    const refBase = row * this.refStride
    const fromCellBase = fromRow * this.cellStride
    const fromRefBase = fromRow * this.refStride
    for (const { aggregator, cell, ref } of this.#placed) {
      aggregator.merge(into, cellBase + cell, refBase + ref, from, fromCellBase + cell, fromRefBase + ref)
    }
  }

  /** Overwrites a row with a copy of another that shares nothing mutable with it. */
  copy(into: Rows, row: number, from: Rows, fromRow: number): void {
    const cellBase = row * this.cellStride
    const fromCellBase = fromRow * this.cellStride
    for (let i = 0; i < this.cellStride; i++) into.cells[cellBase + i] = from.cells[fromCellBase + i]!
    if (this.refStride === 0) return
    for (const { aggregator, ref } of this.#placed) {
      for (let i = 0; i < aggregator.refs; i++) {
        const state = from.refs[fromRow * this.refStride + ref + i]
        into.refs[row * this.refStride + ref + i] = aggregator.copyRef ? aggregator.copyRef(state) : state
      }
    }
  }

  result(rows: Rows, row: number, column: number): JsonValue {
    const { aggregator, cell, ref } = this.#placed[column]!
    return aggregator.result(rows, row * this.cellStride + cell, row * this.refStride + ref)
  }

  /** A row's refs as JSON, for snapshots. */
  encodeRefs(rows: Rows, row: number): JsonValue[] {
    const encoded: JsonValue[] = []
    for (const { aggregator, ref } of this.#placed) {
      for (let i = 0; i < aggregator.refs; i++) {
        encoded.push(aggregator.encodeRef!(rows.refs[row * this.refStride + ref + i]))
      }
    }
    return encoded
  }

  decodeRefs(rows: Rows, row: number, encoded: readonly JsonValue[]): void {
    let at = 0
    for (const { aggregator, ref } of this.#placed) {
      for (let i = 0; i < aggregator.refs; i++) {
        rows.refs[row * this.refStride + ref + i] = aggregator.decodeRef!(encoded[at++]!)
      }
    }
  }
}
