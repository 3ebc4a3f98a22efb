// What was put into a stream, by window, and since when each window may fire: since the moment when the call was answered with
// which the last of the shards passed the window's end. The watermark of a shard trails its newest event time by the
// out-of-orderness, the merged watermark is the lowest of them, and a window [start, end) may fire when
//
//   end  <=  newest event time of every shard - out-of-orderness

export interface RecordPut {
  readonly shardId: string
  readonly eventTime: number
  readonly page: string
  readonly value: number
}

/** What a pane has to say. */
export interface PaneDue {
  count: number
  sum: number
}

export class WindowsPut {
  readonly #shards: number
  readonly #windowMs: number
  readonly #outOfOrdernessMs: number
  /** By shard. */
  readonly #newest = new Map<string, number>()
  /** By the ends of windows, and by page. */
  readonly #panes = new Map<number, Map<string, PaneDue>>()
  readonly #mayFireSince = new Map<number, number>()
  /** The end of the last window that may fire; -Infinity before there is one. */
  lastEnd = Number.NEGATIVE_INFINITY
  /** How many panes the windows have that may fire. */
  panesDue = 0

  constructor(options: { readonly shards: number; readonly windowMs: number; readonly outOfOrdernessMs: number }) {
    this.#shards = options.shards
    this.#windowMs = options.windowMs
    this.#outOfOrdernessMs = options.outOfOrdernessMs
  }

  /** Takes the records of a call that was answered at `at`. Calls come one after the other. */
  take(records: readonly RecordPut[], at: number): void {
    for (const record of records) {
      const newest = this.#newest.get(record.shardId) ?? Number.NEGATIVE_INFINITY
      this.#newest.set(record.shardId, Math.max(newest, record.eventTime))
      this.#add(record)
    }
    if (this.#newest.size < this.#shards) return
    const mayFireUpTo = Math.min(...this.#newest.values()) - this.#outOfOrdernessMs
    for (const [end, panes] of this.#panes) {
      if (end > mayFireUpTo || this.#mayFireSince.has(end)) continue
      this.#mayFireSince.set(end, at)
      this.panesDue += panes.size
      this.lastEnd = Math.max(this.lastEnd, end)
    }
  }

  #add({ eventTime, page, value }: RecordPut): void {
    const end = (Math.floor(eventTime / this.#windowMs) + 1) * this.#windowMs
    let panes = this.#panes.get(end)
    if (panes === undefined) {
      panes = new Map()
      this.#panes.set(end, panes)
    }
    const pane = panes.get(page)
    if (pane === undefined) panes.set(page, { count: 1, sum: value })
    else {
      pane.count++
      pane.sum += value
    }
  }

  /** Since when the window may fire; undefined when it may not. */
  mayFireSince(end: number): number | undefined {
    return this.#mayFireSince.get(end)
  }

  pane(end: number, page: string): PaneDue | undefined {
    return this.#panes.get(end)?.get(page)
  }
}
