// A query as the engine runs it: names turned into slots, durations into milliseconds, conditions into functions.
import type { RowLayout } from '../aggregates/row-layout.ts'
import type { TimeReader } from '../time/event-time.ts'
import type { WindowSpec } from '../windows/window-spec.ts'
import type { Filter } from './where.ts'

export type CompiledTime =
  | {
      readonly from: 'field'
      readonly field: string
      readonly slot: number
      readonly read: TimeReader
      readonly unit: string
    }
  | { readonly from: 'arrival' }

export interface CompiledQuery {
  readonly name: string
  /** Stands for everything that gives saved state its meaning: a query with another fingerprint cannot take it over. */
  readonly fingerprint: string
  /** The query has no functions of its own, so that other threads can be told of it. */
  readonly isData: boolean
  readonly where: Filter | undefined
  /** Queries with the same text have the same condition; of a function it says nothing. */
  readonly whereText: string
  readonly time: CompiledTime
  readonly outOfOrdernessMs: number
  /** How far past a record's arrival its event time may lie. */
  readonly maxAheadMs: number
  readonly idleAfterMs: number
  readonly closeAfterMs: number | undefined
  readonly keyBy: readonly string[]
  /** The slots of the key's fields, in that order. */
  readonly keySlots: readonly number[]
  readonly window: WindowSpec
  readonly allowedLatenessMs: number
  /** How often panes of windows that have not fired are published, by the clock; undefined for never. */
  readonly earlyMs: number | undefined
  readonly layout: RowLayout
}
