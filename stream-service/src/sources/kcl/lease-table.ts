// The tables that the KCL keeps in DynamoDB, as far as this project touches them. The lease protocol is the KCL's own; what
// is done here is what it does slowly or not at all:
//
// - An empty lease table costs the daemon 30 to 80 s (a random wait, then polls). So the first start fills it, with the rows
//   that the KCL itself would have written: one unowned lease for each shard that is open at the starting position.
// - A daemon "compatible with 2.x" turns itself into one of 3.x after ten minutes, and then a killed leader holds its lock for
//   two minutes. The KCL's own migration tool has a state for "stay with 2.x", which is set before the first start.
// - A worker that stops keeps its name on its leases until they expire. When it has stopped, they are let go, as the KCL
//   evicts a lease.
//
// Source: KCL for Java 3.1.3, `DynamoDBLeaseSerializer`, `HierarchicalShardSyncer.EmptyLeaseTableSynchronizer`,
// `MigrationState`, `CoordinatorState`.
import type { AttributeValue, DynamoDBClient, KeySchemaElement } from '@aws-sdk/client-dynamodb'
import {
  CreateTableCommand,
  DescribeTableCommand,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import type { Shard, ShardFilter } from '@aws-sdk/client-kinesis'
import { awsRetryReason, toAwsError } from '@millrace/shared/errors'
import { backoffDelayMs, type Timing } from '@millrace/shared/retry'
import type { Position } from '../../records/record.ts'
import type { StartAt } from '../shard-lineage.ts'
import type { SourceLogger } from '../shard-reader.ts'

export interface LeaseTableOptions {
  readonly client: DynamoDBClient
  /** The KCL's application name, which is the lease table's name as well. */
  readonly applicationName: string
  readonly workerId: string
  /** For messages: where the client goes. */
  readonly endpoint: string | undefined
  readonly timing: Timing
  /** The wall clock, epoch milliseconds. */
  now(): number
  readonly logger: SourceLogger
}

export interface Lease {
  readonly shardId: string
  readonly owner: string | undefined
  readonly checkpoint: Position | 'SHARD_END' | undefined
}

/** A start that all workers of an application share, however long after each other they begin. */
export type SharedStart = 'TRIM_HORIZON' | { readonly atSecond: number }

/** How the shards are listed that are open at a position. */
export type ListShardsAt = (filter: ShardFilter) => Promise<readonly Shard[]>

const startItemKey = 'MillraceStart'
const migrationKey = 'Migration3.0'
const attempts = 8

export class LeaseTable {
  readonly #options: LeaseTableOptions
  readonly #leases: string
  readonly #coordinator: string

  constructor(options: LeaseTableOptions) {
    this.#options = options
    this.#leases = options.applicationName
    this.#coordinator = `${options.applicationName}-CoordinatorState`
  }

  /** Makes the tables where they are missing and fills an empty lease table. Answers where the application began. */
  async prepare(startAt: StartAt, listShards: ListShardsAt, signal: AbortSignal): Promise<SharedStart> {
    const known = await this.#call(signal, () => this.#knownStart())
    if (known !== undefined) {
      if (await this.#call(signal, () => this.#isEmpty())) await this.#fill(known, listShards, signal)
      return known
    }
    await this.#call(signal, () => this.#create(this.#coordinator, 'key'))
    await this.#call(signal, () => this.#create(this.#leases, 'leaseKey'))
    for (const table of [this.#coordinator, this.#leases]) await this.#untilActive(table, signal)
    await this.#call(signal, () => this.#stayWith2x())
    const start = sharedStart(startAt, this.#options.now())
    await this.#call(signal, () => this.#putIfAbsent(this.#coordinator, 'key', startItem(start)))
    // Of two tasks that begin at once, the first one decides.
    const decided = (await this.#call(signal, () => this.#knownStart())) ?? start
    if (await this.#call(signal, () => this.#isEmpty())) await this.#fill(decided, listShards, signal)
    return decided
  }

  async list(signal: AbortSignal): Promise<Lease[]> {
    const leases: Lease[] = []
    let startKey: Record<string, AttributeValue> | undefined
    do {
      const command = new ScanCommand({
        TableName: this.#leases,
        ProjectionExpression: 'leaseKey, leaseOwner, checkpoint',
        ConsistentRead: true,
        ExclusiveStartKey: startKey,
      })
      const { Items = [], LastEvaluatedKey } = await this.#call(signal, () => this.#options.client.send(command))
      leases.push(...Items.map(leaseOf))
      startKey = LastEvaluatedKey
    } while (startKey !== undefined)
    return leases
  }

  /** Lets go of all leases of this worker, whose daemon must be gone: another worker takes them when it next looks. */
  async release(signal: AbortSignal): Promise<number> {
    const { workerId } = this.#options
    const mine = (await this.list(signal)).filter(({ owner }) => owner === workerId)
    await Promise.all(mine.map(({ shardId }) => this.#call(signal, () => this.#evict(shardId))))
    return mine.length
  }

  async #evict(shardId: string): Promise<void> {
    const { client, workerId } = this.#options
    const command = new UpdateItemCommand({
      TableName: this.#leases,
      Key: { leaseKey: { S: shardId } },
      UpdateExpression: 'REMOVE leaseOwner, checkpointOwner ADD leaseCounter :one',
      ConditionExpression: 'leaseOwner = :me',
      ExpressionAttributeValues: { ':one': { N: '1' }, ':me': { S: workerId } },
    })
    await client.send(command).catch(ignoreFailedCondition)
  }

  async #knownStart(): Promise<SharedStart | undefined> {
    const command = new GetItemCommand({
      TableName: this.#coordinator,
      Key: { key: { S: startItemKey } },
      ConsistentRead: true,
    })
    const answer = await this.#options.client.send(command).catch((error: unknown) => {
      if (nameOf(error) === 'ResourceNotFoundException') return undefined
      throw error
    })
    const startAt = answer?.Item?.startAt?.S
    if (startAt === undefined) return undefined
    return startAt === 'TRIM_HORIZON' ? startAt : { atSecond: Number(startAt) }
  }

  async #isEmpty(): Promise<boolean> {
    const command = new ScanCommand({ TableName: this.#leases, Limit: 1, ConsistentRead: true })
    return ((await this.#options.client.send(command)).Items ?? []).length === 0
  }

  async #fill(start: SharedStart, listShards: ListShardsAt, signal: AbortSignal): Promise<void> {
    const isFromStart = start === 'TRIM_HORIZON'
    const shards = await listShards(
      isFromStart ? { Type: 'AT_TRIM_HORIZON' } : { Type: 'AT_TIMESTAMP', Timestamp: new Date(start.atSecond * 1_000) },
    )
    const checkpoint = isFromStart ? 'TRIM_HORIZON' : 'AT_TIMESTAMP'
    for (const shard of shards) {
      await this.#call(signal, () => this.#putIfAbsent(this.#leases, 'leaseKey', leaseItem(shard, checkpoint)))
    }
    this.#options.logger.info({ shards: shards.length, checkpoint }, 'the empty lease table was filled')
  }

  async #stayWith2x(): Promise<void> {
    await this.#putIfAbsent(this.#coordinator, 'key', {
      key: { S: migrationKey },
      cv: { S: 'CLIENT_VERSION_2X' },
      mb: { S: this.#options.workerId },
      mts: { N: String(this.#options.now()) },
    })
  }

  async #putIfAbsent(table: string, key: string, item: Record<string, AttributeValue>): Promise<void> {
    const command = new PutItemCommand({
      TableName: table,
      Item: item,
      ConditionExpression: 'attribute_not_exists(#key)',
      ExpressionAttributeNames: { '#key': key },
    })
    await this.#options.client.send(command).catch(ignoreFailedCondition)
  }

  async #create(table: string, key: string): Promise<void> {
    const schema: KeySchemaElement[] = [{ AttributeName: key, KeyType: 'HASH' }]
    const command = new CreateTableCommand({
      TableName: table,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: key, AttributeType: 'S' }],
      KeySchema: schema,
    })
    await this.#options.client.send(command).catch((error: unknown) => {
      // It is there already, or another task is making it.
      if (nameOf(error) !== 'ResourceInUseException') throw error
    })
  }

  async #untilActive(table: string, signal: AbortSignal): Promise<void> {
    const { client, timing } = this.#options
    for (;;) {
      const answer = await this.#call(signal, () => client.send(new DescribeTableCommand({ TableName: table })))
      if (answer.Table?.TableStatus === 'ACTIVE') return
      await timing.sleep(500, signal)
    }
  }

  /** Calls until it works, as long as another attempt is worth it. */
  async #call<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    const { timing, applicationName, endpoint, logger } = this.#options
    for (let failures = 0; ; failures++) {
      try {
        return await call()
      } catch (error) {
        signal.throwIfAborted()
        const reason = awsRetryReason(error)
        if (reason === undefined || failures >= attempts) {
          throw toAwsError(error, { what: `use the lease table "${applicationName}"`, endpoint })
        }
        logger.warn({ table: applicationName, endpoint, reason }, 'a call to DynamoDB failed; trying again')
        await timing.sleep(backoffDelayMs(failures, { baseMs: 100, capMs: 5_000 }, timing.random), signal)
      }
    }
  }
}

/**
 * LATEST is the moment of the first start, lest a shard without records lose what comes between two starts. The daemon
 * takes whole seconds only.
 */
function sharedStart(startAt: StartAt, now: number): SharedStart {
  if (startAt === 'TRIM_HORIZON') return startAt
  return { atSecond: Math.floor((startAt === 'LATEST' ? now : startAt.getTime()) / 1_000) }
}

function startItem(start: SharedStart): Record<string, AttributeValue> {
  return { key: { S: startItemKey }, startAt: { S: start === 'TRIM_HORIZON' ? start : String(start.atSecond) } }
}

function leaseItem(shard: Shard, checkpoint: string): Record<string, AttributeValue> {
  const parents = [shard.ParentShardId, shard.AdjacentParentShardId].filter((id) => id !== undefined && id !== null)
  return {
    leaseKey: { S: shard.ShardId! },
    leaseCounter: { N: '0' },
    ownerSwitchesSinceCheckpoint: { N: '0' },
    checkpoint: { S: checkpoint },
    checkpointSubSequenceNumber: { N: '0' },
    startingHashKey: { S: shard.HashKeyRange!.StartingHashKey! },
    endingHashKey: { S: shard.HashKeyRange!.EndingHashKey! },
    ...(parents.length > 0 ? { parentShardId: { SS: parents } } : {}),
  }
}

function leaseOf(item: Record<string, AttributeValue>): Lease {
  const checkpoint = item.checkpoint?.S
  const isMark = checkpoint === 'SHARD_END' || (checkpoint !== undefined && /^\d+$/.test(checkpoint))
  return { shardId: item.leaseKey?.S ?? '', owner: item.leaseOwner?.S, checkpoint: isMark ? checkpoint : undefined }
}

function ignoreFailedCondition(error: unknown): void {
  if (nameOf(error) !== 'ConditionalCheckFailedException') throw error
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : ''
}
