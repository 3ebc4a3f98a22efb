// The source that the configuration names, with what it needs.
import { join } from 'node:path'
import type { KinesisClient } from '@aws-sdk/client-kinesis'
import { credentialsEnv, dynamoDbClient, endpointOf } from '@millrace/shared/aws-clients'
import { systemTiming } from '@millrace/shared/retry'
import type { KclConfig } from '../config.ts'
import type { CreditGate } from '../operators/credit-gate.ts'
import { createDirectSource } from './direct.ts'
import { Daemon } from './kcl/daemon.ts'
import { daemonProperties } from './kcl/daemon-settings.ts'
import { createKclSource, type DaemonMaker } from './kcl/kcl-source.ts'
import { LeaseTable } from './kcl/lease-table.ts'
import { relayCommand } from './kcl/relay.ts'
import type { StartAfter, StartAt } from './shard-lineage.ts'
import type { Gap, SourceLogger } from './shard-reader.ts'
import type { ShardSource } from './shard-source.ts'

export interface OpenSourceOptions {
  readonly source: 'direct' | 'kcl'
  readonly kcl: KclConfig
  readonly streamName: string
  readonly stateFolder: string
  readonly startAt: StartAt
  readonly pollIntervalMs: number
  readonly client: KinesisClient
  readonly region: string
  readonly logger: SourceLogger
  onGap(gap: Gap): void
}

export interface SourceStart {
  /** When the first run began, epoch milliseconds. */
  readonly startedAt: number
  readonly startAfter: StartAfter
  gate(shardId: string): CreditGate
}

export function openSource(options: OpenSourceOptions, { startedAt, startAfter, gate }: SourceStart): ShardSource {
  const { client, streamName, startAt, pollIntervalMs, logger, onGap } = options
  const endpoint = endpointOf('KINESIS')
  const shared = { client, streamName, endpoint, startAfter, gate, logger, onGap }
  if (options.source === 'kcl') {
    return createKclSource({ ...shared, startAt, ...kclParts(options), handoverMs: options.kcl.handoverMs })
  }
  return createDirectSource({
    ...shared,
    // A later start must not skip what came between: LATEST is the moment of the first one.
    startAt: startAt === 'LATEST' ? new Date(startedAt) : startAt,
    pollIntervalMs,
  })
}

function kclParts(options: OpenSourceOptions): { readonly leases: LeaseTable; readonly daemon: DaemonMaker } {
  const { kcl, region, streamName, stateFolder, pollIntervalMs, logger } = options
  const endpoints = { kinesisEndpoint: endpointOf('KINESIS'), dynamoDbEndpoint: endpointOf('DYNAMODB') }
  const leases = new LeaseTable({
    client: dynamoDbClient(),
    applicationName: kcl.applicationName,
    workerId: kcl.workerId,
    endpoint: endpoints.dynamoDbEndpoint,
    timing: systemTiming,
    now: Date.now,
    logger,
  })
  const settings = { streamName, region, pollIntervalMs, ...endpoints, ...kcl }
  return {
    leases,
    daemon: ({ folder, socketPath, start, onFailure }) =>
      new Daemon({
        jvm: kcl,
        folder,
        // Tasks may share the folder.
        pidFile: join(stateFolder, `kcl-daemon-${encodeURIComponent(kcl.workerId)}.pid`),
        properties: daemonProperties(settings, start, relayCommand(folder, socketPath)),
        env: { ...process.env, ...credentialsEnv(Object.values(endpoints), process.env) },
        timing: systemTiming,
        logger,
        onFailure,
      }),
  }
}
