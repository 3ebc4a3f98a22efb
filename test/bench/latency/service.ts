// The service as it is deployed, a process without a parent that it talks to, over a stream of an embedded Kinesis and with
// files for sinks.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ReportedProcess } from '../reported-process.ts'

const main = fileURLToPath(new URL('../../../stream-service/src/main.ts', import.meta.url))

export interface RunningService {
  readonly service: ReportedProcess
  readonly panesFile: string
  readonly refusedFile: string
}

/** Resolves when it reads. */
export async function startService(options: {
  readonly endpoint: string
  readonly streamName: string
  /** Takes its state and its output. */
  readonly folder: string
  readonly query: object
  readonly pollIntervalMs: number
}): Promise<RunningService> {
  const { endpoint, streamName, folder, query, pollIntervalMs } = options
  const queriesFolder = join(folder, 'queries')
  mkdirSync(queriesFolder)
  writeFileSync(join(queriesFolder, 'query.json'), JSON.stringify(query))
  const service = new ReportedProcess({
    command: [main],
    env: {
      PATH: process.env.PATH,
      MILLRACE_STREAM: streamName,
      MILLRACE_STATE_DIR: join(folder, 'state'),
      MILLRACE_OUTPUT_DIR: folder,
      MILLRACE_QUERIES_DIR: queriesFolder,
      MILLRACE_HTTP_HOST: '127.0.0.1',
      MILLRACE_HTTP_PORT: '0',
      MILLRACE_POLL_INTERVAL_MS: String(pollIntervalMs),
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: 'us-east-1',
      LOG_LEVEL: 'info',
    },
  })
  await service.says(/"the service reads"/)
  return { service, panesFile: join(folder, 'panes.ndjson'), refusedFile: join(folder, 'refused.ndjson') }
}
