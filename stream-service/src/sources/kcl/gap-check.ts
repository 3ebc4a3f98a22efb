// Whether retention has eaten records behind a checkpoint. The KCL does not say: where the record at its checkpoint is
// gone, reading silently goes on with the oldest that is left. One small read at the checkpoint tells: if that record does
// not come first, what followed it may have gone too.
import { GetRecordsCommand, GetShardIteratorCommand, type KinesisClient } from '@aws-sdk/client-kinesis'
import { comparePositions, type Position } from '../../records/record.ts'
import type { Gap } from '../shard-reader.ts'

export interface GapCheckOptions {
  readonly client: KinesisClient
  readonly streamName: string
  readonly shardId: string
  readonly after: Position
  readonly signal: AbortSignal
}

/** Reads may come back empty although records follow. More of them than this would be a reader of its own. */
const readsMax = 5

/** The gap after a checkpoint, or undefined when there is none, or nothing follows that would show it. */
export async function findGap({
  client,
  streamName,
  shardId,
  after,
  signal,
}: GapCheckOptions): Promise<Gap | undefined> {
  const sequenceNumber = after.split(':', 1)[0]!
  const { ShardIterator } = await client.send(
    new GetShardIteratorCommand({
      StreamName: streamName,
      ShardId: shardId,
      ShardIteratorType: 'AT_SEQUENCE_NUMBER',
      StartingSequenceNumber: sequenceNumber,
    }),
    { abortSignal: signal },
  )
  let iterator = ShardIterator
  for (let reads = 0; iterator && reads < readsMax; reads++) {
    const answer = await client.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: 1 }), {
      abortSignal: signal,
    })
    const first = answer.Records?.[0]
    if (first !== undefined) {
      const firstRead = first.SequenceNumber ?? ''
      if (comparePositions(firstRead, sequenceNumber) <= 0) return undefined
      return { shardId, after, firstRead, firstArrivedAt: first.ApproximateArrivalTimestamp?.getTime() }
    }
    if (answer.MillisBehindLatest === 0) return undefined
    iterator = answer.NextShardIterator
  }
  return undefined
}
