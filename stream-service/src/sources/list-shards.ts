// The shards of a stream, listed page by page with the patience that the service asks for.
import { type KinesisClient, ListShardsCommand, type ListShardsCommandInput, type Shard } from '@aws-sdk/client-kinesis'
import { awsRetryReason, toAwsError } from '@millrace/shared/errors'
import { backoffDelayMs, type Timing } from '@millrace/shared/retry'
import type { ListedShard } from './shard-lineage.ts'
import type { SourceLogger } from './shard-reader.ts'

export interface ListShardsOptions {
  readonly client: KinesisClient
  readonly streamName: string
  /** For messages: where the client goes. */
  readonly endpoint: string | undefined
  readonly timing: Timing
  readonly logger: SourceLogger
}

/**
 * All shards of the stream, closed ones too. Waits for a stream that is being created.
 *
 * @throws AwsError when the failure is none to sit out, or has come `maxAttempts` times; the signal's reason when it aborts.
 */
export async function listShards(
  options: ListShardsOptions,
  maxAttempts: number,
  signal: AbortSignal,
): Promise<ListedShard[]> {
  const shards = await listShardPages(options, {}, maxAttempts, signal)
  return shards.map(toListed)
}

/** The same as the service gives them, with what narrows the list. */
export async function listShardPages(
  { client, streamName, endpoint, timing, logger }: ListShardsOptions,
  filter: Pick<ListShardsCommandInput, 'ShardFilter'>,
  maxAttempts: number,
  signal: AbortSignal,
): Promise<Shard[]> {
  const cannotList = (error: unknown) => toAwsError(error, { what: 'read the stream', streamName, endpoint })
  let shards: Shard[] = []
  let request: ListShardsCommandInput = { StreamName: streamName, ...filter }
  let failures = 0
  while (true) {
    try {
      const page = await client.send(new ListShardsCommand(request), { abortSignal: signal })
      shards.push(...(page.Shards ?? []))
      if (!page.NextToken) return shards
      request = { NextToken: page.NextToken }
    } catch (error) {
      signal.throwIfAborted()
      const name = error instanceof Error ? error.name : ''
      const isCreating = name === 'ResourceInUseException'
      const isExpired = name === 'ExpiredNextTokenException'
      if (!isCreating && ++failures >= maxAttempts) throw cannotList(error)
      if (!isCreating && !isExpired && awsRetryReason(error) === undefined) throw cannotList(error)
      if (isExpired) {
        shards = []
        request = { StreamName: streamName, ...filter }
      }
      logger.warn(
        { streamName, endpoint, reason: awsRetryReason(error) ?? name },
        'listing the shards failed; trying again',
      )
      await timing.sleep(backoffDelayMs(failures, { baseMs: 250, capMs: 10_000 }, timing.random), signal)
    }
  }
}

function toListed(shard: Shard): ListedShard {
  return {
    shardId: shard.ShardId ?? '',
    parentShardIds: [shard.ParentShardId, shard.AdjacentParentShardId].filter((id) => id !== undefined && id !== null),
    isClosed: shard.SequenceNumberRange?.EndingSequenceNumber != null,
  }
}
