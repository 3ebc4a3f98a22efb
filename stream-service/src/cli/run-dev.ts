// What `millrace dev` does once its options are known.

import { once } from 'node:events'
import { cp, mkdir, rm } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { CreateStreamCommand } from '@aws-sdk/client-kinesis'
import { kinesisClient } from '@millrace/shared/aws-clients'
import { type EmbeddedKinesis, EmbeddedKinesisStartError, startEmbeddedKinesis } from '../embedded-kinesis/server.ts'
import type { Ledger } from '../engine/ledger.ts'
import { QueryError } from '../queries/parse-query.ts'
import { readQueryFiles } from '../query-files.ts'
import { type ProducerProgress, runProducer, sampleRecords } from '../sources/producer.ts'
import { DevService } from './dev-service.ts'
import { badUsage, CommandError } from './exit.ts'
import { type Interrupt, onInterrupt } from './interrupt.ts'
import { isBalanced, ledgerTable } from './ledger-table.ts'
import { PanePrinter } from './pane-printer.ts'
import { isPortFree } from './port.ts'
import { Progress } from './progress.ts'

export interface DevOptions {
  /** Milliseconds. */
  readonly duration?: number
  readonly rate: number
  readonly port?: number
  readonly kinesisPort?: number
  readonly producer: boolean
  readonly stream: string
  readonly shards: number
  readonly query: readonly string[]
  readonly folder: string
  readonly seed: number
  readonly json?: boolean
}

/** The stream is read as it is written, so records are kept only to outlive a restart of the service. */
const retentionMs = 120_000
/** After this long without events, what is open closes by the clock. */
const closeAfter = '3s'

export async function runDev(options: DevOptions): Promise<void> {
  checkQueries(options.query)
  const interrupt = onInterrupt()
  const folder = resolve(options.folder)
  const kinesis = await startKinesis(options)
  const client = kinesisClient({
    endpoint: kinesis.endpoint,
    credentials: { accessKeyId: 'dev', secretAccessKey: 'dev' },
  })
  const progress = new Progress()
  const say = options.json ? () => {} : (line: string) => progress.say(line)
  const tally = { panes: 0, refused: 0 }
  const printer = new PanePrinter((line) => (options.json ? undefined : writePane(progress, line)), Date.now)
  let service: DevService | undefined
  try {
    await prepareFolder(folder, options.query)
    await client.send(new CreateStreamCommand({ StreamName: options.stream, ShardCount: options.shards }))
    service = new DevService({
      env: await serviceEnv(options, kinesis.endpoint, folder),
      onPanes(query, lines, count) {
        tally.panes += count
        printer.print(query, lines, count)
      },
      onRefused(_reason, count) {
        tally.refused += count
      },
      onRestart: (how) => say(`the service ${how}; starting it again from its snapshot`),
    })
    await service.start()
    say(`Kinesis API   ${kinesis.endpoint}   stream '${options.stream}', ${options.shards} shards`)
    say(`service       http://127.0.0.1:${service.port}/health   process ${service.pid}`)
    say(`output        ${join(folder, 'panes.ndjson')}`)
    say(options.duration === undefined ? 'Ctrl-C ends it.' : `It ends by itself after ${options.duration / 1_000} s.`)
    const put = await Promise.race([produce(options, client, interrupt, progress, tally), service.failed])
    progress.clear()
    say('reading to the end of the stream …')
    const ledger = await service.drain()
    printer.finish()
    progress.clear()
    summarize(options, folder, ledger, put, tally)
  } finally {
    await service?.kill()
    client.destroy()
    await kinesis.close()
    interrupt.release()
  }
}

function checkQueries(paths: readonly string[]): void {
  try {
    readQueryFiles(paths)
  } catch (error) {
    if (error instanceof QueryError) throw badUsage(error.message)
    throw error
  }
}

const kinesisPort = 4567
const httpPort = 8080

async function startKinesis(options: DevOptions): Promise<EmbeddedKinesis> {
  // A port that nobody asked for by name is no reason to fail.
  const port = options.kinesisPort ?? ((await isPortFree(kinesisPort)) ? kinesisPort : 0)
  try {
    return await startEmbeddedKinesis({ port, retentionMs })
  } catch (error) {
    if (error instanceof EmbeddedKinesisStartError) throw new CommandError(1, error.message, { cause: error })
    throw error
  }
}

async function serviceEnv(options: DevOptions, endpoint: string, folder: string): Promise<Record<string, string>> {
  const port = options.port ?? ((await isPortFree(httpPort)) ? httpPort : 0)
  return {
    MILLRACE_STREAM: options.stream,
    MILLRACE_STATE_DIR: join(folder, 'state'),
    MILLRACE_OUTPUT_DIR: folder,
    MILLRACE_HTTP_HOST: '127.0.0.1',
    MILLRACE_HTTP_PORT: String(port),
    MILLRACE_CLOSE_AFTER: closeAfter,
    ...(options.query.length > 0 ? { MILLRACE_QUERIES_DIR: join(folder, 'queries') } : {}),
    AWS_ENDPOINT_URL: endpoint,
    AWS_ENDPOINT_URL_KINESIS: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'dev',
    AWS_SECRET_ACCESS_KEY: 'dev',
    LOG_LEVEL: process.env.LOG_LEVEL ?? 'error',
  }
}

/** Only what an earlier run made is removed, never what else a user keeps there. */
async function prepareFolder(folder: string, queries: readonly string[]): Promise<void> {
  try {
    for (const name of ['state', 'queries', 'panes.ndjson', 'refused.ndjson', 'dead-letters.ndjson']) {
      await rm(join(folder, name), { recursive: true, force: true })
    }
    await mkdir(join(folder, 'queries'), { recursive: true })
    for (const [i, path] of queries.entries()) await cp(path, join(folder, 'queries', `${i}-${basename(path)}.json`))
  } catch (error) {
    throw new CommandError(1, `the folder ${folder} cannot be used: ${(error as Error).message}`, { cause: error })
  }
}

function writePane(progress: Progress, line: string): void {
  progress.clear()
  process.stdout.write(`${line}\n`)
}

/** Puts sample events until the time is over or Ctrl-C; resolves with what was put. */
async function produce(
  options: DevOptions,
  client: ReturnType<typeof kinesisClient>,
  interrupt: Interrupt,
  progress: Progress,
  tally: { readonly panes: number },
): Promise<ProducerProgress | undefined> {
  const ends =
    options.duration === undefined
      ? interrupt.signal
      : AbortSignal.any([interrupt.signal, AbortSignal.timeout(options.duration)])
  if (!options.producer) {
    if (!ends.aborted) await once(ends, 'abort')
    return undefined
  }
  return await runProducer({
    client,
    streamName: options.stream,
    events: sampleRecords({ seed: options.seed }),
    rate: options.rate,
    signal: ends,
    onProgress: ({ put, elapsedMs }) => {
      if (options.json) return
      progress.show(
        () => `${put} records put (${Math.round((put * 1_000) / Math.max(elapsedMs, 1))}/s), ${tally.panes} panes`,
      )
    },
  })
}

function summarize(
  options: DevOptions,
  folder: string,
  ledger: Ledger,
  put: ProducerProgress | undefined,
  tally: { readonly panes: number; readonly refused: number },
): void {
  const balanced = isBalanced(ledger)
  if (options.json) {
    process.stdout.write(
      `${JSON.stringify({ put: put?.put ?? null, panes: tally.panes, refused: tally.refused, balanced, folder, ledger })}\n`,
    )
  } else {
    const lines = [
      '',
      ledgerTable(ledger),
      '',
      `${put === undefined ? '' : `${put.put} records put, `}${tally.panes} panes, ${tally.refused} late or rejected; see ${folder}`,
      '',
    ]
    process.stderr.write(lines.join('\n'))
  }
  if (!balanced) throw new CommandError(1, 'the ledger does not balance: records are unaccounted for')
}
