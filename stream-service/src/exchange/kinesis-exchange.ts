// An exchange that is a Kinesis stream: each of its shards is a partition. Its records are messages of lanes, put under an
// explicit hash key, so that the shard does not depend on how Kinesis hashes names.
import { type KinesisClient, ListShardsCommand, PutRecordCommand } from '@aws-sdk/client-kinesis'
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
    // One call for each: of several records in one call, some may be refused and those behind them accepted.
    for (const message of messages) await this.#put(partition, lane, message, signal)
  }

  async #put(partition: number, lane: string, message: Uint8Array, signal: AbortSignal): Promise<void> {
    const { client, timing = systemTiming, streamName, endpoint } = this.#options
    const { hashKey } = this.#shards[partition]!
    const request = { StreamName: streamName, PartitionKey: lane, ExplicitHashKey: hashKey, Data: message }
    for (let failures = 0; ; failures++) {
      signal.throwIfAborted()
      try {
        await client.send(new PutRecordCommand(request), { abortSignal: signal })
        return
      } catch (error) {
        signal.throwIfAborted()
        if (awsRetryReason(error) === undefined)
          throw toAwsError(error, { what: 'put to the exchange stream', streamName, endpoint })
      }
      await timing.sleep(backoffDelayMs(failures, { baseMs: 50, capMs: 5_000 }, timing.random), signal)
    }
  }
}
