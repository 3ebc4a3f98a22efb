// Runs the merges of a partition, on this thread or on another: all that it is told it does in order, and tells what came of it.
import type { Emission } from '../engine/emission.ts'
import { Merger, type SavedMerger } from '../engine/merger.ts'
import type { LaneMessage, ShardFamily } from '../engine/partials.ts'
import type { CompiledQuery } from '../queries/compiled-query.ts'

/** What came out, and where the merges are after it. */
export interface MergeStep {
  readonly emissions: readonly Emission[]
  /** A message was not taken, because units of its lane before this one have not come. */
  readonly missing: { readonly lane: string; readonly unit: number } | undefined
  readonly look: MergeLook
}

export interface MergeLook {
  readonly watermarks: ReadonlyMap<string, number>
  /** See `Merger.waking`. */
  readonly waking: ReadonlyMap<string, ReadonlyMap<string, number>>
  readonly hasOpenLanes: boolean
}

export type MergeInput =
  | { readonly kind: 'messages'; readonly messages: readonly LaneMessage[] }
  | { readonly kind: 'tick'; readonly now: number }
  | { readonly kind: 'close-windows' }

export interface MergeRunner {
  step(input: MergeInput): void
  /** Waits while too many steps have not been done. */
  room(): Promise<void>
  /**
   * Gives the state after all steps so far, at a moment at which what came of those has been told, and nothing of later ones.
   * Resolves after that.
   */
  save(onSaved: (saved: SavedMerger, look: MergeLook) => void): Promise<void>
  close(): void
}

export interface MergeStart {
  readonly partition: number
  readonly saved: SavedMerger | undefined
  /** Shards to make known. */
  readonly shards: readonly ShardFamily[]
}

export interface MergeRunners {
  /** Takes over the merges of a partition; `onStep` is told what comes of each step. */
  open(start: MergeStart, onStep: (step: MergeStep) => void): MergeRunner
}

/** Runs merges on this thread, at once. */
export class OwnMergeRunners implements MergeRunners {
  readonly #queries: readonly CompiledQuery[]

  constructor(queries: readonly CompiledQuery[]) {
    this.#queries = queries
  }

  open({ saved, shards }: MergeStart, onStep: (step: MergeStep) => void): MergeRunner {
    const merger = new Merger(this.#queries, saved)
    merger.declare(shards)
    return {
      step: (input) => onStep(mergeStep(merger, input)),
      room: async () => {},
      save: async (onSaved) => onSaved(merger.save(), lookOf(merger)),
      close() {},
    }
  }
}

function mergeStep(merger: Merger, input: MergeInput): MergeStep {
  let missing: MergeStep['missing']
  if (input.kind === 'messages') {
    for (const message of input.messages) {
      if (!merger.take(message)) missing ??= { lane: message.lane, unit: message.first }
    }
  } else if (input.kind === 'tick') merger.tick(input.now)
  else merger.close()
  return { emissions: merger.takeEmissions(), missing, look: lookOf(merger) }
}

function lookOf(merger: Merger): MergeLook {
  return { watermarks: merger.watermarks(), waking: merger.waking(), hasOpenLanes: merger.hasOpenLanes }
}
