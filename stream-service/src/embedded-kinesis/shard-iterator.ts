// Shard iterators: where a reader of one shard goes on. An iterator is a token that holds its whole meaning, so the model
// keeps nothing per reader.
import type { GetShardIteratorInput } from './api.ts'
import { invalidArgument, KinesisApiError } from './errors.ts'
import type { Shard } from './shard.ts'
import type { Stream } from './stream.ts'
import { decodeToken, encodeToken, TOKEN_LIFE_MS } from './token.ts'

export interface ShardIterator {
  readonly streamName: string
  /** Tells a stream from one of the same name that was deleted before it. */
  readonly streamCreatedAt: number
  readonly shardId: string
  /** The place in the shard, as `Shard.read` takes it. */
  readonly ordinal: number
}

/** The token for a place in a shard; it lives 5 minutes. */
export function encodeShardIterator(stream: Stream, shard: Shard, ordinal: number, now: number): string {
  return encodeToken('iterator', now, [stream.name, stream.createdAt, shard.id, ordinal])
}

export function decodeShardIterator(token: string, now: number): ShardIterator {
  const decoded = decodeToken('iterator', token)
  if (decoded === undefined) throw invalidArgument('Invalid ShardIterator.')
  const { madeAt } = decoded
  if (now - madeAt > TOKEN_LIFE_MS) {
    throw new KinesisApiError(
      'ExpiredIteratorException',
      `Iterator expired. The iterator was created at time ${iso(madeAt)} while right now it is ${iso(now)} which is ` +
        `further in the future than the tolerated delay of ${TOKEN_LIFE_MS} milliseconds.`,
    )
  }
  // Tokens are made here and nowhere else; a forged one harms only its own call.
  const [streamName, streamCreatedAt, shardId, ordinal] = decoded.content as [string, number, string, number]
  return { streamName, streamCreatedAt, shardId, ordinal }
}

/** The place that a new iterator starts at, as `Shard.read` takes it; 0 is the trim horizon at the time of the read. */
export function startingOrdinal(stream: Stream, shard: Shard, input: GetShardIteratorInput, now: number): number {
  const { ShardIteratorType: type, StartingSequenceNumber: starting, Timestamp } = input
  const takesNumber = type === 'AT_SEQUENCE_NUMBER' || type === 'AFTER_SEQUENCE_NUMBER'
  if (takesNumber !== (starting !== undefined)) {
    throw invalidArgument(
      'Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON ' +
        `or LATEST and no StartingSequenceNumber. Request specified ${type} and ${takesNumber ? 'no' : 'also a'} ` +
        'StartingSequenceNumber.',
    )
  }
  switch (type) {
    case 'TRIM_HORIZON':
      return 0
    case 'LATEST':
      return shard.latest
    case 'AT_TIMESTAMP':
      if (Timestamp === undefined) {
        throw invalidArgument(
          'Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter.',
        )
      }
      if (Timestamp > now) {
        throw invalidArgument(
          'The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: ' +
            `${Timestamp}, currentTimestampInMillis: ${now}`,
        )
      }
      return shard.firstArrivedFrom(Timestamp)
    case 'AT_SEQUENCE_NUMBER':
      return ordinalOf(stream, shard, starting!)
    case 'AFTER_SEQUENCE_NUMBER':
      return ordinalOf(stream, shard, starting!) + 1
  }
}

function ordinalOf(stream: Stream, shard: Shard, sequenceNumber: string): number {
  const ordinal = shard.sequenceNumbers.ordinalOf(sequenceNumber)
  // A closed shard has given out one number more than it has records: its ending sequence number.
  const given = shard.isOpen ? shard.latest - 1 : shard.latest
  if (ordinal !== undefined && ordinal <= given) return ordinal
  throw invalidArgument(
    `StartingSequenceNumber ${sequenceNumber} used in GetShardIterator on shard ${shard.id} in ${stream.label} ` +
      `is invalid because it did not come from this ${ordinal === undefined ? 'shard' : 'stream'}.`,
  )
}

function iso(at: number): string {
  return new Date(at).toISOString()
}
