// The RxJS face of the engine: shards in, nothing out, batches one at a time per shard and shards side by side. All state
// and all decisions are the handler's; this wires subscriptions so that an error or an unsubscribe reaches everything.
import { concat, concatMap, defer, from, ignoreElements, mergeMap, type Observable, takeUntil } from 'rxjs'
import type { RecordBatch, ReleaseReason, ShardSession, ShardSource } from '../sources/shard-source.ts'

export interface ShardHandler {
  /** A shard is held from now on; its batches wait for the promise. */
  opened(session: ShardSession): Promise<void>
  /** Called for each batch of a shard in order; the next one waits for the promise. */
  batch(session: ShardSession, batch: RecordBatch): Promise<void>
  /** The shard's batches are all handled. Children of an ended shard are handed out only after this has checkpointed it. */
  released(session: ShardSession, reason: ReleaseReason): Promise<void>
  /** Emits when a shard must not be touched any more, whatever the source thinks. */
  abandoned(session: ShardSession): Observable<unknown>
}

/**
 * Reads every shard of the source into the handler. Emits nothing; completes when the source does (after `stop`) and all
 * handlers are done; errors with the first failure of the source or of a handler, and then unsubscribes from all shards.
 */
export function processShards(source: ShardSource, handler: ShardHandler): Observable<never> {
  return source.shards().pipe(
    mergeMap((session) =>
      concat(
        defer(() => from(handler.opened(session))),
        session.batches.pipe(concatMap((batch) => handler.batch(session, batch))),
        defer(() => from(session.released).pipe(concatMap((reason) => handler.released(session, reason)))),
      ).pipe(takeUntil(defer(() => handler.abandoned(session)))),
    ),
    ignoreElements(),
  )
}
