// The whole service but for the network: the records of four shards go through it, from batches that are ready to a sink that
// counts. Prints how long that took, and a digest of all panes, as JSON: `shards.ts QUERY INPUT THREADS`.
//
// A first run of the service tells what comes out. In a second one, which only counts, threads that it has started warm up over
// the first quarter of the records; what is timed begins there and ends with the last line in the sink.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseQuery } from '../../../stream-service/src/queries/parse-query.ts'
import { StreamService } from '../../../stream-service/src/service.ts'
import type { Sink } from '../../../stream-service/src/sinks/sink.ts'

import { queryFile } from '../queries.ts'
import { BenchStore } from './bench-store.ts'
import { cutShards, ReadySource } from './ready-source.ts'

const shardCount = 4
const accepted = { status: 'accepted' } as const
const refusing: Sink = {
  publish: async ([line]) => Promise.reject(new Error(`a line was refused: ${line!.text}`)),
  close: async () => {},
}
const warmUpShare = 1 / 4

export interface ShardsOutcome {
  /** How many records were timed. */
  readonly records: number
  readonly elapsedMs: number
  /** Of the whole process, and of its main thread alone. */
  readonly cpuMs: number
  readonly mainCpuMs: number
  readonly panes: number
  readonly digest: string
}

const [queryName, input, threadCount] = process.argv.slice(2) as [string, string, string]
const spec = parseQuery(JSON.parse(readFileSync(queryFile(queryName), 'utf8')), queryName)
const bytes = readFileSync(input)
const shards = cutShards(bytes, shardCount)
const hash = createHash('sha256')
const first = await run((text) => hash.update(text).update('\n'))
const { characters, ...outcome } = await run()
if (outcome.panes !== first.panes || characters !== first.characters) throw new Error('the second run gave other panes')
process.stdout.write(JSON.stringify({ ...outcome, digest: hash.digest('hex') } satisfies ShardsOutcome))

async function run(onLine?: (text: string) => void) {
  let panes = 0
  let characters = 0
  const panesSink: Sink = {
    publish: async (lines) => {
      panes += lines.length
      for (const { text } of lines) {
        characters += text.length
        onLine?.(text)
      }
      return lines.map(() => accepted)
    },
    close: async () => {},
  }
  let began = used()
  let recordsBefore = 0
  const all = shards.flat().reduce((sum, batch) => sum + batch.length / 2, 0)
  const service = await StreamService.open({
    stream: { name: 'bench', createdAt: 0 },
    queries: [spec],
    store: new BenchStore(),
    sinks: { panes: panesSink, refused: refusing },
    deadLetters: refusing,
    source: ({ gate }) =>
      new ReadySource({
        bytes,
        shards,
        gate,
        onRead: (records) => {
          if (recordsBefore > 0 || records < all * warmUpShare) return
          recordsBefore = records
          began = used()
        },
      }),
    threads: Number(threadCount),
    snapshotIntervalMs: 1_000,
    now: Date.now,
    logger: { info() {}, warn() {}, error: (...what: unknown[]) => console.error(...what) },
  })
  const reading = service.run()
  await service.drain()
  await reading
  const ended = used()
  return {
    records: all - recordsBefore,
    elapsedMs: ended.atMs - began.atMs,
    cpuMs: ended.cpuMs - began.cpuMs,
    mainCpuMs: ended.mainCpuMs - began.mainCpuMs,
    panes,
    characters,
  }
}

function used() {
  const all = process.cpuUsage()
  const main = process.threadCpuUsage()
  return {
    atMs: performance.now(),
    cpuMs: (all.user + all.system) / 1_000,
    mainCpuMs: (main.user + main.system) / 1_000,
  }
}
