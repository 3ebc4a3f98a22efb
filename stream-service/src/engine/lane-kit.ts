// What the lanes of one query are made of, wherever they are read: their keys, tables and panes.
import type { SnapshotValue } from '../aggregates/snapshot-value.ts'
import type { CompiledQuery } from '../queries/compiled-query.ts'
import { AlignedPanes, type AlignedPartials } from '../windows/aligned-panes.ts'
import { CountPanes, type CountPanesOptions } from '../windows/count-panes.ts'
import { GroupKey } from '../windows/group-key.ts'
import { KeyTable } from '../windows/key-table.ts'
import type { LanePanes } from '../windows/lane-panes.ts'
import { SessionPanes, type SessionShares } from '../windows/session-panes.ts'
import { slicing } from '../windows/slices.ts'
import { TablePool } from '../windows/table-pool.ts'
import type { RefusedEmission } from './emission.ts'
import { type LaneHost, type LaneStatus, QueryLane, type SavedLane } from './query-lane.ts'

/** Who takes what lanes give; each family of windows has its own. */
export interface LaneOutputs {
  readonly aligned?: AlignedPartials
  readonly sessions?: SessionShares
  readonly count?: (shardId: string) => CountPanesOptions['publish']
  readonly refuse: (emission: RefusedEmission) => void
}

export interface LaneState {
  readonly status: LaneStatus
  readonly watermark: number
  readonly isFollowing: boolean
}

export class LaneKit {
  readonly query: CompiledQuery
  readonly keys: KeyTable
  readonly tables: TablePool
  /** Per aggregate: how many values it had no use for. */
  readonly skipped: number[]
  readonly #groupKey: GroupKey

  constructor(
    query: CompiledQuery,
    skipped: readonly number[] = query.layout.columns.map(() => 0),
    groupKey = new GroupKey(query.keyBy, query.keySlots, new KeyTable()),
  ) {
    this.query = query
    this.tables = new TablePool(query.layout)
    this.skipped = [...skipped]
    this.#groupKey = groupKey
    this.keys = groupKey.keys
  }

  lane(shardId: string, state: LaneState, host: LaneHost, to: LaneOutputs, saved?: SavedLane): QueryLane {
    const { query } = this
    const panes = this.#panes(shardId, to, saved?.panes)
    return new QueryLane({ shardId, query, groupKey: this.#groupKey, panes, ...state, refuse: to.refuse, host, saved })
  }

  #panes(shardId: string, to: LaneOutputs, saved: SnapshotValue | undefined): LanePanes {
    const { keys, tables, skipped } = this
    const { window, layout, allowedLatenessMs, earlyMs } = this.query
    const common = { shardId, layout, keys, allowedLatenessMs, tracksChanges: earlyMs !== undefined, skipped }
    switch (window.type) {
      case 'session':
        return new SessionPanes({ ...common, gapMs: window.gapMs, shares: to.sessions! }, saved)
      case 'count':
        return new CountPanes({ ...common, size: window.size, publish: to.count!(shardId) }, saved)
      default:
        return new AlignedPanes({ ...common, slicing: slicing(window), tables, partials: to.aligned! }, saved)
    }
  }
}
