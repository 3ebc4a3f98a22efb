// What leases cost: `node test/kcl/lease-cost.ts [SHARDS …]`, default 4 and 32. A worker reads so many empty shards with the
// KCL, checkpointing nothing, and for a minute every request that it and its daemon make of DynamoDB is counted, and
// the CPU time and memory of the daemon and its relays taken. docs/scale.md has the figures. Needs Linux and
// `npm run kcl:jars -- --dynamodb-local`.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb'
import { CreateStreamCommand, KinesisClient } from '@aws-sdk/client-kinesis'
import { startKinesisServer } from '../bench/kinesis-server.ts'
import { startDynamoDbLocal } from './dynamodb-local.ts'
import { childrenOf, WorkerProcess } from './worker-process.ts'

const seconds = 60
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
const dynamoDb = await startDynamoDbLocal()
const kinesis = await startKinesisServer()
const folder = mkdtempSync(join(tmpdir(), 'millrace-leases-'))
const wanted = process.argv.slice(2).map(Number)
for (const shards of wanted.length > 0 ? wanted : [4, 32]) await measure(shards)
await kinesis.stop()
await dynamoDb.stop()
rmSync(folder, { recursive: true, force: true })

async function measure(shards: number): Promise<void> {
  const name = `leases-${shards}`
  const region = 'us-east-1'
  const client = new KinesisClient({ endpoint: kinesis.endpoint, region, credentials })
  await client.send(new CreateStreamCommand({ StreamName: name, ShardCount: shards }))
  client.destroy()
  const counts = new Map<string, number>()
  const tables = await counting(dynamoDb.endpoint, counts)
  mkdirSync(join(folder, name, 'a'), { recursive: true })
  const worker = new WorkerProcess(
    {
      stream: name,
      application: name,
      kinesis: kinesis.endpoint,
      dynamoDb: tables.endpoint,
      folder: join(folder, name),
    },
    'a',
    { MILLRACE_POLL_INTERVAL_MS: '1000' },
  )
  await worker.until(({ messages }) => messages.filter(({ kind }) => kind === 'session').length === shards)
  await sleep(10)
  counts.clear()
  const [daemon] = childrenOf(worker.pid) as [number]
  const before = cpuOf(daemon)
  await sleep(seconds)
  const cpu = cpuOf(daemon) - before
  const relays = worker.relays()
  const rows = await rowBytes(name)
  const lines = [
    `${shards} shards, ${seconds} s, fail-over after 3 s, a read a second:`,
    ...[...counts]
      .sort()
      .map(
        ([what, count]) =>
          `  ${what}: ${(count / seconds).toFixed(2)}/s, ${(count / seconds / shards).toFixed(2)} a shard`,
      ),
    `  a row of the lease table: ${rows.toFixed(0)} bytes of JSON`,
    `  daemon: ${((100 * cpu) / seconds).toFixed(1)} % of a core, ${rssOf(daemon)} MB`,
    `  ${relays.length} relays: ${(relays.reduce((sum, pid) => sum + ownOf(pid), 0) / relays.length).toFixed(1)} MB of their own each`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  await worker.kill('SIGKILL')
  tables.close()
}

/** A proxy before DynamoDB that counts requests by table and operation. */
async function counting(endpoint: string, counts: Map<string, number>) {
  const { hostname, port } = new URL(endpoint)
  const server = createServer((from, to) => {
    const parts: Buffer[] = []
    from.on('data', (part: Buffer) => parts.push(part))
    from.on('end', () => {
      const body = Buffer.concat(parts)
      const operation = String(from.headers['x-amz-target']).split('.').at(-1)!
      const { TableName = '', ConsistentRead } = JSON.parse(body.toString() || '{}') as {
        TableName?: string
        ConsistentRead?: boolean
      }
      const table = TableName.includes('-C') ? 'coordinator' : 'leases'
      const what = `${operation}${ConsistentRead ? ', consistent,' : ''} of ${table}`
      counts.set(what, (counts.get(what) ?? 0) + 1)
      const onward = request(
        { hostname, port, method: from.method, path: from.url, headers: from.headers },
        (answer) => {
          to.writeHead(answer.statusCode!, answer.headers)
          answer.pipe(to)
        },
      )
      onward.on('error', () => to.destroy())
      onward.end(body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() }
}

async function rowBytes(table: string): Promise<number> {
  const client = new DynamoDBClient({ endpoint: dynamoDb.endpoint, region: 'us-east-1', credentials })
  const { Items = [] } = await client.send(new ScanCommand({ TableName: table }))
  client.destroy()
  return JSON.stringify(Items).length / Items.length
}

/** Seconds of CPU that a process has used, all its threads together. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function rssOf(pid: number): number {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024)
}

/** MB of a process that no other shares. */
function ownOf(pid: number): number {
  return Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
}

function sleep(duration: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1000 * duration))
}
