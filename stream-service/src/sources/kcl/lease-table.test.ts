import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { ResourceNotFoundException } from '@aws-sdk/client-dynamodb'
import type { Shard } from '@aws-sdk/client-kinesis'
import { systemTiming } from '@millrace/shared/retry'
import { expect, test } from 'vitest'
import { LeaseTable } from './lease-table.ts'

type Item = Record<string, { S?: string; N?: string }>

/** As much of DynamoDB as the lease table asks for: tables of items by one key, with the conditions that it uses. */
class FakeDynamoDb {
  readonly tables = new Map<string, Map<string, Item>>()
  failures: Error[] = []

  get client(): DynamoDBClient {
    return { send: (command: Command) => this.#send(command) } as never
  }

  async #send(command: Command): Promise<object> {
    const { input } = command
    const failure = this.failures.shift()
    if (failure !== undefined) throw failure
    const name = command.constructor.name.replace('Command', '')
    if (name === 'CreateTable') {
      this.tables.set(input.TableName, this.tables.get(input.TableName) ?? new Map())
      return {}
    }
    const table = this.tables.get(input.TableName)
    if (table === undefined) throw new ResourceNotFoundException({ message: input.TableName, $metadata: {} })
    const keyName = input.TableName.endsWith('State') ? 'key' : 'leaseKey'
    switch (name) {
      case 'DescribeTable':
        return { Table: { TableStatus: 'ACTIVE' } }
      case 'GetItem':
        return { Item: table.get(input.Key![keyName]!.S!) }
      case 'PutItem': {
        const key = input.Item![keyName]!.S!
        if (table.has(key)) throw Object.assign(new Error(), { name: 'ConditionalCheckFailedException' })
        table.set(key, input.Item!)
        return {}
      }
      case 'Scan':
        return { Items: [...table.values()] }
      case 'UpdateItem': {
        const item = table.get(input.Key![keyName]!.S!)!
        delete item.leaseOwner
        item.leaseCounter = { N: String(Number(item.leaseCounter!.N) + 1) }
        return {}
      }
      default:
        throw new Error(`unexpected ${name}`)
    }
  }
}

interface Command {
  readonly constructor: { readonly name: string }
  readonly input: { readonly TableName: string; readonly Key?: Item; readonly Item?: Item }
}

const shard = (id: string, parent?: string): Shard => ({
  ShardId: id,
  ParentShardId: parent,
  HashKeyRange: { StartingHashKey: '0', EndingHashKey: '9' },
  SequenceNumberRange: { StartingSequenceNumber: '1' },
})

function open(dynamoDb = new FakeDynamoDb(), now = 5_999) {
  const filters: object[] = []
  const table = new LeaseTable({
    client: dynamoDb.client,
    applicationName: 'app',
    workerId: 'me',
    endpoint: undefined,
    timing: { ...systemTiming, sleep: async () => {} },
    now: () => now,
    logger: { info: () => {}, warn: () => {} },
  })
  const list = async (filter: object) => {
    filters.push(filter)
    return [shard('s1'), shard('s2', 's0')]
  }
  return { dynamoDb, table, list, filters, signal: new AbortController().signal }
}

test('the first start makes the tables and one unowned lease per shard, and pins the version', async () => {
  const { dynamoDb, table, list, filters, signal } = open()
  expect(await table.prepare('TRIM_HORIZON', list, signal)).toBe('TRIM_HORIZON')
  expect(filters).toEqual([{ Type: 'AT_TRIM_HORIZON' }])
  expect(dynamoDb.tables.get('app-CoordinatorState')!.get('Migration3.0')).toMatchObject({
    cv: { S: 'CLIENT_VERSION_2X' },
  })
  expect(dynamoDb.tables.get('app')!.get('s2')).toEqual({
    leaseKey: { S: 's2' },
    leaseCounter: { N: '0' },
    ownerSwitchesSinceCheckpoint: { N: '0' },
    checkpoint: { S: 'TRIM_HORIZON' },
    checkpointSubSequenceNumber: { N: '0' },
    startingHashKey: { S: '0' },
    endingHashKey: { S: '9' },
    parentShardId: { SS: ['s0'] },
  })
})

test('LATEST is the moment of the first start, for every task and every later start', async () => {
  const first = open()
  expect(await first.table.prepare('LATEST', first.list, first.signal)).toEqual({ atSecond: 5 })
  expect(first.filters).toEqual([{ Type: 'AT_TIMESTAMP', Timestamp: new Date(5_000) }])
  const later = open(first.dynamoDb, 100_000)
  expect(await later.table.prepare('LATEST', later.list, later.signal)).toEqual({ atSecond: 5 })
  expect(later.filters).toEqual([])
})

test('a lease table that lost its rows is filled again from where the application began', async () => {
  const { dynamoDb, table, list, filters, signal } = open()
  await table.prepare(new Date(7_000), list, signal)
  dynamoDb.tables.get('app')!.clear()
  expect(await table.prepare('TRIM_HORIZON', list, signal)).toEqual({ atSecond: 7 })
  expect(filters).toHaveLength(2)
  expect(dynamoDb.tables.get('app')!.size).toBe(2)
})

test('leases tell checkpoints as positions, and those of this worker are let go', async () => {
  const { dynamoDb, table, list, signal } = open()
  await table.prepare('TRIM_HORIZON', list, signal)
  const rows = dynamoDb.tables.get('app')!
  Object.assign(rows.get('s1')!, { leaseOwner: { S: 'me' }, checkpoint: { S: '49' } })
  Object.assign(rows.get('s2')!, { leaseOwner: { S: 'other' }, checkpoint: { S: 'SHARD_END' } })
  expect(await table.list(signal)).toEqual([
    { shardId: 's1', owner: 'me', checkpoint: '49' },
    { shardId: 's2', owner: 'other', checkpoint: 'SHARD_END' },
  ])
  expect(await table.release(signal)).toBe(1)
  expect(rows.get('s1')).toMatchObject({ leaseCounter: { N: '1' } })
  expect(rows.get('s1')).not.toHaveProperty('leaseOwner')
  expect(rows.get('s2')).toHaveProperty('leaseOwner')
})

test('what DynamoDB is too busy for is asked for again; what it refuses is told with the table', async () => {
  const { dynamoDb, table, list, signal } = open()
  dynamoDb.failures = [Object.assign(new Error('slow down'), { name: 'ThrottlingException' })]
  await table.prepare('TRIM_HORIZON', list, signal)
  dynamoDb.failures = [Object.assign(new Error('no'), { name: 'AccessDeniedException' })]
  await expect(table.list(signal)).rejects.toMatchObject({
    code: 'access-denied',
    message: expect.stringContaining('"app"'),
  })
})
