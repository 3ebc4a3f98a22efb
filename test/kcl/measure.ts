// The figures of docs/kcl.md: `node test/kcl/measure.ts [start] [failover] [cpu]`, all without arguments. Needs Linux and
// `npm run kcl:jars -- --dynamodb-local`. Times are wall times on this machine, with everything on it: Kinesis, DynamoDB
// Local, the daemons and the workers.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateStreamCommand, KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis'
import { startEmbeddedKinesis } from '../../stream-service/src/embedded-kinesis/server.ts'
import { ServiceProcess } from '../system/service-process.ts'
import { startDynamoDbLocal } from './dynamodb-local.ts'
import { childrenOf, type KclEnvironment, kclEnv, WorkerProcess } from './worker-process.ts'

const stream = 'orders'
const shards = 4
const wanted = process.argv.slice(2)
const wants = (name: string) => wanted.length === 0 || wanted.includes(name)

const kinesis = await startEmbeddedKinesis()
const dynamoDb = await startDynamoDbLocal()
const folder = mkdtempSync(join(tmpdir(), 'millrace-kcl-measure-'))
const client = new KinesisClient({
  endpoint: kinesis.endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
})
await client.send(new CreateStreamCommand({ StreamName: stream, ShardCount: shards }))
let serial = 0
let applications = 0

function application(): KclEnvironment {
  const name = `measure-${applications++}`
  return {
    stream,
    application: name,
    kinesis: kinesis.endpoint,
    dynamoDb: dynamoDb.endpoint,
    folder: join(folder, name),
  }
}

function start(environment: KclEnvironment, workerId: string): WorkerProcess {
  mkdirSync(join(environment.folder, workerId), { recursive: true })
  return new WorkerProcess(environment, workerId)
}

async function putRecords(count: number): Promise<void> {
  await client.send(
    new PutRecordsCommand({
      StreamName: stream,
      Records: Array.from({ length: count }, (_, i) => ({ PartitionKey: `k${i}`, Data: Buffer.from(aText(serial++)) })),
    }),
  )
}

/** A record of 248 bytes, as in the benchmark of the engine. */
function aText(n: number): string {
  const event = {
    type: 'purchase',
    ts: 1_700_000_000_000 + n,
    page: `/p/${n % 100}`,
    userId: `u${n}`,
    value: n % 97,
    n,
  }
  return `${JSON.stringify(event).slice(0, -1)},"pad":"`.padEnd(246, 'x').concat('"}')
}

/** Resolves when records that are put from now on have come from so many shards. */
async function reads(worker: WorkerProcess, count: number): Promise<void> {
  const from = serial
  const seen = new Set<string>()
  let looked = worker.messages.length
  const timer = setInterval(() => void putRecords(20), 50)
  await worker.until(({ messages }) => {
    for (; looked < messages.length; looked++) {
      const message = messages[looked]!
      if (message.kind === 'records' && message.texts.some((text) => JSON.parse(text).n >= from))
        seen.add(message.shardId)
    }
    return seen.size >= count
  })
  clearInterval(timer)
}

async function times(name: string, runs: number, run: () => Promise<number>): Promise<void> {
  const ms: number[] = []
  for (let i = 0; i < runs; i++) ms.push(await run())
  ms.sort((a, b) => a - b)
  const shown = ms.map((each) => (each / 1000).toFixed(1)).join(' ')
  process.stdout.write(`${name}: median ${(ms[ms.length >> 1]! / 1000).toFixed(1)} s of ${shown}\n`)
}

function since(begin: number): number {
  return performance.now() - begin
}

if (wants('start')) {
  await times('first start, no tables, to records of all shards', 3, async () => {
    const begin = performance.now()
    const worker = start(application(), 'a')
    await reads(worker, shards)
    const took = since(begin)
    await worker.kill('SIGTERM')
    return took
  })
  const environment = application()
  let worker = start(environment, 'a')
  await reads(worker, shards)
  await times('kill -9 of the service, to records of all shards by its restart', 5, async () => {
    const begin = performance.now()
    await worker.kill('SIGKILL')
    worker = start(environment, 'a')
    await reads(worker, shards)
    return since(begin)
  })
  await times('kill -9 of a relay, to records of all shards', 3, async () => {
    const begin = performance.now()
    const released = worker.count('released') + shards
    process.kill(worker.relays()[0]!, 'SIGKILL')
    await worker.until(() => worker.count('released') >= released)
    await reads(worker, shards)
    return since(begin)
  })
  await times('SIGTERM under load, to exit', 3, async () => {
    await reads(worker, shards)
    const load = setInterval(() => void putRecords(400), 50)
    const begin = performance.now()
    await worker.kill('SIGTERM')
    const took = since(begin)
    clearInterval(load)
    worker = start(environment, 'a')
    return took
  })
  await worker.kill('SIGKILL')
}

if (wants('failover')) {
  const twoWorkers = async () => {
    const environment = application()
    const first = start(environment, 'a')
    await reads(first, shards)
    const second = start(environment, 'b')
    const begin = performance.now()
    await second.until((worker) => worker.count('session') - worker.count('released') >= shards / 2)
    const shared = since(begin)
    await reads(second, 2)
    return { first, second, shared }
  }
  const share: number[] = []
  for (const [signal, name] of [
    ['SIGKILL', 'kill -9 of one of two tasks, to records of all shards by the other'],
    ['SIGTERM', 'SIGTERM to one of two tasks, to records of all shards by the other'],
  ] as const) {
    await times(name, 3, async () => {
      const { first, second, shared } = await twoWorkers()
      share.push(shared)
      const begin = performance.now()
      const killed = first.kill(signal)
      await reads(second, shards)
      const took = since(begin)
      await killed
      await second.kill('SIGKILL')
      return took
    })
  }
  process.stdout.write(
    `second task started, to half of the shards: ${share.map((ms) => (ms / 1000).toFixed(1)).join(' ')} s\n`,
  )
}

if (wants('cpu')) {
  const count = 400_000
  const texts: string[] = []
  for (let n = 0; n < count; n++) texts.push(aText(n))
  for (let at = 0; at < count; at += 500) {
    const part = texts.slice(at, at + 500)
    const Records = part.map((text, i) => ({ PartitionKey: `k${i}`, Data: Buffer.from(text) }))
    await client.send(new PutRecordsCommand({ StreamName: stream, Records }))
  }
  const query = {
    name: 'count',
    time: { field: 'ts', unit: 'ms', outOfOrderness: '1s' },
    window: { type: 'tumbling', size: '10s' },
    aggregates: { n: { fn: 'count' } },
  }
  const environment = application()
  mkdirSync(environment.folder, { recursive: true })
  const begin = performance.now()
  const service = await ServiceProcess.start({
    endpoint: kinesis.endpoint,
    stream,
    folder: environment.folder,
    queries: [query],
    env: { ...kclEnv(environment, 'a'), MILLRACE_SNAPSHOT_INTERVAL_MS: '1000', MILLRACE_POLL_INTERVAL_MS: '200' },
  })
  const atStart = cpuOf(service.pid)
  let atEnd = { service: 0, daemon: 0, daemonRss: 0, rss: 0 }
  const timer = setInterval(() => {
    try {
      const [daemon] = childrenOf(service.pid) as [number]
      atEnd = { service: cpuOf(service.pid), daemon: cpuOf(daemon), daemonRss: rssOf(daemon), rss: rssOf(service.pid) }
    } catch {
      // It has ended.
    }
  }, 100)
  const ledger = await service.drain()
  clearInterval(timer)
  const read = ledger.queries.count!.total.read
  const seconds = (performance.now() - begin) / 1000
  const micros = ((atEnd.service - atStart) / read) * 1e6
  const file = join(folder, 'records.ndjson')
  const queryFile = join(folder, 'query.json')
  writeFileSync(queryFile, JSON.stringify(query))
  writeFileSync(file, texts.map((text) => `${text}\n`).join(''))
  const replay = (await cpuOfReplay(queryFile, file)) * 1e6
  writeFileSync(file, `${texts[0]}\n`)
  const nothing = (await cpuOfReplay(queryFile, file)) * 1e6
  const perRecord = (replay - nothing) / count
  process.stdout.write(
    `${read} records of 248 bytes in ${seconds.toFixed(1)} s from the start: service ${micros.toFixed(2)} µs of CPU a record, ` +
      `daemon ${((atEnd.daemon / read) * 1e6).toFixed(2)} µs with its start; replay ${perRecord.toFixed(2)} µs: ` +
      `${(micros / perRecord).toFixed(2)} times. Memory: service ${atEnd.rss} MB, daemon ${atEnd.daemonRss} MB\n`,
  )
}

await dynamoDb.stop()
await kinesis.close()
client.destroy()
rmSync(folder, { recursive: true, force: true })

/** Seconds of CPU that a process has used, all its threads together. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function rssOf(pid: number): number {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024)
}

async function cpuOfReplay(query: string, input: string): Promise<number> {
  const main = join(import.meta.dirname, '../../stream-service/src/cli/millrace.ts')
  const script = `const { spawnSync } = require('node:child_process')
    spawnSync(process.execPath, ${JSON.stringify([main, 'replay', '--query', query, '--input', input, '--output', '/dev/null'])})
    console.log(require('node:fs').readFileSync('/proc/self/stat', 'utf8'))`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  await once(child, 'exit')
  // What its children have used.
  const fields = text.split(') ')[1]!.split(' ')
  return (Number(fields[13]) + Number(fields[14])) / 100
}
