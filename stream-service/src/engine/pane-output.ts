// Where a query's panes go: written out as lines, and collected with whatever else the job gives out.
import type { Rows } from '../aggregates/aggregator.ts'
import type { CompiledQuery } from '../queries/compiled-query.ts'
import type { KeyTable } from '../windows/key-table.ts'
import type { Emitter } from './emitter.ts'
import type { PaneHeader } from './pane-line.ts'
import { PaneWriter } from './pane-writer.ts'

export class PaneOutput {
  readonly #query: string
  readonly #emitter: Emitter
  readonly #writer: PaneWriter

  constructor({ name, keyBy, layout }: CompiledQuery, keys: KeyTable, emitter: Emitter) {
    this.#query = name
    this.#emitter = emitter
    this.#writer = new PaneWriter(name, keyBy, keys, layout, emitter.out)
  }

  /** The panes that follow are of this window.  `settled` as in `PanesEmission`. */
  window(header: PaneHeader, settled: boolean): void {
    this.#emitter.panes(this.#query, settled)
    this.#writer.setHeader(header)
  }

  pane(key: number, index: number, rows: Rows, row: number, supersedes?: readonly string[]): void {
    this.#writer.line(key, index, rows, row, supersedes)
  }

  /** The id of a window's pane. */
  windowId(key: number, start: number, end: number): string {
    return this.#writer.windowId(key, start, end)
  }
}
