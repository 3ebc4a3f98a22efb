// Without an exchange the merge is where all shards of the stream are. While other tasks hold some, panes are held back:
// lanes go on, and keep what they give until one task has all of them again.
import type { KnownShard } from '../sources/shard-source.ts'
import { Exclusive } from './exclusive.ts'
import type { Lanes } from './lanes.ts'
import type { Merges } from './merges.ts'
import type { ServiceLogger } from './service-logger.ts'

/** The one partition there is. */
const partition = 0

export interface OwnMergeOptions {
  readonly lanes: Lanes
  readonly merges: Merges
  readonly hasLeases: boolean
  readonly openShards: () => readonly KnownShard[]
  readonly logger: ServiceLogger
}

export class OwnMerge {
  readonly #options: OwnMergeOptions
  readonly #changes = new Exclusive()
  #holdsBack = false

  constructor(options: OwnMergeOptions) {
    this.#options = options
  }

  /** Takes the merge up, or lets go of it, as the shards held here demand. */
  settle(): Promise<void> {
    return this.#changes.run(async () => {
      const { lanes, merges, logger } = this.#options
      const missing = this.missingShards()
      const task = merges.get(partition)
      if (missing.length === 0 && task === undefined) {
        // What was handed out before may have been lost with the merge that had it.
        for (const lane of lanes.all) lane.messages.rewind(partition)
        await merges.open(partition)
        this.pump()
      }
      if (missing.length > 0 && task !== undefined) merges.forget(task)
      if (missing.length > 0 === this.#holdsBack) return
      this.#holdsBack = missing.length > 0
      if (this.#holdsBack) {
        logger.warn({ missing }, 'panes are held back: other tasks hold shards, and there is no exchange')
      } else logger.info({}, 'all shards are held here: panes are published')
    })
  }

  /** Open shards that neither this process holds nor one whose parents it holds. */
  missingShards(): string[] {
    const { lanes, openShards, hasLeases } = this.#options
    if (!hasLeases) return []
    const open = new Map(openShards().map((shard) => [shard.shardId, shard]))
    const isHere = ({ shardId, parentShardIds }: KnownShard): boolean => {
      if (lanes.get(shardId) !== undefined) return true
      const parents = parentShardIds.flatMap((id) => open.get(id) ?? [])
      return parents.length > 0 && parents.every(isHere)
    }
    return [...open.values()].filter((shard) => !isHere(shard)).map(({ shardId }) => shardId)
  }

  /** Hands what lanes have given to the merge, if it is here. */
  pump(): void {
    const { lanes, merges } = this.#options
    const task = merges.get(partition)
    if (task === undefined) return
    for (const lane of lanes.all) task.take(lane.messages.handOut(partition))
  }

  /** To be called when the merge is saved; what it returns, when that is durable: then the lanes need not keep what it holds. */
  handedOut(): () => void {
    const handedOut = [...this.#options.lanes.all].map((lane) => [lane, lane.messages.handedOut(partition)] as const)
    return () => {
      for (const [lane, upTo] of handedOut) lane.accepted(partition, upTo)
    }
  }
}
