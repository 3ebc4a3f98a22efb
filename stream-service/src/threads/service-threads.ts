// The threads of the service: this one, and as many more as it is given. All of them read lanes; merges are on the others, where
// there are any, since this one has the network, the snapshots and the sinks.
import { MillraceError } from '@millrace/shared/errors'
import { KeyPartitions } from '../engine/key-partitions.ts'
import { LaneKits } from '../engine/lane-kits.ts'
import { checkUnchanged } from '../engine/query-changed.ts'
import { compileQuery } from '../queries/compile.ts'
import type { CompiledQuery } from '../queries/compiled-query.ts'
import type { QuerySpec } from '../queries/query-spec.ts'
import { FieldPlan } from '../records/fields.ts'
import { type LaneReaders, OwnLaneReaders } from '../tasks/lane-reader.ts'
import { type MergeRunners, OwnMergeRunners } from '../tasks/merge-runner.ts'
import { OwnPlace } from './own-place.ts'
import { SpreadLaneReaders } from './spread-lane-readers.ts'
import { ThreadLaneReader } from './thread-lane-reader.ts'
import { ThreadLink } from './thread-link.ts'
import { ThreadMergeRunners } from './thread-merge-runners.ts'

export interface ServiceThreadsOptions {
  readonly queries: readonly QuerySpec[]
  /** Of keys. */
  readonly partitions: number
  /** With this one. */
  readonly threads: number
  /** A thread has failed: what it held is lost. */
  readonly onFailure: (error: unknown) => void
}

export class ServiceThreads {
  readonly queries: readonly CompiledQuery[]
  readonly readers: LaneReaders
  readonly runners: MergeRunners
  readonly #links: readonly ThreadLink[]

  /** @throws MillraceError when there are to be several threads, and a query has functions: those cannot go to another one. */
  constructor({ queries, partitions, threads, onFailure }: ServiceThreadsOptions) {
    const plan = new FieldPlan()
    this.queries = queries.map((query) => compileQuery(query, plan))
    const own = new OwnLaneReaders(new LaneKits(this.queries, plan, new KeyPartitions(partitions)))
    if (threads === 1) {
      this.#links = []
      this.readers = own
      this.runners = new OwnMergeRunners(this.queries)
      return
    }
    for (const { name, isData } of this.queries) if (!isData) throw functionsStay(name, threads)
    this.#links = Array.from({ length: threads - 1 }, () => new ThreadLink({ queries, partitions }))
    const places = this.#links.map((link) => ({
      get busyMs() {
        return link.busyMs
      },
      open: (...start: Parameters<OwnPlace['open']>) => ThreadLaneReader.open(link, ...start),
    }))
    this.readers = new SpreadLaneReaders({
      places: [...places, new OwnPlace(own)],
      check: (saved) => checkUnchanged(this.queries, saved?.queries),
      clock: () => performance.now(),
    })
    this.runners = new ThreadMergeRunners(this.#links, this.queries, onFailure)
  }

  async close(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.close()))
  }
}

function functionsStay(query: string, threads: number): MillraceError {
  return new MillraceError(
    'functions-stay',
    `query '${query}' has functions, which cannot go to another thread: run it with 1 thread, not ${threads}, or write it without them`,
  )
}
