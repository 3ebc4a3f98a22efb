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

export interface PanesEmission {
  readonly kind: 'panes'
  readonly query: string
  /** Finished panes, one JSON line each without line break; see `paneIdOf` and `paneIndexOf`. */
  readonly lines: readonly string[]
  /**
   * The panes are a function of what the shards contain: no revision came before or can come after, and no idle lane was
   * left out. Such panes come out the same after a crash and a new start; others must not be published before the
   * snapshot that remembers them is durable.
   */
  readonly settled: boolean
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

/** The id of a pane line as `formatPane` writes it: first in the line, and percent-encoded, so that it holds no quote. */
export function paneIdOf(line: string): string {
  return line.slice(7, line.indexOf('"', 7))
}
