// The contract of everything that takes finished lines: panes, late records, rejected records. A sink answers for each
// line separately, because Kinesis, Firehose and files may take some lines of a batch and refuse others.

/** What a sink is for: finished panes, or late and rejected records. */
export type Channel = 'panes' | 'refused'

/** One line on its way out. `text` has no line break. */
export interface OutputLine {
  /** What the line is about and who would look for it: a pane's id and revision, or shard and position of a record. */
  readonly id: string
  /** Lines of one key keep their order; different keys may overtake each other. */
  readonly key: string
  readonly text: string
}

/**
 * `accepted`: durable at the destination. `refused`: it will never be accepted; the caller hands it to the dead letters
 * with its reason. There is no third answer: a sink retries by itself, with backoff, until `signal` aborts.
 */
export type Receipt = { readonly status: 'accepted' } | { readonly status: 'refused'; readonly reason: string }

export interface Sink {
  /**
   * Delivers lines in order. Resolves with one receipt per line, in the same order; rejects only when `signal` aborted
   * before all lines had a receipt, or when the destination cannot work at all (it does not exist, access is denied).
   * One call at a time.
   */
  publish(lines: readonly OutputLine[], signal: AbortSignal): Promise<readonly Receipt[]>
  close(): Promise<void>
}
