// A state as it is after it was saved and loaded again.
import type { SnapshotValue } from '../../stream-service/src/aggregates/snapshot-value.ts'
import { packTree, unpackTree } from '../../stream-service/src/state/snapshot-tree.ts'

export function savedAndLoaded<State>(state: State): State {
  return unpackTree(packTree(state as SnapshotValue)) as State
}
