// The events function as Lambda starts it: configuration and clients once per cold start, then the handler.
import { Logger } from '@aws-lambda-powertools/logger'
import { kinesisClient } from '@millrace/shared/aws-clients'
import { readConfig } from './config.ts'
import { createEventsHandler, putCallTimeoutMs } from './handler.ts'

export const handler = createEventsHandler({
  config: readConfig(process.env),
  client: kinesisClient({ requestTimeoutMs: putCallTimeoutMs }),
  logger: new Logger(),
})
