// Lays the states of a query's aggregates side by side in one row of cells and refs, and runs them together. Aggregates
// that look at the same field for the same thing share a state:
//
//   count, sum(value), avg(value), distinct(user)   ->   | records | summary of value |   + | ref of distinct |
import type { Fields } from '../records/fields.ts'
import type { Aggregator, JsonValue, Rows } from './aggregator.ts'
import { countRecords } from './count.ts'
import { NumberSummary, type SummaryPart, summaryPartOf } from './number-summary.ts'

/** One named aggregate of a query. `slot` is where its field stands in the decoded values; -1 when it needs none. */
export interface AggregateColumn {
  readonly name: string
  readonly aggregator: Aggregator
  readonly slot: number
  /** The column wants the whole record instead of a field. */
  readonly wholeRecord: boolean
}

/** A summary in its place, and the columns that are its parts. */
interface PlacedSummary {
  readonly summary: NumberSummary
  readonly slot: number
  readonly cell: number
  readonly columns: readonly number[]
}

/** Any other aggregate in its place. */
interface PlacedAggregator {
  readonly aggregator: Aggregator
  readonly slot: number
  readonly wholeRecord: boolean
  readonly cell: number
  readonly ref: number
  readonly column: number
}

type Reader = (rows: Rows, cellBase: number, refBase: number) => JsonValue

export class RowLayout {
  readonly columns: readonly AggregateColumn[]
  /** Cells and refs of one row. */
  readonly cellStride: number
  readonly refStride: number
  /** How many cells of a row are its owner's. */
  readonly headCells: number
  /** Where records are counted; -1 where nobody asks for it. */
  readonly #countCell: number
  readonly #summaries: readonly PlacedSummary[]
  readonly #others: readonly PlacedAggregator[]
  readonly #readers: readonly Reader[]
  readonly #emptyCells: Float64Array
  readonly #startsAtZero: boolean

  /** `headCells`: so many cells at the beginning of a row are its owner's. They begin as 0, and `merge` leaves them alone. */
  constructor(columns: readonly AggregateColumn[], headCells = 0) {
    this.columns = columns
    this.headCells = headCells
    const readers: Reader[] = []
    const summaries: PlacedSummary[] = []
    const others: PlacedAggregator[] = []
    let countCell = -1
    let cells = headCells
    let refs = 0
    for (const [column, { aggregator, slot, wholeRecord }] of columns.entries()) {
      const part = summaryPartOf(aggregator)
      if (aggregator === countRecords) {
        if (countCell < 0) countCell = cells++
        const cell = countCell
        readers[column] = (rows, cellBase) => rows.cells[cellBase + cell]!
      } else if (part !== undefined) {
        let placed = summaries.find((other) => other.slot === slot)
        if (placed === undefined) {
          placed = placeSummary(columns, slot, cells)
          summaries.push(placed)
          cells += placed.summary.cells
        }
        readers[column] = summaryReader(placed, part)
      } else {
        const placed = { aggregator, slot, wholeRecord, cell: cells, ref: refs, column }
        others.push(placed)
        cells += aggregator.cells
        refs += aggregator.refs
        readers[column] = (rows, cellBase, refBase) =>
          aggregator.result(rows, cellBase + placed.cell, refBase + placed.ref)
      }
    }
    this.cellStride = cells
    this.refStride = refs
    this.#countCell = countCell
    this.#summaries = summaries
    this.#others = others
    this.#readers = readers
    const template: Rows = { cells: new Float64Array(cells), refs: new Array(refs) }
    for (const { summary, cell } of summaries) summary.init(template.cells, cell)
    for (const { aggregator, cell, ref } of others) aggregator.init(template, cell, ref)
    this.#emptyCells = template.cells
    this.#startsAtZero = template.cells.every((cell) => cell === 0)
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
    const { cells } = rows
    const stride = this.cellStride
    const base = row * stride
    if (this.#startsAtZero) for (let i = 0; i < stride; i++) cells[base + i] = 0
    else for (let i = 0; i < stride; i++) cells[base + i] = this.#emptyCells[i]!
    if (this.refStride > 0) this.#initRefs(rows, row)
  }

  /** Refs may be mutable, so each row makes its own. */
  #initRefs(rows: Rows, row: number): void {
    const cellBase = row * this.cellStride
    const refBase = row * this.refStride
    for (let i = 0; i < this.refStride; i++) rows.refs[refBase + i] = undefined
    for (const { aggregator, cell, ref } of this.#others) {
      if (aggregator.refs > 0) aggregator.init(rows, cellBase + cell, refBase + ref)
    }
  }

  /** Takes one record into a row. `skipped[i]` goes up when column i had no use for its value. */
  add(rows: Rows, row: number, fields: Fields, eventTime: number, skipped: number[]): void {
    const cellBase = row * this.cellStride
    const { cells } = rows
    if (this.#countCell >= 0) cells[cellBase + this.#countCell] = cells[cellBase + this.#countCell]! + 1
    const summaries = this.#summaries
    for (let i = 0; i < summaries.length; i++) {
      const { summary, slot, cell, columns } = summaries[i]!
      const value = fields.finite(slot)
      if (Number.isNaN(value)) for (const column of columns) skipped[column]!++
      else summary.add(cells, cellBase + cell, value)
    }
    if (this.#others.length > 0) this.#addOthers(rows, row, fields, eventTime, skipped)
  }

  /** Takes records in as `add` does: those of `recordRows` into the rows `into`, one each. */
  addRows(
    rows: Rows,
    into: Int32Array,
    fields: Fields,
    recordRows: Int32Array,
    times: Float64Array,
    count: number,
    skipped: number[],
  ): void {
    const { cells } = rows
    const stride = this.cellStride
    const countCell = this.#countCell
    if (countCell >= 0) {
      for (let i = 0; i < count; i++) {
        const at = into[i]! * stride + countCell
        cells[at] = cells[at]! + 1
      }
    }
    const summaries = this.#summaries
    for (let s = 0; s < summaries.length; s++) {
      const { summary, slot, cell, columns } = summaries[s]!
      for (let i = 0; i < count; i++) {
        fields.moveTo(recordRows[i]!)
        const value = fields.finite(slot)
        if (Number.isNaN(value)) for (const column of columns) skipped[column]!++
        else summary.add(cells, into[i]! * stride + cell, value)
      }
    }
    const others = this.#others
    for (let o = 0; o < others.length; o++)
      this.#addRowsTo(others[o]!, rows, into, fields, recordRows, times, count, skipped)
  }

  #addRowsTo(
    { aggregator, slot, wholeRecord, cell, ref, column }: PlacedAggregator,
    rows: Rows,
    into: Int32Array,
    fields: Fields,
    recordRows: Int32Array,
    times: Float64Array,
    count: number,
    skipped: number[],
  ): void {
    const { cellStride, refStride } = this
    const takesSlot = slot >= 0 && aggregator.addSlot !== undefined
    for (let i = 0; i < count; i++) {
      const row = recordRows[i]!
      const cellAt = into[i]! * cellStride + cell
      const refAt = into[i]! * refStride + ref
      fields.moveTo(row)
      const taken = takesSlot
        ? aggregator.addSlot!(rows, cellAt, refAt, fields, slot)
        : aggregator.add(rows, cellAt, refAt, fieldOf(fields, slot, wholeRecord), times[row]!)
      if (!taken) skipped[column]!++
    }
  }

  #addOthers(rows: Rows, row: number, fields: Fields, eventTime: number, skipped: number[]): void {
    const cellBase = row * this.cellStride
    const refBase = row * this.refStride
    for (const { aggregator, slot, wholeRecord, cell, ref, column } of this.#others) {
      const taken =
        slot >= 0 && aggregator.addSlot !== undefined
          ? aggregator.addSlot(rows, cellBase + cell, refBase + ref, fields, slot)
          : aggregator.add(rows, cellBase + cell, refBase + ref, fieldOf(fields, slot, wholeRecord), eventTime)
      if (!taken) skipped[column]!++
    }
  }

  merge(into: Rows, row: number, from: Rows, fromRow: number): void {
    const cellBase = row * this.cellStride
    const fromCellBase = fromRow * this.cellStride
    const count = this.#countCell
    if (count >= 0) into.cells[cellBase + count] = into.cells[cellBase + count]! + from.cells[fromCellBase + count]!
    const summaries = this.#summaries
    for (let i = 0; i < summaries.length; i++) {
      const { summary, cell } = summaries[i]!
      summary.merge(into.cells, cellBase + cell, from.cells, fromCellBase + cell)
    }
    if (this.#others.length === 0) return
    const refBase = row * this.refStride
    const fromRefBase = fromRow * this.refStride
    for (const { aggregator, cell, ref } of this.#others) {
      aggregator.merge(into, cellBase + cell, refBase + ref, from, fromCellBase + cell, fromRefBase + ref)
    }
  }

  /** Overwrites a row with a copy of another that shares nothing mutable with it. */
  copy(into: Rows, row: number, from: Rows, fromRow: number): void {
    const cellBase = row * this.cellStride
    const fromCellBase = fromRow * this.cellStride
    for (let i = 0; i < this.cellStride; i++) into.cells[cellBase + i] = from.cells[fromCellBase + i]!
    if (this.refStride === 0) return
    for (const { aggregator, ref } of this.#others) {
      for (let i = 0; i < aggregator.refs; i++) {
        const state = from.refs[fromRow * this.refStride + ref + i]
        into.refs[row * this.refStride + ref + i] = aggregator.copyRef ? aggregator.copyRef(state) : state
      }
    }
  }

  result(rows: Rows, row: number, column: number): JsonValue {
    return this.#readers[column]!(rows, row * this.cellStride, row * this.refStride)
  }

  /** A row's refs as JSON, for snapshots. */
  encodeRefs(rows: Rows, row: number): JsonValue[] {
    const encoded: JsonValue[] = []
    for (const { aggregator, ref } of this.#others) {
      for (let i = 0; i < aggregator.refs; i++) {
        encoded.push(aggregator.encodeRef!(rows.refs[row * this.refStride + ref + i]))
      }
    }
    return encoded
  }

  /** Hands over the same, ref by ref. */
  forEachRef(rows: Rows, row: number, take: (state: JsonValue) => void): void {
    for (const { aggregator, ref } of this.#others) {
      for (let i = 0; i < aggregator.refs; i++) take(aggregator.encodeRef!(rows.refs[row * this.refStride + ref + i]))
    }
  }

  decodeRefs(rows: Rows, row: number, encoded: readonly JsonValue[]): void {
    let at = 0
    for (const { aggregator, ref } of this.#others) {
      for (let i = 0; i < aggregator.refs; i++) {
        rows.refs[row * this.refStride + ref + i] = aggregator.decodeRef!(encoded[at++]!)
      }
    }
  }
}

function fieldOf(fields: Fields, slot: number, wholeRecord: boolean): unknown {
  return slot >= 0 ? fields.value(slot) : wholeRecord ? fields.record : undefined
}

/** The summary of a field, at `cell`: all that columns want of it. */
function placeSummary(columns: readonly AggregateColumn[], slot: number, cell: number): PlacedSummary {
  const own = [...columns.entries()].filter(([, column]) => column.slot === slot && summaryPartOf(column.aggregator))
  const wanted = new Set(own.map(([, { aggregator }]) => summaryPartOf(aggregator)!))
  return { summary: new NumberSummary(wanted), slot, cell, columns: own.map(([i]) => i) }
}

function summaryReader({ summary, cell }: PlacedSummary, part: SummaryPart): Reader {
  return (rows, cellBase) => summary.result(part, rows, cellBase + cell)
}
