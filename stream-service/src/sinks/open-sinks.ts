// Which sinks a configuration asks for: Firehose where a delivery stream is named, files otherwise. One process writes a file at
// a time, and tasks may share their folder: so the dead letters of tasks have the name of their worker.
import { join } from 'node:path'
import { endpointOf, firehoseClient } from '@millrace/shared/aws-clients'
import type { ServiceConfig } from '../config.ts'
import type { ServiceLogger } from '../tasks/service-logger.ts'
import { openFileSink } from './file.ts'
import { createFirehoseSink } from './firehose.ts'
import type { Channel, Sink } from './sink.ts'

export async function openSinks(
  config: ServiceConfig,
  logger: ServiceLogger,
): Promise<{ readonly sinks: Readonly<Record<Channel, Sink>>; readonly deadLetters: Sink }> {
  const file = (name: string) =>
    openFileSink({
      path: join(config.outputFolder, name),
      onTornLine: (bytes) => logger.warn({ name, bytes }, 'a line that a crash left unfinished was cut off'),
    })
  const firehose = (deliveryStreamName: string) =>
    createFirehoseSink({
      client: firehoseClient(),
      deliveryStreamName,
      endpoint: endpointOf('FIREHOSE'),
      onRetry: (retry) => logger.warn({ deliveryStreamName, ...retry }, 'Firehose turned records away; trying again'),
    })
  const { panesFirehose, refusedFirehose, source, kcl } = config
  const deadLetters = source === 'kcl' ? `dead-letters-${encodeURIComponent(kcl.workerId)}` : 'dead-letters'
  return {
    sinks: {
      panes: panesFirehose === undefined ? await file('panes.ndjson') : firehose(panesFirehose),
      refused: refusedFirehose === undefined ? await file('refused.ndjson') : firehose(refusedFirehose),
    },
    deadLetters: await file(`${deadLetters}.ndjson`),
  }
}
