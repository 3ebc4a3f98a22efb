// One field of the comparison.
import type { Usage } from './usage.ts'

/** What one contestant did with one query. */
export interface Cell {
  readonly query: string
  readonly contestant: string
  /** By round. */
  readonly samples: Usage[]
  /** What was wrong with its output; undefined when it was not looked at. */
  faults: readonly string[] | undefined
  /** Why it did not come to its end. */
  failure: string | undefined
}
