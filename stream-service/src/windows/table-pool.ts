// Pane tables that windows leave behind, for the next windows: their room is there already.
import type { RowLayout } from '../aggregates/row-layout.ts'
import { PaneTable } from './pane-table.ts'

/** More than this are seldom given back at once. */
const maxTables = 8

export class TablePool {
  readonly #layout: RowLayout
  readonly #tables: PaneTable[] = []

  constructor(layout: RowLayout) {
    this.#layout = layout
  }

  /** A table without rows. */
  take(): PaneTable {
    return this.#tables.pop() ?? new PaneTable(this.#layout)
  }

  /** Takes back a table that nobody uses any more. One that was far from full is not worth its memory. */
  give(table: PaneTable): void {
    if (this.#tables.length === maxTables || table.isSparse) return
    table.clear()
    this.#tables.push(table)
  }
}
