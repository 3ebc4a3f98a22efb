// Where a query's panes go: written out as lines, and collected with whatever else the job gives out.
import type { Rows } from '../aggregates/aggregator.ts'
import type { CompiledQuery } from '../queries/compiled-query.ts'
import type { KeyTable } from '../windows/key-table.ts'
import type { Emitter } from './emitter.ts'
import { PaneFrame, type PaneHeader } from './pane-frame.ts'
import { PaneWriter } from './pane-writer.ts'

export class PaneOutput {
  readonly #query: string
  readonly #emitter: Emitter
  readonly #writer: PaneWriter
  readonly #frame: PaneFrame

  constructor({ name, keyBy, layout }: CompiledQuery, keys: KeyTable, emitter: Emitter) {
    this.#query = name
    this.#emitter = emitter
    this.#writer = new PaneWriter(name, keyBy, keys, layout, emitter.out)
    this.#frame = new PaneFrame(name)
  }

  /** The panes that follow are of this window. `settled` as in `PanesEmission`. */
  window(header: PaneHeader, settled: boolean): void {
    this.#emitter.panes(this.#query, settled)
    this.#frame.setWindow(header)
  }

  /** The pane that follows is of the n-th count window of its key in a lane, n from 0. */
  count(shardId: string, n: number, header: PaneHeader): void {
    this.#emitter.panes(this.#query, true)
    this.#frame.setCount(shardId, n, header)
  }

  pane(key: number, index: number, rows: Rows, row: number, supersedes?: readonly string[]): void {
    this.#writer.line(this.#frame, key, index, rows, row, supersedes)
  }

  /** The id of a window's pane. */
  windowId(key: number, start: number, end: number): string {
    return this.#writer.windowId(key, start, end)
  }
}
