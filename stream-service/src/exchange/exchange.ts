// The internal stream between tasks: lanes put what they give their merges on it, split by key into partitions, and each
// partition is merged by the one task that holds it. With a single task there is none: its merge is in the process.
import type { CreditGate } from '../operators/credit-gate.ts'
import type { ShardSource } from '../sources/shard-source.ts'

export interface Exchange {
  /** How many partitions the keys are split into; never changes for an exchange. */
  readonly partitions: number
  /**
   * Puts messages into a partition, in order: none is there before those before it, but some may be there twice. Resolves when
   * all are durable. One call at a time per lane and partition. Rejects when `signal` aborts, or
   * when the exchange cannot work at all.
   */
  put(partition: number, lane: string, messages: readonly Uint8Array[], signal: AbortSignal): Promise<void>
  /** The partitions this task holds, as shards whose records are messages. It asks for a gate once per session. */
  source(gate: (shardId: string) => CreditGate): ShardSource
  /** The partition that a shard of that source holds. */
  partitionOf(shardId: string): number
}
