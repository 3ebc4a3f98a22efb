// The operations that the embedded Kinesis offers, by their names on the wire.
import { KinesisApiError } from './errors.ts'
import type { KinesisModel } from './model.ts'

type Operation = (model: KinesisModel, input: never, now: number) => unknown

const OPERATIONS: Record<string, Operation> = {
  AddTagsToStream: (model, input) => model.addTagsToStream(input),
  CreateStream: (model, input, now) => model.createStream(input, now),
  DecreaseStreamRetentionPeriod: (model, input) => model.decreaseStreamRetentionPeriod(input),
  DeleteStream: (model, input) => model.deleteStream(input),
  DescribeStream: (model, input, now) => model.describeStream(input, now),
  DescribeStreamSummary: (model, input) => model.describeStreamSummary(input),
  GetRecords: (model, input, now) => model.getRecords(input, now),
  GetShardIterator: (model, input, now) => model.getShardIterator(input, now),
  IncreaseStreamRetentionPeriod: (model, input) => model.increaseStreamRetentionPeriod(input),
  ListShards: (model, input, now) => model.listShards(input, now),
  ListStreams: (model, input, now) => model.listStreams(input, now),
  ListTagsForStream: (model, input) => model.listTagsForStream(input),
  MergeShards: (model, input, now) => model.mergeShards(input, now),
  PutRecord: (model, input, now) => model.putRecord(input, now),
  PutRecords: (model, input, now) => model.putRecords(input, now),
  RemoveTagsFromStream: (model, input) => model.removeTagsFromStream(input),
  SplitShard: (model, input, now) => model.splitShard(input, now),
  UpdateMaxRecordSize: (model, input) => model.updateMaxRecordSize(input),
  UpdateShardCount: (model, input, now) => model.updateShardCount(input, now),
}

/**
 * Runs one operation on an input whose shape nobody has checked yet: the model does that first thing. Returns undefined
 * where the API answers with an empty body. Throws `KinesisApiError` when the call is refused.
 */
export function runOperation(model: KinesisModel, name: string, input: unknown, now: number): object | undefined {
  const operation = Object.hasOwn(OPERATIONS, name) ? OPERATIONS[name] : undefined
  if (operation === undefined) {
    throw new KinesisApiError(
      'UnknownOperationException',
      `The embedded Kinesis does not offer ${name || 'a call without a name'}. It offers ${Object.keys(OPERATIONS).join(', ')}.`,
    )
  }
  // The model's methods return an object or nothing.
  return operation(model, input as never, now) as object | undefined
}
