// A Kinesis stream in memory for unit tests, behind the SDK's `send`: shards that split and merge, sequence numbers,
// iterators that expire, retention, and failures on demand. It keeps the laws that the direct source relies on.
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type GetShardIteratorCommandInput,
  type KinesisClient,
  ListShardsCommand,
} from '@aws-sdk/client-kinesis'
import { VirtualTime } from './virtual-time.ts'

interface FakeRecord {
  readonly sequence: number
  readonly text: string
  readonly at: number
}

interface FakeShard {
  readonly id: string
  readonly parents: string[]
  readonly children: string[]
  records: FakeRecord[]
  isClosed: boolean
}

type Call = 'ListShards' | 'GetShardIterator' | 'GetRecords'

export class FakeKinesis {
  readonly shards = new Map<string, FakeShard>()
  /** Every call with the shard it concerned, in order. */
  readonly calls: Array<{ call: Call; shardId: string; at: number; type?: string | undefined }> = []
  /** Errors to answer with, one a call, before the calls of that kind work again. */
  readonly failures: Record<Call, Error[]> = { ListShards: [], GetShardIterator: [], GetRecords: [] }
  /** Iterators made up to now are expired from here on. */
  expiredBelow = 0
  recordsPerRead = 2
  shardsPerPage = 2
  readonly timing = new VirtualTime()
  #lastSequence = 0
  #lastIterator = 0

  constructor(...shardIds: string[]) {
    for (const id of shardIds) this.#open(id, [])
  }

  get client(): KinesisClient {
    return {
      send: (command: unknown, options?: { abortSignal?: AbortSignal }) => this.#send(command, options),
    } as never
  }

  put(shardId: string, ...texts: string[]): void {
    for (const text of texts)
      this.#shard(shardId).records.push({ sequence: ++this.#lastSequence, text, at: this.timing.now() })
  }

  split(parent: string, first: string, second: string): void {
    this.#close(parent)
    for (const id of [first, second]) this.#open(id, [parent])
  }

  merge(first: string, second: string, child: string): void {
    this.#close(first)
    this.#close(second)
    this.#open(child, [first, second])
  }

  /** Retention takes the oldest records of a shard. */
  trim(shardId: string, count: number): void {
    this.#shard(shardId).records.splice(0, count)
  }

  /** The position of a record. */
  positionOf(text: string): string {
    for (const { records } of this.shards.values()) {
      for (const record of records) if (record.text === text) return String(record.sequence)
    }
    throw new Error(`no record ${text}`)
  }

  callsOf(call: Call): typeof this.calls {
    return this.calls.filter((made) => made.call === call)
  }

  async #send(command: unknown, options?: { abortSignal?: AbortSignal }): Promise<unknown> {
    await new Promise((resolve) => setImmediate(resolve))
    options?.abortSignal?.throwIfAborted()
    if (command instanceof ListShardsCommand) return this.#listShards(command.input.NextToken)
    if (command instanceof GetShardIteratorCommand) return { ShardIterator: this.#openIterator(command.input) }
    if (command instanceof GetRecordsCommand) return this.#getRecords(command.input.ShardIterator ?? '')
    throw new Error('the fake knows no such command')
  }

  #listShards(nextToken: string | undefined) {
    this.#answer('ListShards', '')
    const from = Number(nextToken ?? 0)
    const all = [...this.shards.values()]
    return {
      Shards: all.slice(from, from + this.shardsPerPage).map(({ id, parents, isClosed }) => ({
        ShardId: id,
        ParentShardId: parents[0],
        AdjacentParentShardId: parents[1],
        SequenceNumberRange: { StartingSequenceNumber: '0', EndingSequenceNumber: isClosed ? '999' : undefined },
      })),
      ...(from + this.shardsPerPage < all.length ? { NextToken: String(from + this.shardsPerPage) } : {}),
    }
  }

  #openIterator(input: GetShardIteratorCommandInput): string {
    const shardId = input.ShardId ?? ''
    this.#answer('GetShardIterator', shardId, input.ShardIteratorType)
    const { records } = this.#shard(shardId)
    switch (input.ShardIteratorType) {
      case 'TRIM_HORIZON':
        return this.#iterator(shardId, 0)
      case 'LATEST':
        return this.#iterator(shardId, this.#lastSequence + 1)
      case 'AT_SEQUENCE_NUMBER':
        return this.#iterator(shardId, Number(input.StartingSequenceNumber))
      case 'AT_TIMESTAMP': {
        const first = records.find(({ at }) => at >= (input.Timestamp?.getTime() ?? 0))
        return this.#iterator(shardId, first?.sequence ?? this.#lastSequence + 1)
      }
      default:
        throw new Error(`the fake knows no iterator ${input.ShardIteratorType}`)
    }
  }

  #getRecords(iterator: string) {
    const [shardId = '', from, serial] = iterator.split('/')
    this.#answer('GetRecords', shardId)
    if (Number(serial) <= this.expiredBelow) throw awsError('ExpiredIteratorException')
    const shard = this.#shard(shardId)
    const rest = shard.records.filter(({ sequence }) => sequence >= Number(from))
    const records = rest.slice(0, this.recordsPerRead)
    const isAtEnd = shard.isClosed && records.length === rest.length
    const next = records.at(-1)?.sequence
    return {
      Records: records.map(({ sequence, text, at }) => ({
        SequenceNumber: String(sequence),
        PartitionKey: 'k',
        Data: Buffer.from(text),
        ApproximateArrivalTimestamp: new Date(at),
      })),
      MillisBehindLatest: records.length < rest.length ? 1_000 : 0,
      ...(isAtEnd
        ? { ChildShards: shard.children.map((id) => ({ ShardId: id, ParentShards: this.#shard(id).parents })) }
        : { NextShardIterator: this.#iterator(shardId, next === undefined ? Number(from) : next + 1) }),
    }
  }

  #iterator(shardId: string, from: number): string {
    return `${shardId}/${from}/${++this.#lastIterator}`
  }

  expireIterators(): void {
    this.expiredBelow = this.#lastIterator
  }

  #answer(call: Call, shardId: string, type?: string): void {
    this.calls.push({ call, shardId, at: this.timing.now(), type })
    const failure = this.failures[call].shift()
    if (failure) throw failure
  }

  #open(id: string, parents: string[]): void {
    this.shards.set(id, { id, parents, children: [], records: [], isClosed: false })
    for (const parent of parents) this.#shard(parent).children.push(id)
  }

  #close(id: string): void {
    this.#shard(id).isClosed = true
  }

  #shard(id: string): FakeShard {
    const shard = this.shards.get(id)
    if (!shard) throw awsError('ResourceNotFoundException', `shard ${id} does not exist`)
    return shard
  }
}

/** An error as the SDK makes it from an answer of the service. */
export function awsError(name: string, message = '', httpStatusCode = 400): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode, attempts: 1 } })
}
