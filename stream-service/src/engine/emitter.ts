// Collects what a job gives out. Panes of one query that follow each other become one emission, so that a session's pane
// costs its line and nothing else.
import { type Emission, PanesEmission, type RefusedEmission } from './emission.ts'
import { type LineBlock, LineWriter } from './line-writer.ts'

export class Emitter {
  /** Where panes are written, after `panes` was called. */
  readonly out: LineWriter
  #emissions: Emission[] = []
  #query = ''
  #settled = false

  /** `onPanes`: takes panes instead of `take`, in pieces, each during the call only. */
  constructor(onPanes?: (panes: PanesEmission) => void) {
    this.out = new LineWriter(onPanes && ((block) => onPanes(this.#emission(block))))
  }

  #emission({ bytes, count }: LineBlock): PanesEmission {
    return new PanesEmission(this.#query, this.#settled, bytes, count)
  }

  /** The lines that are written from now on are panes of this query. */
  panes(query: string, settled: boolean): void {
    if (query === this.#query && settled === this.#settled) return
    this.#close()
    this.#query = query
    this.#settled = settled
  }

  refuse(emission: RefusedEmission): void {
    this.#close()
    this.#emissions.push(emission)
  }

  #close(): void {
    if (!this.out.hasLines) return
    for (const block of this.out.take()) this.#emissions.push(this.#emission(block))
  }

  /** All that came since the last call. */
  take(): Emission[] {
    this.#close()
    if (this.#emissions.length === 0) return none
    const emissions = this.#emissions
    this.#emissions = []
    return emissions
  }
}

const none: Emission[] = []
