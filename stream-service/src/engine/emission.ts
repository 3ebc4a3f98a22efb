// What comes out of the engine, in the order in which it happened.

export type Timing = 'early' | 'on-time' | 'late'

export type RejectReason =
  | 'invalid-json'
  | 'invalid-utf8'
  | 'invalid-time'
  | 'future'
  | 'invalid-key'
  | 'corrupt-aggregation'
  | 'too-large'
  | 'where-failed'

/** Finished panes of one query, one JSON line each. */
export class PanesEmission {
  readonly kind = 'panes'
  readonly query: string
  /**
   * The panes are a function of what the shards contain: no revision came before or can come after, and no idle lane was
   * left out. Such panes come out the same after a crash and a new start; others must not be published before the
   * snapshot that remembers them is durable.
   */
  readonly settled: boolean
  /** All lines as UTF-8, each with its line feed, and how many there are. */
  readonly bytes: Buffer
  readonly count: number

  constructor(query: string, settled: boolean, bytes: Buffer, count: number) {
    this.query = query
    this.settled = settled
    this.bytes = bytes
    this.count = count
  }

  static of(query: string, settled: boolean, lines: readonly string[]): PanesEmission {
    return new PanesEmission(query, settled, Buffer.from(lines.map((line) => `${line}\n`).join('')), lines.length)
  }

  /** The lines without their line feeds; made anew at each call. See `paneIdOf`. */
  get lines(): string[] {
    const lines = this.bytes.toString('utf8').split('\n')
    lines.pop()
    return lines
  }
}

/** A record that did not make it into a pane: too late for all its windows, or no usable record. */
export interface RefusedEmission {
  readonly kind: 'late' | 'rejected'
  readonly query: string
  readonly shardId: string
  readonly position: string
  readonly reason: 'late' | RejectReason
  readonly detail: string
  readonly partitionKey: string
  readonly data: Uint8Array
}

export type Emission = PanesEmission | RefusedEmission

/** The id of a pane line as `PaneWriter` writes it: first in the line, and percent-encoded, so that it holds no quote. */
export function paneIdOf(line: string): string {
  return line.slice(7, line.indexOf('"', 7))
}
