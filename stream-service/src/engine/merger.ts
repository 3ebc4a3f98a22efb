// The merges of all queries over one partition of the keys. Pure: messages of lanes and the time go in, panes come out.
import type { CompiledQuery } from '../queries/compiled-query.ts'
import type { Emission } from './emission.ts'
import { Emitter } from './emitter.ts'
import type { LaneMessage, ShardFamily } from './partials.ts'
import { QueryMerger, type SavedQueryMerger } from './query-merger.ts'

export class Merger {
  readonly queries: ReadonlyMap<string, QueryMerger>
  readonly #emitter = new Emitter()

  constructor(queries: readonly CompiledQuery[], saved?: SavedMerger) {
    this.queries = new Map(
      queries.map((query) => [query.name, new QueryMerger(query, this.#emitter, saved?.queries[query.name])]),
    )
  }

  /** See `QueryMerger.declare`. */
  declare(shards: readonly ShardFamily[]): void {
    for (const merger of this.queries.values()) merger.declare(shards)
  }

  /** See `QueryMerger.take`. A message of a query that is not run any more is passed over. */
  take(message: LaneMessage): boolean {
    const merger = this.queries.get(message.query)
    if (merger === undefined) return true
    const isTaken = merger.take(message)
    merger.sweepKeys()
    return isTaken
  }

  tick(now: number): void {
    for (const merger of this.queries.values()) merger.tick(now)
  }

  /** The input is over: every window closes. */
  close(): void {
    for (const merger of this.queries.values()) merger.close()
  }

  /** What came out since the last call. */
  takeEmissions(): Emission[] {
    return this.#emitter.take()
  }

  /** By query, the lanes that wait to hear where its merge is: see `QueryMerger.waking`. */
  waking(): ReadonlyMap<string, ReadonlyMap<string, number>> {
    return new Map([...this.queries].map(([name, merger]) => [name, merger.waking]))
  }

  /** Whether a shard may still give something. */
  get hasOpenLanes(): boolean {
    return [...this.queries.values()].some(({ hasOpenLanes }) => hasOpenLanes)
  }

  watermarks(): ReadonlyMap<string, number> {
    return new Map([...this.queries].map(([name, merger]) => [name, merger.watermark]))
  }

  save(): SavedMerger {
    return { queries: Object.fromEntries([...this.queries].map(([name, merger]) => [name, merger.save()])) }
  }
}

export type SavedMerger = { readonly queries: { readonly [query: string]: SavedQueryMerger } }
