// Kinesis as a pure model: streams, shards and records in memory, one method per operation of the API. It does no I/O and
// reads no clock; `now` comes with every call, so the same calls give the same answers in a server and in a simulation.
//
// What differs from AWS on purpose: changes of a stream take effect at once (its status is always ACTIVE), credentials
// and quotas per account are not checked, and the limits per shard only when asked for.
import type {
  AddTagsInput,
  CreateStreamInput,
  DescribeStreamInput,
  GetRecordsInput,
  GetRecordsOutput,
  GetShardIteratorInput,
  ListShardsInput,
  ListShardsOutput,
  ListStreamsInput,
  ListStreamsOutput,
  ListTagsInput,
  ListTagsOutput,
  MergeShardsInput,
  PutRecordInput,
  PutRecordOutput,
  PutRecordsEntry,
  PutRecordsInput,
  PutRecordsOutput,
  PutRecordsResult,
  RemoveTagsInput,
  RetentionPeriodInput,
  SplitShardInput,
  StreamDescription,
  StreamDescriptionSummary,
  StreamIdentity,
  UpdateMaxRecordSizeInput,
  UpdateShardCountInput,
  UpdateShardCountOutput,
} from './api.ts'
import { checkRequest, fault, validationError } from './constraint.ts'
import { describeChild, describeShard, describeStreamFacts, describeStreamSettings } from './description.ts'
import { invalidArgument, KinesisApiError, notFound } from './errors.ts'
import { hashKeyOf } from './hash-key.ts'
import { payloadBytes, recordBytes } from './payload.ts'
import { requestShapes } from './request-shapes.ts'
import type { Shard } from './shard.ts'
import { filterShards } from './shard-filter.ts'
import { decodeShardIterator, encodeShardIterator, startingOrdinal } from './shard-iterator.ts'
import { ACCOUNT, Stream } from './stream.ts'
import { decodeListToken, encodeListToken } from './token.ts'

const PUT_RECORDS_BYTES_MAX = 10 * 1024 * 1024
const GET_RECORDS_MAX = 10_000
const ON_DEMAND_SHARDS = 4
const TAGS_MAX = 50

export interface KinesisModelOptions {
  /** How long records are kept, for all streams, in place of their retention in hours (24 h unless changed). */
  readonly retentionMs?: number | undefined
  /** `aws`: shards refuse what exceeds 1,000 records/s, 1 MiB/s written, 5 reads/s, 2 MiB/s read. Default `none`. */
  readonly limits?: 'aws' | 'none' | undefined
  /** Part of every ARN. Default `us-east-1`. */
  readonly region?: string | undefined
}

export class KinesisModel {
  readonly #streams = new Map<string, Stream>()
  readonly #retentionMs: number | undefined
  readonly #hasLimits: boolean
  readonly #region: string

  constructor(options: KinesisModelOptions = {}) {
    this.#retentionMs = options.retentionMs
    this.#hasLimits = options.limits === 'aws'
    this.#region = options.region ?? 'us-east-1'
  }

  createStream(input: CreateStreamInput, now: number): void {
    checkRequest(input, requestShapes.createStream)
    const { StreamName: name, StreamModeDetails, ShardCount, MaxRecordSizeInKiB, Tags } = input
    const mode = StreamModeDetails?.StreamMode ?? 'PROVISIONED'
    const shardCount = mode === 'ON_DEMAND' ? ON_DEMAND_SHARDS : ShardCount
    if (shardCount === undefined) {
      throw new KinesisApiError('ValidationException', 'ShardCount is needed for a stream in PROVISIONED mode.')
    }
    if (this.#streams.has(name)) {
      throw new KinesisApiError('ResourceInUseException', `Stream ${name} under account ${ACCOUNT} already exists.`)
    }
    const maxRecordKiB = MaxRecordSizeInKiB ?? 1_024
    const retentionMs = this.#retentionMs
    const stream = new Stream({
      name,
      region: this.#region,
      createdAt: now,
      shardCount,
      mode,
      maxRecordKiB,
      retentionMs,
    })
    addTags(stream, Tags ?? {})
    this.#streams.set(name, stream)
  }

  deleteStream(input: StreamIdentity): void {
    checkRequest(input, requestShapes.streamOnly)
    this.#streams.delete(this.#stream(input).name)
  }

  listStreams(input: ListStreamsInput, now: number): ListStreamsOutput {
    checkRequest(input, requestShapes.listStreams)
    const token = input.NextToken === undefined ? undefined : decodeListToken('streams', input.NextToken, now)
    const after = token?.after ?? input.ExclusiveStartStreamName ?? ''
    const names = [...this.#streams.keys()].sort().filter((name) => name > after)
    const page = names.slice(0, input.Limit ?? 100)
    const hasMore = names.length > page.length
    return {
      StreamNames: page,
      HasMoreStreams: hasMore,
      ...(hasMore && {
        NextToken: encodeListToken('streams', { query: null, after: page.at(-1)! }, now),
      }),
      StreamSummaries: page.map((name) => describeStreamFacts(this.#streams.get(name)!)),
    }
  }

  describeStream(input: DescribeStreamInput, now: number): { StreamDescription: StreamDescription } {
    checkRequest(input, requestShapes.describeStream)
    const stream = this.#stream(input)
    const shards = stream.shards(now).filter((shard) => shard.id > (input.ExclusiveStartShardId ?? ''))
    const page = shards.slice(0, input.Limit ?? 100)
    return {
      StreamDescription: {
        ...describeStreamSettings(stream),
        Shards: page.map(describeShard),
        HasMoreShards: shards.length > page.length,
      },
    }
  }

  describeStreamSummary(input: StreamIdentity): {
    StreamDescriptionSummary: StreamDescriptionSummary
  } {
    checkRequest(input, requestShapes.streamOnly)
    const stream = this.#stream(input)
    return {
      StreamDescriptionSummary: {
        ...describeStreamSettings(stream),
        OpenShardCount: stream.openShards.length,
        ConsumerCount: 0,
        MaxRecordSizeInKiB: stream.maxRecordKiB,
      },
    }
  }

  /** Pages of 1,000 shards unless `MaxResults` says otherwise; a next-token stands for the whole first request. */
  listShards(input: ListShardsInput, now: number): ListShardsOutput {
    checkRequest(input, requestShapes.listShards)
    const { NextToken, MaxResults = 1_000 } = input
    if (NextToken !== undefined && (input.StreamName !== undefined || input.StreamARN !== undefined)) {
      throw invalidArgument('NextToken and StreamName cannot be provided together.')
    }
    const token = NextToken === undefined ? undefined : decodeListToken('shards', NextToken, now)
    // What a token carries was checked when it was made.
    const query = token === undefined ? input : (token.query as ListShardsInput)
    const stream = this.#stream(query)
    const after = token?.after ?? input.ExclusiveStartShardId ?? ''
    const shards = filterShards(stream, query.ShardFilter, now).filter((shard) => shard.id > after)
    const page = shards.slice(0, MaxResults)
    const rest = {
      query: { StreamName: stream.name, ShardFilter: query.ShardFilter },
      after: page.at(-1)?.id ?? '',
    }
    return {
      Shards: page.map(describeShard),
      ...(shards.length > page.length && {
        NextToken: encodeListToken('shards', rest, now),
      }),
    }
  }

  putRecord(input: PutRecordInput, now: number): PutRecordOutput {
    checkRequest(input, requestShapes.putRecord)
    const stream = this.#stream(input)
    checkRecordBytes(stream, input, 'data')
    const shard = stream.shardOf(hashKeyOf(input.PartitionKey, input.ExplicitHashKey))
    this.#checkOrdering(stream, shard, input.SequenceNumberForOrdering)
    if (!this.#takesWrite(shard, input, now)) throw throughputExceeded(stream, shard)
    return {
      ShardId: shard.id,
      SequenceNumber: this.#append(stream, shard, input, now),
      EncryptionType: 'NONE',
    }
  }

  /** All or nothing where a request is invalid; record by record where a shard is at its limit. */
  putRecords(input: PutRecordsInput, now: number): PutRecordsOutput {
    checkRequest(input, requestShapes.putRecords)
    const stream = this.#stream(input)
    let bytes = 0
    input.Records.forEach((record, index) => {
      bytes += recordBytes(record.Data, record.PartitionKey)
      checkRecordBytes(stream, record, `records.${index + 1}.member.data`)
    })
    if (bytes > PUT_RECORDS_BYTES_MAX) throw invalidArgument('Records size exceeds 10 MB limit.')
    const shards = input.Records.map((record) => stream.shardOf(hashKeyOf(record.PartitionKey, record.ExplicitHashKey)))
    let failed = 0
    const results = input.Records.map((record, index): PutRecordsResult => {
      const shard = shards[index]!
      if (this.#takesWrite(shard, record, now)) {
        return {
          SequenceNumber: this.#append(stream, shard, record, now),
          ShardId: shard.id,
        }
      }
      failed++
      const { code, message } = throughputExceeded(stream, shard)
      return { ErrorCode: code, ErrorMessage: message }
    })
    return {
      FailedRecordCount: failed,
      Records: results,
      EncryptionType: 'NONE',
    }
  }

  getShardIterator(input: GetShardIteratorInput, now: number): { ShardIterator: string } {
    checkRequest(input, requestShapes.getShardIterator)
    const stream = this.#stream(input)
    const shard = this.#shard(stream, input.ShardId, now)
    const ordinal = startingOrdinal(stream, shard, input, now)
    return { ShardIterator: encodeShardIterator(stream, shard, ordinal, now) }
  }

  getRecords(input: GetRecordsInput, now: number): GetRecordsOutput {
    checkRequest(input, requestShapes.getRecords)
    const iterator = decodeShardIterator(input.ShardIterator, now)
    const stream = this.#stream({ StreamName: iterator.streamName })
    if (stream.createdAt !== iterator.streamCreatedAt) {
      throw notFound(`The iterator is from an earlier ${stream.label}, which was deleted.`)
    }
    const shard = this.#shard(stream, iterator.shardId, now)
    if (this.#hasLimits && !shard.throughput.takeRead(now)) throw throughputExceeded(stream, shard)
    const read = shard.read(iterator.ordinal, input.Limit ?? GET_RECORDS_MAX, now)
    if (this.#hasLimits) shard.throughput.addReadBytes(read.bytes)
    const isAtEnd = shard.endsAt(read.next)
    return {
      Records: read.records.map((record) => ({
        SequenceNumber: shard.sequenceNumbers.of(record.ordinal),
        ApproximateArrivalTimestamp: record.arrivedAt,
        Data: record.payload,
        PartitionKey: record.partitionKey,
      })),
      NextShardIterator: isAtEnd ? null : encodeShardIterator(stream, shard, read.next, now),
      MillisBehindLatest: read.millisBehindLatest,
      ...(isAtEnd && { ChildShards: shard.children.map(describeChild) }),
    }
  }

  splitShard(input: SplitShardInput, now: number): void {
    checkRequest(input, requestShapes.splitShard)
    const stream = this.#stream(input)
    const shard = this.#openShard(stream, input.ShardToSplit, now)
    const at = BigInt(input.NewStartingHashKey)
    if (at <= shard.range.start + 1n || at >= shard.range.end) {
      throw invalidArgument(
        `NewStartingHashKey ${at} used in SplitShard() on shard ${shard.id} in ${stream.label} is not both greater than ` +
          `one plus the shard's StartingHashKey ${shard.range.start} and less than the shard's EndingHashKey ` +
          `${shard.range.end}.`,
      )
    }
    stream.split(shard, at, now)
  }

  mergeShards(input: MergeShardsInput, now: number): void {
    checkRequest(input, requestShapes.mergeShards)
    const stream = this.#stream(input)
    const shard = this.#openShard(stream, input.ShardToMerge, now)
    const adjacent = this.#openShard(stream, input.AdjacentShardToMerge, now)
    const areAdjacent = shard.range.end + 1n === adjacent.range.start || adjacent.range.end + 1n === shard.range.start
    if (!areAdjacent) {
      throw invalidArgument(
        `Shards ${shard.id} and ${adjacent.id} in ${stream.label} are not an adjacent pair of shards eligible for merging`,
      )
    }
    stream.merge(shard, adjacent, now)
  }

  updateShardCount(input: UpdateShardCountInput, now: number): UpdateShardCountOutput {
    checkRequest(input, requestShapes.updateShardCount)
    const stream = this.#stream(input)
    const current = stream.openShards.length
    const target = input.TargetShardCount
    const excess = target > current * 2 ? 'up over double' : target < current / 2 ? 'down below half' : undefined
    if (excess !== undefined) {
      throw new KinesisApiError(
        'LimitExceededException',
        `UpdateShardCount cannot scale ${excess} your current open shard count. Current open shard count: ${current} ` +
          `Target shard count: ${target}`,
      )
    }
    stream.scaleUniformly(target, now)
    return {
      StreamName: stream.name,
      StreamARN: stream.arn,
      CurrentShardCount: current,
      TargetShardCount: target,
    }
  }

  increaseStreamRetentionPeriod(input: RetentionPeriodInput): void {
    checkRequest(input, requestShapes.retentionPeriod)
    const stream = this.#stream(input)
    if (input.RetentionPeriodHours < stream.retentionHours) throw wrongRetention(stream, input, 'shorter', 'Decrease')
    stream.retentionHours = input.RetentionPeriodHours
  }

  decreaseStreamRetentionPeriod(input: RetentionPeriodInput): void {
    checkRequest(input, requestShapes.retentionPeriod)
    const stream = this.#stream(input)
    if (input.RetentionPeriodHours > stream.retentionHours) throw wrongRetention(stream, input, 'longer', 'Increase')
    stream.retentionHours = input.RetentionPeriodHours
  }

  updateMaxRecordSize(input: UpdateMaxRecordSizeInput): void {
    checkRequest(input, requestShapes.updateMaxRecordSize)
    this.#stream(input).maxRecordKiB = input.MaxRecordSizeInKiB
  }

  addTagsToStream(input: AddTagsInput): void {
    checkRequest(input, requestShapes.addTags)
    addTags(this.#stream(input), input.Tags)
  }

  removeTagsFromStream(input: RemoveTagsInput): void {
    checkRequest(input, requestShapes.removeTags)
    const stream = this.#stream(input)
    for (const key of input.TagKeys) stream.tags.delete(key)
  }

  listTagsForStream(input: ListTagsInput): ListTagsOutput {
    checkRequest(input, requestShapes.listTags)
    const stream = this.#stream(input)
    const keys = [...stream.tags.keys()].sort().filter((key) => key > (input.ExclusiveStartTagKey ?? ''))
    const page = keys.slice(0, input.Limit ?? 50)
    return {
      Tags: page.map((key) => ({ Key: key, Value: stream.tags.get(key)! })),
      HasMoreTags: keys.length > page.length,
    }
  }

  /** Frees what is past retention in shards that no call touches; calls see to the shards they touch. */
  trim(now: number): void {
    for (const stream of this.#streams.values()) stream.trim(now)
  }

  #stream(identity: StreamIdentity): Stream {
    const { StreamName, StreamARN } = identity
    const arnName = StreamARN?.slice(StreamARN.indexOf('/') + 1)
    if (StreamName !== undefined && arnName !== undefined && StreamName !== arnName) {
      throw invalidArgument(`StreamName ${StreamName} and StreamARN ${StreamARN} do not name the same stream.`)
    }
    const name = StreamName ?? arnName
    if (name === undefined) throw invalidArgument('Either StreamName or StreamARN must be provided.')
    const stream = this.#streams.get(name)
    if (stream === undefined) throw notFound(`Stream ${name} under account ${ACCOUNT} not found.`)
    return stream
  }

  #shard(stream: Stream, id: string, now: number): Shard {
    const shard = stream.shard(id, now)
    if (shard === undefined) {
      throw notFound(`Shard ${id} in ${stream.label} does not exist`)
    }
    return shard
  }

  #openShard(stream: Stream, id: string, now: number): Shard {
    const shard = this.#shard(stream, id, now)
    if (!shard.isOpen) {
      throw invalidArgument(`Shard ${id} in ${stream.label} is closed: it was split or merged.`)
    }
    return shard
  }

  #takesWrite(shard: Shard, record: PutRecordsEntry, now: number): boolean {
    return !this.#hasLimits || shard.throughput.takeWrite(now, recordBytes(record.Data, record.PartitionKey))
  }

  #append(stream: Stream, shard: Shard, record: PutRecordsEntry, now: number): string {
    shard.trimBefore(stream.trimHorizon(now))
    return shard.append(now, record.PartitionKey, record.Data)
  }

  /** Numbers of one shard always grow, so an earlier one needs nothing; one that was not given out yet is refused. */
  #checkOrdering(stream: Stream, shard: Shard, sequenceNumber: string | undefined): void {
    if (sequenceNumber === undefined) return
    const ordinal = shard.sequenceNumbers.ordinalOf(sequenceNumber)
    if (ordinal === undefined || ordinal < shard.latest) return
    throw invalidArgument(
      `ExclusiveMinimumSequenceNumber ${sequenceNumber} used in PutRecord on ${stream.label} is too big.`,
    )
  }
}

/** A stream takes records of 1 MiB unless it was told to take more. Source: "Large records", developer guide. */
function checkRecordBytes(stream: Stream, record: PutRecordsEntry, path: string): void {
  const maxBytes = stream.maxRecordKiB * 1024
  if (payloadBytes(record.Data) <= maxBytes) return
  throw validationError([fault(path, undefined, `have length less than or equal to ${maxBytes}`)])
}

function addTags(stream: Stream, tags: Record<string, string>): void {
  const keys = new Set([...stream.tags.keys(), ...Object.keys(tags)])
  if (keys.size > TAGS_MAX) {
    throw invalidArgument(
      `Stream ${stream.name} cannot have more than ${TAGS_MAX} tags; with these it would have ${keys.size}.`,
    )
  }
  for (const [key, value] of Object.entries(tags)) stream.tags.set(key, value)
}

function throughputExceeded(stream: Stream, shard: Shard): KinesisApiError {
  return new KinesisApiError(
    'ProvisionedThroughputExceededException',
    `Rate exceeded for shard ${shard.id} in ${stream.label}.`,
  )
}

function wrongRetention(
  stream: Stream,
  input: RetentionPeriodInput,
  comparison: string,
  other: string,
): KinesisApiError {
  return invalidArgument(
    `Requested retention period (${input.RetentionPeriodHours} hours) for stream ${stream.name} can not be ${comparison} ` +
      `than existing retention period (${stream.retentionHours} hours). Use ${other}RetentionPeriod API.`,
  )
}
