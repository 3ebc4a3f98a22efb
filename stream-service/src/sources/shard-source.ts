// The contract between a source of shards and the lanes that read them. A source hands out one session per shard that
// this process holds; parents end before their children begin.
import type { Observable } from 'rxjs'
import type { Position, StreamRecord } from '../records/record.ts'

export interface RecordBatch {
  readonly records: readonly StreamRecord[]
  /** How far this read was behind the newest record of the shard, in milliseconds, as Kinesis reports it. */
  readonly millisBehindLatest: number
}

/**
 * Why a session is over. `shard-end`: every record of the shard was delivered and its batches completed.
 * `lease-lost`: somebody else owns the shard; nothing may be checkpointed any more. `shutdown`: this process stops.
 */
export type ReleaseReason = 'shard-end' | 'lease-lost' | 'shutdown'

export interface ShardSession {
  readonly shardId: string
  readonly parentShardIds: readonly string[]
  /** The position after which this session reads; undefined when it reads from the start of the shard. */
  readonly startAfter: Position | undefined
  /**
   * The shard's records in order; empty batches too, since only a read that came back empty shows that a shard is idle.
   * Cold: reading begins with the subscription and ends with it. Completes at shard end or shutdown, errors when the
   * stream cannot be read at all. The next batch is read only once a credit is free (see `CreditGate`).
   */
  readonly batches: Observable<RecordBatch>
  /** Moves the source's checkpoint; call it only after the snapshot that covers `upTo` is durable. */
  checkpoint(upTo: Position | 'SHARD_END'): Promise<void>
  readonly released: Promise<ReleaseReason>
  /**
   * Who reads cannot go on: another process has claimed the shard's state. A source that still holds the shard hands it out
   * anew, from its checkpoint. Sources without leases have no use for it.
   */
  abandon?(): void
}

export interface ShardSource {
  /** The shards known when reading began. Resolves before the first session is handed out. */
  readonly initialShards: Promise<readonly KnownShard[]>
  /**
   * The shards known by now that were not read to their ends, each with its parents. When a session's batches complete at
   * shard end, the shard's children are among them.
   */
  openShards(): readonly KnownShard[]
  /** One session per shard; completes after `stop`, errors when the stream cannot be listed. */
  shards(): Observable<ShardSession>
  /** Ends all sessions with `shutdown` after the batch each is at. */
  stop(): Promise<void>
}

export interface KnownShard {
  readonly shardId: string
  readonly parentShardIds: readonly string[]
}
