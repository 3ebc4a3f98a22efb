// Stands for the panes of a lane that is read on another thread.
import type { SnapshotValue } from '../aggregates/snapshot-value.ts'
import type { LanePanes, Placement } from '../windows/lane-panes.ts'

export class AwayPanes implements LanePanes {
  readonly nextDueAt = Number.POSITIVE_INFINITY
  /** The panes as they were saved where they are, for the snapshot that is being taken. */
  saved: SnapshotValue | undefined

  add(): Placement {
    throw new LaneAwayError()
  }

  advance(): void {
    throw new LaneAwayError()
  }

  flush(): void {
    throw new LaneAwayError()
  }

  markKeys(): void {}

  encode(): SnapshotValue {
    if (this.saved === undefined) throw new LaneAwayError()
    return this.saved
  }
}

/** A mistake in the program: a lane was used here while it was read elsewhere. */
class LaneAwayError extends Error {
  readonly code = 'LANE_AWAY'

  constructor() {
    super('the lane is read on another thread and has to be called back first')
    this.name = 'LaneAwayError'
  }
}
