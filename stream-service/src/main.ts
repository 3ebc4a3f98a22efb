// The service as a process: reads its configuration, wires source, service, sinks and HTTP, and owns start and stop.
// Exit 0 after SIGTERM or SIGINT, 1 after a failure, 2 when it cannot start as configured.
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DescribeStreamSummaryCommand } from '@aws-sdk/client-kinesis'
import { endpointOf, kinesisClient } from '@millrace/shared/aws-clients'
import { AwsError, MillraceError, toAwsError } from '@millrace/shared/errors'
import { type Logger, pino } from 'pino'
import { deployedQueries } from '../queries/index.ts'
import { ConfigError, readConfig, type ServiceConfig } from './config.ts'
import type { Emission } from './engine/emission.ts'
import { QueryChangedError } from './engine/query-changed.ts'
import type { Exchange } from './exchange/exchange.ts'
import { openKinesisExchange } from './exchange/kinesis-exchange.ts'
import { serviceApi } from './http/api.ts'
import { listen } from './http/listen.ts'
import { parentProcess } from './parent-process.ts'
import { QueryError } from './queries/parse-query.ts'
import type { QuerySpec } from './queries/query-spec.ts'
import { readQueryFiles } from './query-files.ts'
import type { Position } from './records/record.ts'
import { StreamService } from './service.ts'
import { metricLines } from './sinks/metrics.ts'
import { openSinks } from './sinks/open-sinks.ts'
import { openSource } from './sources/open-source.ts'
import type { Gap } from './sources/shard-reader.ts'
import { openStore } from './state/open-store.ts'
import type { SnapshotStore } from './state/snapshot-store.ts'
import { mergePosition } from './tasks/merge-task.ts'
import { PartitionsChangedError, StreamChangedError } from './tasks/service-state.ts'
import { partitionOfName } from './tasks/snapshot-names.ts'
import { parseDuration } from './time/duration.ts'

async function main(): Promise<void> {
  const config = readConfig(process.env)
  const logger = pino({ level: config.logLevel }, pino.destination({ dest: 2, sync: false }))
  const client = kinesisClient()
  const parent = parentProcess()
  try {
    const queries = readQueries(config)
    const stream = await describeStream(config, client)
    const region = await client.config.region()
    const { sinks, deadLetters } = await openSinks(config, logger)
    const store = await openStore(config, logger)
    const exchange = await openExchange(config, client, region, store, logger)
    const service = await StreamService.open({
      exchange,
      stream,
      queries,
      store,
      sinks,
      deadLetters,
      source: (start) =>
        openSource(
          {
            ...config,
            client,
            region,
            logger,
            onGap: (gap) => logger.error({ gap }, 'records were lost to retention before they were read'),
          },
          start,
        ),
      hasLeases: config.source === 'kcl',
      threads: config.threads,
      snapshotIntervalMs: config.snapshotIntervalMs,
      now: Date.now,
      logger,
      onEmissions: (emissions) => {
        parent?.sendEmissions(emissions)
        writeMetrics(emissions, queries)
      },
    })
    const http = await listen(serviceApi(service), { host: config.httpHost, port: config.httpPort })
    logger.info({ stream: stream.name, queries: queries.map(({ name }) => name), port: http.port }, 'the service reads')
    stopOnSignals(service, config.stopDeadlineMs)
    parent?.onDrain(() => void service.drain())
    parent?.onLost(() => void service.stop(config.stopDeadlineMs))
    parent?.sendReady(http.port)
    try {
      await service.run()
      await parent?.sendLedger(service.ledger())
      logger.info({ ledger: service.ledger() }, 'the service has stopped')
    } finally {
      await http.close()
    }
  } finally {
    client.destroy()
    logger.flush()
    parent?.close()
  }
}

/** Metrics go to standard output, where the log driver picks them up; the log itself is on standard error. */
function writeMetrics(emissions: readonly Emission[], queries: readonly QuerySpec[]): void {
  for (const emission of emissions) {
    if (emission.kind !== 'panes') continue
    const metrics = queries.find(({ name }) => name === emission.query)?.publish.metrics
    if (metrics === undefined) continue
    for (const line of metricLines(emission, metrics, Date.now())) process.stdout.write(`${line}\n`)
  }
}

function readQueries(config: ServiceConfig): readonly QuerySpec[] {
  const { queriesFolder, closeAfter } = config
  const queries = queriesFolder === undefined ? deployedQueries : readQueryFolder(queriesFolder)
  const closeAfterMs = parseDuration(closeAfter)
  if (closeAfter === undefined) return queries
  if (closeAfterMs === undefined)
    throw new ConfigError([`MILLRACE_CLOSE_AFTER: '${closeAfter}' is no duration such as 5s`])
  return queries.map((query) => ({ ...query, time: { ...query.time, closeAfterMs, idleAfterMs: closeAfterMs } }))
}

function readQueryFolder(folder: string): QuerySpec[] {
  let names: string[]
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.json'))
  } catch (error) {
    throw new ConfigError([`MILLRACE_QUERIES_DIR: ${folder} cannot be read: ${(error as Error).message}`])
  }
  if (names.length === 0) throw new ConfigError([`MILLRACE_QUERIES_DIR: ${folder} holds no *.json`])
  return readQueryFiles(names.sort().map((name) => join(folder, name)))
}

/** The exchange is read as the stream is, under a name of its own. */
async function openExchange(
  config: ServiceConfig,
  client: ReturnType<typeof kinesisClient>,
  region: string,
  store: SnapshotStore,
  logger: Logger,
): Promise<Exchange | undefined> {
  const { exchangeStream: streamName, kcl } = config
  if (streamName === undefined) return undefined
  const positions = new Map<number, Position>()
  for (const name of await store.names()) {
    const partition = partitionOfName(name)
    const position = partition === undefined ? null : mergePosition((await store.note(name))?.note)
    if (position !== null) positions.set(partition!, position)
  }
  const stateFolder = join(config.stateFolder, 'exchange')
  mkdirSync(stateFolder, { recursive: true })
  const options = {
    ...config,
    streamName,
    stateFolder,
    startAt: 'TRIM_HORIZON' as const,
    kcl: { ...kcl, applicationName: `${kcl.applicationName}-exchange` },
    client,
    region,
    logger,
    onGap: (gap: Gap) => logger.error({ gap }, 'messages of the exchange were lost to retention before they were read'),
  }
  return openKinesisExchange({
    client,
    streamName,
    endpoint: endpointOf('KINESIS'),
    source: (gate, shards) => {
      const startAfter = shards.flatMap((shardId, partition): [string, Position][] => {
        const position = positions.get(partition)
        return position === undefined ? [] : [[shardId, position]]
      })
      return openSource(options, { startedAt: 0, startAfter: new Map(startAfter), gate })
    },
  })
}

async function describeStream(
  { streamName }: ServiceConfig,
  client: ReturnType<typeof kinesisClient>,
): Promise<{ readonly name: string; readonly createdAt: number }> {
  try {
    const answer = await client.send(new DescribeStreamSummaryCommand({ StreamName: streamName }))
    const createdAt = answer.StreamDescriptionSummary?.StreamCreationTimestamp
    return { name: streamName, createdAt: createdAt?.getTime() ?? 0 }
  } catch (error) {
    throw toAwsError(error, { what: 'read the stream', streamName, endpoint: endpointOf('KINESIS') })
  }
}

function stopOnSignals(service: StreamService, deadlineMs: number): void {
  let isStopping = false
  const stop = () => {
    // A second signal means now; the last snapshot is good, so nothing is lost by it.
    if (isStopping) process.exit(1)
    isStopping = true
    void service.stop(deadlineMs)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

try {
  await main()
} catch (error) {
  const isConfiguration =
    error instanceof ConfigError ||
    error instanceof QueryError ||
    error instanceof QueryChangedError ||
    error instanceof StreamChangedError ||
    error instanceof PartitionsChangedError ||
    error instanceof AwsError ||
    error instanceof MillraceError
  process.stderr.write(`millrace service: ${isConfiguration ? error.message : ((error as Error).stack ?? error)}\n`)
  process.exitCode = error instanceof ConfigError || error instanceof QueryError ? 2 : 1
}
