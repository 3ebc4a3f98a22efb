// What all shards of a process have in common: the queries, their keys, and what decodes records for them.
import type { CompiledQuery } from '../queries/compiled-query.ts'
import type { FieldPlan } from '../records/fields.ts'
import { GroupKeys } from './group-keys.ts'
import type { KeyPartitions } from './key-partitions.ts'
import { LaneKit } from './lane-kit.ts'
import type { QueryLane } from './query-lane.ts'
import { RecordTaker } from './record-taker.ts'

/** The lanes of a shard, as far as keys are concerned. */
interface KeyHolder {
  readonly lanes: ReadonlyMap<string, QueryLane>
}

export class LaneKits {
  readonly all: readonly LaneKit[]
  readonly taker: RecordTaker
  readonly partitions: KeyPartitions
  readonly #holders = new Set<KeyHolder>()

  /** `plan`: the one the queries were compiled with. */
  constructor(queries: readonly CompiledQuery[], plan: FieldPlan, partitions: KeyPartitions) {
    const groupKeys = new GroupKeys()
    this.all = queries.map((query) => new LaneKit(query, undefined, groupKeys.of(query)))
    this.taker = new RecordTaker(plan)
    this.partitions = partitions
  }

  join(holder: KeyHolder): void {
    this.#holders.add(holder)
  }

  leave(holder: KeyHolder): void {
    this.#holders.delete(holder)
  }

  /** Forgets the keys under which nothing is kept any more, if there are many. After messages were taken. */
  sweepKeys(): void {
    for (const { keys } of this.all) {
      if (!keys.isSweepDue) continue
      const users = this.all.filter((kit) => kit.keys === keys)
      keys.sweep((marks) => {
        for (const { lanes } of this.#holders) {
          for (const { query } of users) lanes.get(query.name)?.panes.markKeys(marks)
        }
      })
    }
  }
}
