// Snapshots of earlier formats, read as if this program had written them. One step per format takes the decoded tree from
// format n to n + 1; a snapshot goes through all steps from its own format on. Format 1 was never released.
import type { SnapshotValue } from '../aggregates/snapshot-value.ts'
import { migrateFormat2 } from './migrate-format-2.ts'

export const oldestFormat = 2
export const formatVersion = 3

const steps: Readonly<Record<number, (state: SnapshotValue) => SnapshotValue>> = {
  2: migrateFormat2,
}

/** The state that was saved in `format`, in the present one. */
export function migrateState(state: SnapshotValue, format: number): SnapshotValue {
  let migrated = state
  for (let from = format; from < formatVersion; from++) migrated = steps[from]!(migrated)
  return migrated
}
