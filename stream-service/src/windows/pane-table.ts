// The panes of one window, one row per key. Row numbers are given in the order in which keys first appear, which is also
// the order in which panes come out. All numbers of all rows lie in one array, so a pane costs a Map entry and its cells.
import type { Rows } from '../aggregates/aggregator.ts'
import type { RowLayout } from '../aggregates/row-layout.ts'
import { type MapKey, wellFormedKey } from './group-key.ts'

export class PaneTable implements Rows {
  readonly layout: RowLayout
  readonly rows = new Map<MapKey, number>()
  cells: Float64Array
  refs: unknown[] = []

  constructor(layout: RowLayout, capacity = 4) {
    this.layout = layout
    this.cells = new Float64Array(capacity * layout.cellStride)
  }

  /** The row of a key, made empty when the key is new. */
  rowOf(key: MapKey): number {
    const known = this.rows.get(key)
    return known !== undefined ? known : this.#newRow(key)
  }

  #newRow(key: MapKey): number {
    const written = wellFormedKey(key)
    if (written !== key) return this.rowOf(written)
    const row = this.rows.size
    this.rows.set(key, row)
    this.layout.reserve(this, row + 1)
    this.layout.init(this, row)
    return row
  }
}
