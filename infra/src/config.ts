// What differs between stages, in one typed object each. Everything else is the same everywhere, so that what was tried
// in development is what runs in production. The schema is checked before anything is synthesized, and tells all faults.
import { RetentionDays } from 'aws-cdk-lib/aws-logs'
import { z } from 'zod'

const stageNames = ['dev', 'staging', 'production'] as const

const positive = z.int().positive()

/** The service and a daemon of the KCL each for the stream and the exchange: docs/kcl.md has what they take. */
const memoryWithExchangeMiB = 2048

const schema = z
  .strictObject({
    stage: z.enum(stageNames),
    /** Written on every resource as tags, for whoever reads the bill. */
    tags: z.strictObject({ owner: z.string().min(1), costCentre: z.string().min(1) }),
    /** Keep data and refuse deletion of the stack. Off only where everything may go with `cdk destroy`. */
    retainData: z.boolean(),
    logRetentionDays: z.int().refine((days) => days in RetentionDays, 'a number of days that CloudWatch Logs offers'),
    /** Where alarms are mailed. Without an address the topic exists and can be subscribed to. */
    alarmEmail: z.email().optional(),
    network: z.strictObject({
      /** Availability zones. Every interface endpoint is paid for once per zone. */
      maxAzs: z.int().min(1).max(2),
    }),
    stream: z.strictObject({
      capacity: z.discriminatedUnion('mode', [
        z.strictObject({ mode: z.literal('on-demand') }),
        z.strictObject({ mode: z.literal('provisioned'), shards: positive.max(200) }),
      ]),
      /** Retention: how long a record can be read again, and so how long the service may be down. 24 h to 365 days. */
      retentionHours: z.int().min(24).max(8760),
      shardLevelMetrics: z.boolean(),
    }),
    ingest: z.strictObject({
      /** Who may POST: `iam` wants requests signed with AWS credentials, `none` lets anybody write. */
      authorization: z.enum(['iam', 'none']),
      /** The field of an event that becomes its partition key. Without it, the event's id. */
      partitionKeyField: z.string().min(1).optional(),
      /** Which events are taken: `any` with a type, or only those of the `sample` schema. */
      eventSchema: z.enum(['any', 'sample']),
      requestsPerSecond: positive,
      burstRequests: positive,
      memoryMiB: z.int().min(128).max(10_240),
    }),
    delivery: z.strictObject({
      /** Firehose writes an object when either is reached. 0 to 900 s, 1 to 128 MiB. */
      bufferSeconds: z.int().min(0).max(900),
      bufferMiB: z.int().min(1).max(128),
      expireAfterDays: positive,
    }),
    service: z.strictObject({
      cpu: z.union([256, 512, 1024, 2048, 4096].map((units) => z.literal(units))),
      memoryMiB: z.int().min(512).max(30_720),
      /** Who hands out shards: `direct` the one task itself, `kcl` the Kinesis Client Library with leases in DynamoDB. */
      source: z.enum(['direct', 'kcl']),
      /** Several share the shards, and need the source `kcl` and an exchange. */
      tasks: positive.max(100),
      /** Where the service starts in a shard of which it has no snapshot. */
      startAt: z.enum(['TRIM_HORIZON', 'LATEST']),
      logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error']),
    }),
    /** The internal stream on which tasks exchange partial results. One task may have it too, so that it can become several. */
    exchange: z
      .strictObject({
        /** The keys are split into so many parts, for good: another number needs an empty state (docs/scale.md). */
        shards: positive.max(200),
        /** What is lost here is lost to the results, so it should be no shorter than that of the stream. */
        retentionHours: z.int().min(24).max(8760),
      })
      .optional(),
  })
  .check(({ value, issues }) => {
    const refuse = (path: string[], message: string) => issues.push({ code: 'custom', path, message, input: value })
    const { service, exchange } = value
    if (service.tasks > 1 && service.source !== 'kcl') {
      refuse(['service', 'tasks'], 'several tasks need the source kcl, which gives each shard to one of them')
    }
    if (service.tasks > 1 && exchange === undefined) {
      refuse(['exchange'], 'several tasks need an exchange: without one they hold their panes back')
    }
    if (exchange !== undefined && service.source !== 'kcl') {
      refuse(['exchange'], 'an exchange is for the source kcl: with direct there is one task')
    }
    if (exchange !== undefined && service.memoryMiB < memoryWithExchangeMiB) {
      refuse(['service', 'memoryMiB'], `at least ${memoryWithExchangeMiB} with an exchange, for two daemons`)
    }
    if (value.stage !== 'production') return
    if (value.ingest.authorization === 'none') refuse(['ingest', 'authorization'], 'production is not open to anybody')
    if (!value.retainData) refuse(['retainData'], 'production keeps its data')
  })

export type StageConfig = z.infer<typeof schema>

/** Checks a stage's configuration; unknown properties are refused. Throws one error that tells all faults. */
export function parseStageConfig(input: unknown): StageConfig {
  const result = schema.safeParse(input)
  if (!result.success) throw new Error(`stage configuration:\n${z.prettifyError(result.error)}`)
  return result.data
}

/** The configuration of a stage by its name. */
export function stageConfig(stage: string): StageConfig {
  const config = stages[stage]
  if (!config) throw new Error(`unknown stage "${stage}": one of ${Object.keys(stages).join(', ')}`)
  return parseStageConfig(config)
}

const base = {
  tags: { owner: 'millrace', costCentre: 'analytics' },
  ingest: { authorization: 'iam', eventSchema: 'any', requestsPerSecond: 200, burstRequests: 400, memoryMiB: 512 },
  delivery: { bufferSeconds: 60, bufferMiB: 16, expireAfterDays: 30 },
  service: { cpu: 512, memoryMiB: 1024, source: 'direct', tasks: 1, startAt: 'TRIM_HORIZON', logLevel: 'info' },
} satisfies Partial<StageConfig>

const stages: Readonly<Record<string, StageConfig>> = {
  dev: {
    ...base,
    stage: 'dev',
    retainData: false,
    logRetentionDays: 7,
    network: { maxAzs: 1 },
    stream: { capacity: { mode: 'provisioned', shards: 1 }, retentionHours: 24, shardLevelMetrics: false },
  },
  staging: {
    ...base,
    stage: 'staging',
    retainData: false,
    logRetentionDays: 14,
    network: { maxAzs: 2 },
    stream: { capacity: { mode: 'on-demand' }, retentionHours: 48, shardLevelMetrics: false },
  },
  production: {
    ...base,
    stage: 'production',
    retainData: true,
    logRetentionDays: 30,
    network: { maxAzs: 2 },
    stream: { capacity: { mode: 'on-demand' }, retentionHours: 168, shardLevelMetrics: true },
    ingest: { ...base.ingest, requestsPerSecond: 2000, burstRequests: 4000, memoryMiB: 1024 },
    delivery: { bufferSeconds: 60, bufferMiB: 128, expireAfterDays: 400 },
    service: { ...base.service, cpu: 1024, memoryMiB: 2048 },
  },
}
