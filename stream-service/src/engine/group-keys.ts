// The keys of several queries over one stream: those that group by the same fields share a table, so that a record's key is
// looked up once for all of them.
import type { CompiledQuery } from '../queries/compiled-query.ts'
import { GroupKey } from '../windows/group-key.ts'
import { KeyTable } from '../windows/key-table.ts'

export class GroupKeys {
  readonly #known = new Map<string, GroupKey>()

  of({ keyBy, keySlots }: CompiledQuery): GroupKey {
    const id = keySlots.join(' ')
    const known = this.#known.get(id)
    if (known !== undefined) return known
    const groupKey = new GroupKey(keyBy, keySlots, new KeyTable())
    this.#known.set(id, groupKey)
    return groupKey
  }

  get all(): Iterable<GroupKey> {
    return this.#known.values()
  }
}
