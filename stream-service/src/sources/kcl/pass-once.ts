// A consumer that keeps a shard's state from one session to the next, as long as the process lives, must not see a record
// twice when a session begins again at its checkpoint. This leaves out what an earlier session has given already.
import { map } from 'rxjs'
import { comparePositions, type Position } from '../../records/record.ts'
import type { RecordBatch, ShardSession, ShardSource } from '../shard-source.ts'

/** The same source, whose sessions of one shard together give each record once, in order. Batches may become empty by it. */
export function passOnce(source: ShardSource): ShardSource {
  const given = new Map<string, Position>()
  return {
    get initialShards() {
      return source.initialShards
    },
    openShards: () => source.openShards(),
    shards: () => source.shards().pipe(map((session) => onlyNew(session, given))),
    stop: () => source.stop(),
  }
}

function onlyNew(session: ShardSession, given: Map<string, Position>): ShardSession {
  const { shardId, parentShardIds, startAfter, released } = session
  let skipUpTo = given.get(shardId)
  const batches = session.batches.pipe(
    map((batch): RecordBatch => {
      const last = batch.records.at(-1)?.position
      if (last === undefined) return batch
      const upTo = skipUpTo
      if (upTo === undefined) {
        given.set(shardId, last)
        return batch
      }
      const records = batch.records.filter(({ position }) => comparePositions(position, upTo) > 0)
      if (records.length > 0) {
        skipUpTo = undefined
        given.set(shardId, last)
      }
      // What was left out does not make an empty read: the shard is not idle.
      return { records, millisBehindLatest: Math.max(batch.millisBehindLatest, records.length > 0 ? 0 : 1) }
    }),
  )
  return { shardId, parentShardIds, startAfter, batches, checkpoint: (upTo) => session.checkpoint(upTo), released }
}
