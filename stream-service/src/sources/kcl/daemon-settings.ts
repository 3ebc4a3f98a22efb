// What the daemon is told: its properties (with the reason for each that is not the default; docs/kcl.md has the figures),
// how it logs, and how its JVM runs.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { SharedStart } from './lease-table.ts'

export interface DaemonSettings {
  readonly streamName: string
  readonly applicationName: string
  readonly workerId: string
  readonly region: string
  readonly kinesisEndpoint: string | undefined
  readonly dynamoDbEndpoint: string | undefined
  readonly retrievalMode: 'POLLING' | 'FANOUT'
  readonly failoverMs: number
  readonly pollIntervalMs: number
  /** How long the consumer may take to finish and checkpoint when a shard is let go. */
  readonly handoverMs: number
}

export function daemonProperties(settings: DaemonSettings, start: SharedStart, executable: string): string {
  const properties: Record<string, string | number | boolean | undefined> = {
    executableName: executable,
    processingLanguage: 'nodejs',
    streamName: settings.streamName,
    applicationName: settings.applicationName,
    workerIdentifier: settings.workerId,
    regionName: settings.region,
    kinesisEndpoint: settings.kinesisEndpoint,
    dynamoDBEndpoint: settings.dynamoDbEndpoint,
    AwsCredentialsProvider: 'DefaultCredentialsProvider',
    ...(start === 'TRIM_HORIZON'
      ? { initialPositionInStream: start }
      : { initialPositionInStreamExtended: start.atSecond }),
    retrievalMode: settings.retrievalMode,
    maxRecords: 10_000,
    idleTimeBetweenReadsInMillis: settings.pollIntervalMs,
    // Only an empty read shows that a shard is idle, and each call is an occasion to checkpoint.
    callProcessRecordsEvenForEmptyRecordList: true,
    failoverTimeMillis: settings.failoverMs,
    // With 3.x a killed leader holds its lock for two minutes.
    clientVersionConfig: 'CLIENT_VERSION_CONFIG_COMPATIBLE_WITH_2X',
    // The table is never empty when the daemon starts: see lease-table.ts.
    skipShardSyncAtWorkerInitializationIfLeasesExist: true,
    // A task that was alone hands over half of its shards at once, not one in each round.
    maxLeasesToStealAtOneTime: 10,
    parentShardPollIntervalMillis: 1_000,
    // Longer than the consumer's own deadline, and never waited for to the end.
    shutdownGraceMillis: settings.handoverMs + 5_000,
    metricsLevel: 'NONE',
    disableWorkerMetrics: true,
  }
  return Object.entries(properties)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join('')
}

/** One line for each event, whatever is in it, that begins with its level. */
export const logbackConfiguration = `<configuration>
  <appender name="lines" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%level %logger{0} %replace(%msg %ex{2}){'[\\r\\n]+\\s*', ' | '}%nopex%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="lines"/></root>
</configuration>
`

/** The daemon with its launcher: stream-service/kcl. */
export const daemonClass = 'software.amazon.kinesis.multilang.MillraceDaemon'

export interface JvmSettings {
  /** The program; default `java` as the path has it. */
  readonly java: string
  /** The folder that `npm run kcl:jars` fills. */
  readonly jarsFolder: string
  readonly heapMb: number
}

export function jvmArguments({ jarsFolder, heapMb }: JvmSettings): string[] {
  const archive = join(jarsFolder, 'classes.jsa')
  return [
    `-Xmx${heapMb}m`,
    // Few cores and a small heap: the collector and the compiler that cost least to start.
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-XX:+ExitOnOutOfMemoryError',
    // Classes as they lie in memory, made beforehand: the daemon starts in half the time. One that does not fit is left alone.
    ...(existsSync(archive)
      ? [`-XX:SharedArchiveFile=${archive}`, '-Xshare:auto', '-Xlog:cds=off,cds+dynamic=off,class+path=off']
      : []),
    '-cp',
    join(jarsFolder, '*'),
    daemonClass,
  ]
}
