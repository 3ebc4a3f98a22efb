// The Kinesis client of one process over the model of the stream, as far as the direct source calls it: throttled and failing at
// times, with iterators that live for a short while only.
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type GetShardIteratorCommandInput,
  type KinesisClient,
  ListShardsCommand,
} from '@aws-sdk/client-kinesis'
import { awsError } from '../../../stream-service/src/sources/fake-kinesis.ts'
import type { Process } from './process.ts'
import type { StreamModel } from './stream-model.ts'

/** Shorter than anything that retention takes is old, as in Kinesis, where it is five minutes and a day. */
const iteratorLifeMs = 2_000

export interface ClientOptions {
  readonly process: Process
  readonly stream: StreamModel
  readonly areReadsFailing: () => boolean
}

export function simulatedClient({ process, stream, areReadsFailing }: ClientOptions): KinesisClient {
  const answer = (command: unknown): unknown => {
    const { now } = process.scheduler
    const chance = process.chance(6e6 + process.operations)
    if (areReadsFailing() && chance.happens(0.4)) throw awsError('ProvisionedThroughputExceededException')
    if (areReadsFailing() && chance.happens(0.2)) throw awsError('InternalFailure', '', 500)
    if (command instanceof ListShardsCommand) return { Shards: [...stream.shards.values()].map(listed) }
    if (command instanceof GetShardIteratorCommand) return { ShardIterator: iterator(command.input, now) }
    if (!(command instanceof GetRecordsCommand)) throw new Error('no such command')
    const [shardId = '', after = '0', madeAt = '0'] = command.input.ShardIterator!.split('/')
    if (now - Number(madeAt) > iteratorLifeMs) throw awsError('ExpiredIteratorException')
    const { records, millisBehindLatest, isAtEnd } = stream.read(shardId, Number(after), chance.between(1, 5), now)
    return {
      Records: records.map(({ position, partitionKey, data, arrivedAt }) => ({
        SequenceNumber: position,
        PartitionKey: partitionKey,
        Data: data,
        ApproximateArrivalTimestamp: new Date(arrivedAt),
      })),
      MillisBehindLatest: millisBehindLatest,
      ...(isAtEnd
        ? {
            ChildShards: stream
              .childrenOf(shardId)
              .map((child) => ({ ShardId: child.shardId, ParentShards: child.parentShardIds })),
          }
        : { NextShardIterator: `${shardId}/${records.at(-1)?.sequence ?? after}/${now}` }),
    }
  }
  const send = (command: object, { abortSignal }: { abortSignal?: AbortSignal } = {}) =>
    process.operate(describe(command), () => answer(command), { signal: abortSignal })
  return { send } as never
}

function describe(command: object): string {
  const { input } = command as { readonly input: { readonly ShardId?: string; readonly ShardIterator?: string } }
  return `${command.constructor.name} ${input.ShardId ?? input.ShardIterator ?? ''}`
}

function listed({ shardId, parentShardIds, closedAt }: ReturnType<StreamModel['shards']['get']> & object) {
  return {
    ShardId: shardId,
    ParentShardId: parentShardIds[0],
    AdjacentParentShardId: parentShardIds[1],
    SequenceNumberRange: {
      StartingSequenceNumber: '0',
      EndingSequenceNumber: closedAt === undefined ? undefined : '1',
    },
  }
}

function iterator(
  { ShardId, ShardIteratorType, StartingSequenceNumber }: GetShardIteratorCommandInput,
  now: number,
): string {
  switch (ShardIteratorType) {
    case 'TRIM_HORIZON':
      return `${ShardId}/0/${now}`
    case 'AT_SEQUENCE_NUMBER':
      return `${ShardId}/${Number(StartingSequenceNumber) - 1}/${now}`
    default:
      throw new Error(`no iterator ${ShardIteratorType}`)
  }
}
