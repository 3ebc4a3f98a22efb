// Rows of cells and refs that come and go one by one, as sessions do: released rows are used again.
import type { Rows } from '../aggregates/aggregator.ts'
import type { RowLayout } from '../aggregates/row-layout.ts'

export class RowArena implements Rows {
  readonly layout: RowLayout
  cells: Float64Array
  refs: unknown[] = []
  readonly #free: number[] = []
  #size = 0

  constructor(layout: RowLayout) {
    this.layout = layout
    this.cells = new Float64Array(16 * layout.cellStride)
  }

  /** How many rows are taken. */
  get inUse(): number {
    return this.#size - this.#free.length
  }

  /** A row in the state of "no values". */
  take(): number {
    const row = this.#free.pop() ?? this.#grow()
    this.layout.init(this, row)
    return row
  }

  release(row: number): void {
    const { refStride } = this.layout
    for (let i = 0; i < refStride; i++) this.refs[row * refStride + i] = undefined
    this.#free.push(row)
  }

  /** The cells of a row, until the next one is taken. */
  cellsOf(row: number): Float64Array {
    const { cellStride } = this.layout
    return this.cells.subarray(row * cellStride, (row + 1) * cellStride)
  }

  #grow(): number {
    const row = this.#size++
    this.layout.reserve(this, this.#size)
    return row
  }
}
