// An exchange that is a Kinesis stream: each of its shards is a partition. Its records are messages of lanes, put under an
// explicit hash key, so that the shard does not depend on how Kinesis hashes names.
import { type KinesisClient, ListShardsCommand, PutRecordsCommand } from '@aws-sdk/client-kinesis'
import { AwsError, awsRetryReason, MillraceError, toAwsError } from '@millrace/shared/errors'
import { backoffDelayMs, systemTiming, type Timing } from '@millrace/shared/retry'
import type { CreditGate } from '../operators/credit-gate.ts'
import type { ShardSource } from '../sources/shard-source.ts'
import type { Exchange } from './exchange.ts'

export interface KinesisExchangeOptions {
  readonly client: KinesisClient
  readonly streamName: string
  /** For messages: where the client goes. */
  readonly endpoint?: string | undefined
  /** Reads the stream from its start, with leases where tasks share it. `shards`: by partition. */
  readonly source: (gate: (shardId: string) => CreditGate, shards: readonly string[]) => ShardSource
  readonly timing?: Timing
}

/** What PutRecords takes at once. */
const maxEntries = 500
const maxBytes = 9 << 20

/** The exchange was split or merged. Its partitions are what keys are split by, so they have to stay. */
class ExchangeReshardedError extends MillraceError {
  constructor(streamName: string) {
    super(
      'EXCHANGE_RESHARDED',
      `the exchange stream "${streamName}" was resharded; make one with as many shards as are needed, in provisioned mode, and leave them`,
    )
  }
}

/** @throws AwsError when the stream cannot be listed, ExchangeReshardedError when it was resharded. */
export async function openKinesisExchange(options: KinesisExchangeOptions): Promise<Exchange> {
  const { client, streamName, endpoint } = options
  const partitions: Partition[] = []
  try {
    let token: string | undefined
    do {
      const page = await client.send(
        new ListShardsCommand(token === undefined ? { StreamName: streamName } : { NextToken: token }),
      )
      for (const { ShardId, HashKeyRange, SequenceNumberRange } of page.Shards ?? []) {
        if (SequenceNumberRange?.EndingSequenceNumber != null) throw new ExchangeReshardedError(streamName)
        partitions.push({ shardId: ShardId!, hashKey: HashKeyRange!.StartingHashKey! })
      }
      token = page.NextToken
    } while (token !== undefined)
  } catch (error) {
    if (error instanceof MillraceError && !(error instanceof AwsError)) throw error
    throw toAwsError(error, { what: 'read the exchange stream', streamName, endpoint })
  }
  partitions.sort((a, b) => (BigInt(a.hashKey) < BigInt(b.hashKey) ? -1 : 1))
  return new KinesisExchange(options, partitions)
}

interface Partition {
  readonly shardId: string
  readonly hashKey: string
}

class KinesisExchange implements Exchange {
  readonly #options: KinesisExchangeOptions
  readonly #shards: readonly Partition[]

  constructor(options: KinesisExchangeOptions, shards: readonly Partition[]) {
    this.#options = options
    this.#shards = shards
  }

  get partitions(): number {
    return this.#shards.length
  }

  source(gate: (shardId: string) => CreditGate): ShardSource {
    return this.#options.source(
      gate,
      this.#shards.map(({ shardId }) => shardId),
    )
  }

  partitionOf(shardId: string): number {
    const partition = this.#shards.findIndex((shard) => shard.shardId === shardId)
    if (partition < 0) throw new ExchangeReshardedError(this.#options.streamName)
    return partition
  }

  async put(partition: number, lane: string, messages: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const { timing = systemTiming, streamName, endpoint } = this.#options
    let from = 0
    let failures = 0
    while (from < messages.length) {
      signal.throwIfAborted()
      const batch = batchFrom(messages, from)
      let reason: string | undefined
      try {
        const answer = await this.#send(partition, lane, batch, signal)
        const failed = answer.findIndex((isFailed) => isFailed)
        // All behind the first that failed go again after it, so that order is kept; who has them knows them.
        from += failed < 0 ? batch.length : failed
        if (failed >= 0) reason = 'partial failure'
        if (failed !== 0) failures = 0
      } catch (error) {
        signal.throwIfAborted()
        reason = awsRetryReason(error)
        if (reason === undefined) throw toAwsError(error, { what: 'put to the exchange stream', streamName, endpoint })
      }
      if (reason === undefined) continue
      await timing.sleep(backoffDelayMs(failures++, { baseMs: 50, capMs: 5_000 }, timing.random), signal)
    }
  }

  async #send(
    partition: number,
    lane: string,
    batch: readonly Uint8Array[],
    signal: AbortSignal,
  ): Promise<readonly boolean[]> {
    const { client, streamName } = this.#options
    const { hashKey } = this.#shards[partition]!
    const answer = await client.send(
      new PutRecordsCommand({
        StreamName: streamName,
        Records: batch.map((Data) => ({ PartitionKey: lane, ExplicitHashKey: hashKey, Data })),
      }),
      { abortSignal: signal },
    )
    return (answer.Records ?? []).map(({ ErrorCode }) => ErrorCode !== undefined && ErrorCode !== null)
  }
}

/** As many of the messages as go into one call. */
function batchFrom(messages: readonly Uint8Array[], from: number): readonly Uint8Array[] {
  let bytes = 0
  let to = from
  while (to < messages.length && to - from < maxEntries) {
    bytes += messages[to]!.length + 256
    if (to > from && bytes > maxBytes) break
    to++
  }
  return messages.slice(from, to)
}
