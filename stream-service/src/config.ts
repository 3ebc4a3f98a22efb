// What the service is told by its environment, checked once at start; all faults are told together.
import { hostname } from 'node:os'
import { z } from 'zod'

const folder = z.string().min(1)

const environment = z.object({
  MILLRACE_STREAM: z.string().min(1).describe('name of the Kinesis stream to read'),
  MILLRACE_STATE_DIR: folder.describe(
    'folder for state and, without a bucket, snapshots; a new start goes on from there',
  ),
  MILLRACE_SNAPSHOT_BUCKET: z.string().min(3).optional().describe('S3 bucket for snapshots, in place of a folder'),
  MILLRACE_SNAPSHOT_PREFIX: z.string().default('snapshots').describe('what the keys in that bucket begin with'),
  MILLRACE_PANES_FIREHOSE: z.string().min(1).optional().describe('Firehose delivery stream for panes'),
  MILLRACE_REFUSED_FIREHOSE: z
    .string()
    .min(1)
    .optional()
    .describe('Firehose delivery stream for late and rejected records'),
  MILLRACE_OUTPUT_DIR: folder
    .optional()
    .describe('folder for panes.ndjson and refused.ndjson where no Firehose is named'),
  MILLRACE_EXCHANGE_STREAM: z
    .string()
    .min(1)
    .optional()
    .describe('internal Kinesis stream on which tasks exchange partial results; needed with more than one task'),
  MILLRACE_QUERIES_DIR: folder
    .optional()
    .describe('folder of queries in JSON form; default: the queries of the project'),
  MILLRACE_START_AT: z
    .union([z.enum(['TRIM_HORIZON', 'LATEST']), z.iso.datetime({ offset: true })])
    .default('TRIM_HORIZON')
    .describe('where a stream is read from that was never read: TRIM_HORIZON, LATEST or an ISO time'),
  MILLRACE_SOURCE: z
    .enum(['direct', 'kcl'])
    .default('direct')
    .describe('direct: one process reads all shards; kcl: tasks share them through the Kinesis Client Library'),
  MILLRACE_KCL_APPLICATION: z
    .string()
    .regex(/^[a-zA-Z0-9_.-]{3,200}$/, 'must be 3 to 200 of a-z A-Z 0-9 _ . -, since it names tables in DynamoDB')
    .optional(),
  MILLRACE_KCL_WORKER_ID: z.string().min(1).optional(),
  MILLRACE_KCL_JARS: folder.default('.cache/kcl/daemon/lib'),
  MILLRACE_KCL_JAVA: z.string().min(1).default('java'),
  MILLRACE_KCL_HEAP_MB: z.coerce.number().int().min(64).default(256),
  MILLRACE_KCL_FAILOVER_MS: z.coerce.number().int().min(1_000).max(120_000).default(3_000),
  MILLRACE_KCL_HANDOVER_MS: z.coerce.number().int().min(0).max(60_000).default(3_000),
  MILLRACE_KCL_RETRIEVAL: z.enum(['POLLING', 'FANOUT']).default('POLLING'),
  MILLRACE_HTTP_HOST: z.string().min(1).default('0.0.0.0'),
  MILLRACE_HTTP_PORT: z.coerce.number().int().min(0).max(65_535).default(8080),
  MILLRACE_POLL_INTERVAL_MS: z.coerce.number().int().min(1).default(200),
  MILLRACE_THREADS: z.coerce
    .number()
    .int()
    .min(1)
    .max(64)
    .default(1)
    .describe(
      'how many threads read lanes, with the one that does everything else; more than 1 only without functions in queries',
    ),
  MILLRACE_SNAPSHOT_INTERVAL_MS: z.coerce.number().int().min(10).default(1_000),
  /** Fargate gives 120 s between SIGTERM and SIGKILL. */
  MILLRACE_STOP_DEADLINE_MS: z.coerce
    .number()
    .int()
    .min(0)
    .max(110_000)
    .default(60_000)
    .describe('how long sinks may take after SIGTERM; what they have not taken by then stays in the snapshot'),
  /** For demonstrations: every query gets this `closeAfter` and `idleAfter`. */
  MILLRACE_CLOSE_AFTER: z.string().optional(),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
})

export interface ServiceConfig {
  readonly streamName: string
  readonly stateFolder: string
  /** Undefined where snapshots are kept in the state folder. */
  readonly snapshotBucket: string | undefined
  readonly snapshotPrefix: string
  readonly panesFirehose: string | undefined
  readonly refusedFirehose: string | undefined
  readonly outputFolder: string
  readonly exchangeStream: string | undefined
  readonly queriesFolder: string | undefined
  readonly startAt: 'TRIM_HORIZON' | 'LATEST' | Date
  readonly source: 'direct' | 'kcl'
  readonly kcl: KclConfig
  readonly httpHost: string
  readonly httpPort: number
  readonly pollIntervalMs: number
  readonly threads: number
  readonly snapshotIntervalMs: number
  readonly stopDeadlineMs: number
  readonly closeAfter: string | undefined
  readonly logLevel: string
}

/** What the source `kcl` is told (docs/kcl.md). */
export interface KclConfig {
  readonly applicationName: string
  readonly workerId: string
  readonly jarsFolder: string
  readonly java: string
  readonly heapMb: number
  readonly failoverMs: number
  readonly handoverMs: number
  readonly retrievalMode: 'POLLING' | 'FANOUT'
}

/** The environment does not make a configuration; the message names every variable that is wrong. */
export class ConfigError extends Error {
  readonly code = 'INVALID_CONFIG'

  constructor(faults: readonly string[]) {
    super(['the configuration is not complete:', ...faults.map((fault) => `  ${fault}`)].join('\n'))
    this.name = 'ConfigError'
  }
}

/** @throws ConfigError with all faults. */
export function readConfig(env: NodeJS.ProcessEnv): ServiceConfig {
  const parsed = environment.safeParse(env)
  const faults = parsed.success
    ? []
    : parsed.error.issues.map(({ path, message }) => {
        const name = String(path[0])
        const description = environment.shape[name as keyof typeof environment.shape]?.description
        return env[name] === undefined ? `${name} is not set (${description})` : `${name}: ${message}`
      })
  if (env.MILLRACE_OUTPUT_DIR === undefined) {
    for (const name of ['MILLRACE_PANES_FIREHOSE', 'MILLRACE_REFUSED_FIREHOSE']) {
      if (env[name] === undefined) faults.push(`${name} is not set, and neither is MILLRACE_OUTPUT_DIR`)
    }
  }
  if (!parsed.success || faults.length > 0) throw new ConfigError(faults)
  const config = parsed.data
  const startAt = config.MILLRACE_START_AT
  return {
    streamName: config.MILLRACE_STREAM,
    stateFolder: config.MILLRACE_STATE_DIR,
    snapshotBucket: config.MILLRACE_SNAPSHOT_BUCKET,
    snapshotPrefix: config.MILLRACE_SNAPSHOT_PREFIX,
    panesFirehose: config.MILLRACE_PANES_FIREHOSE,
    refusedFirehose: config.MILLRACE_REFUSED_FIREHOSE,
    outputFolder: config.MILLRACE_OUTPUT_DIR ?? config.MILLRACE_STATE_DIR,
    exchangeStream: config.MILLRACE_EXCHANGE_STREAM,
    queriesFolder: config.MILLRACE_QUERIES_DIR,
    source: config.MILLRACE_SOURCE,
    kcl: {
      applicationName: config.MILLRACE_KCL_APPLICATION ?? `millrace-${config.MILLRACE_STREAM}`,
      workerId: config.MILLRACE_KCL_WORKER_ID ?? taskId(env) ?? hostname(),
      jarsFolder: config.MILLRACE_KCL_JARS,
      java: config.MILLRACE_KCL_JAVA,
      heapMb: config.MILLRACE_KCL_HEAP_MB,
      failoverMs: config.MILLRACE_KCL_FAILOVER_MS,
      handoverMs: config.MILLRACE_KCL_HANDOVER_MS,
      retrievalMode: config.MILLRACE_KCL_RETRIEVAL,
    },
    startAt: startAt === 'TRIM_HORIZON' || startAt === 'LATEST' ? startAt : new Date(startAt),
    httpHost: config.MILLRACE_HTTP_HOST,
    httpPort: config.MILLRACE_HTTP_PORT,
    pollIntervalMs: config.MILLRACE_POLL_INTERVAL_MS,
    threads: config.MILLRACE_THREADS,
    snapshotIntervalMs: config.MILLRACE_SNAPSHOT_INTERVAL_MS,
    stopDeadlineMs: config.MILLRACE_STOP_DEADLINE_MS,
    closeAfter: config.MILLRACE_CLOSE_AFTER,
    logLevel: config.LOG_LEVEL,
  }
}

/**
 * The id of the ECS task, which its containers keep when they are started again: a worker that comes back under its own name
 * has its leases at once. Source: Amazon ECS Developer Guide, "Task metadata endpoint version 4".
 */
function taskId({ ECS_CONTAINER_METADATA_URI_V4: uri }: NodeJS.ProcessEnv): string | undefined {
  return /\/v4\/([0-9a-f]{32})-/.exec(uri ?? '')?.[1]
}
