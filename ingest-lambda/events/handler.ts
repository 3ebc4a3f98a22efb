// POST /events: body -> events -> checked -> records -> stream -> one answer per event. Each step is a file of its own;
// this one is the order of the steps, and what happens when one fails.
import { randomUUID } from 'node:crypto'
import type { Logger } from '@aws-lambda-powertools/logger'
import type { KinesisClient } from '@aws-sdk/client-kinesis'
import { systemTiming, type Timing } from '@millrace/shared/retry'
import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from 'aws-lambda'
import { answerFor, type EventResult, type Refusal, refuse } from './answer.ts'
import { checkEvent, type EventCheck } from './check-event.ts'
import { type EventsConfig, type EventsLimits, eventsLimits } from './config.ts'
import { partitionKeyOf } from './partition-key.ts'
import { putEvents } from './put-events.ts'
import { headerOf, readBody } from './request-body.ts'
import { splitEvents } from './split-events.ts'

export interface EventsHandlerOptions {
  readonly config: EventsConfig
  readonly client: KinesisClient
  readonly logger: Logger
  readonly limits?: EventsLimits
  readonly now?: () => number
  readonly newId?: () => string
  /** What retries are timed with. */
  readonly timing?: Timing
}

/** What is left of the invocation when putting ends: for the last call to time out, and for the answer. */
export const putCallTimeoutMs = 5_000
const answerMs = 500
/** Nobody waits longer for a stream without capacity; a caller that comes back later is served sooner. */
const maxPutMs = 10_000

export type EventsHandler = (
  request: APIGatewayProxyEvent,
  context: Pick<Context, 'getRemainingTimeInMillis' | 'awsRequestId'>,
) => Promise<APIGatewayProxyResult>

export function createEventsHandler(options: EventsHandlerOptions): EventsHandler {
  const { logger } = options
  return async (request, context) => {
    const requestId = request.requestContext?.requestId ?? context.awsRequestId
    logger.setCorrelationId(requestId)
    try {
      return await handle(request, context.getRemainingTimeInMillis(), options)
    } catch (error) {
      // A fault of ours. The caller gets the id to ask about it, and nothing of what went wrong.
      logger.error('request failed', error as Error)
      return refuse({ statusCode: 500, code: 'internal', reason: `an internal error; request ${requestId}` })
    }
  }
}

async function handle(
  request: APIGatewayProxyEvent,
  remainingMs: number,
  options: EventsHandlerOptions,
): Promise<APIGatewayProxyResult> {
  const { config, logger, limits = eventsLimits, now = Date.now, newId = randomUUID } = options

  const body = readBody(request, limits.bodyBytes)
  if (body.status === 'refused') return refuseAll(body.refusal, logger)
  const split = splitEvents(body.text, body.format, limits.eventsPerRequest)
  if (split.status === 'refused') return refuseAll(split.refusal, logger)

  const rules = { eventSchema: config.eventSchema, maxDepth: limits.depth, newId }
  const checks = split.events.map((posted) => checkEvent(posted, rules))
  const keyOptions = { requested: requestedKey(request), field: config.partitionKeyField }
  const events = checks
    .filter((check) => check.status === 'valid')
    .map(({ event }) => ({ event, partitionKey: partitionKeyOf(event, keyOptions) }))

  const outcomes = await putEvents(events, {
    client: options.client,
    streamName: config.streamName,
    source: config.source,
    receivedAt: now(),
    maxRecordBytes: limits.recordBytes,
    timeoutMs: Math.max(0, Math.min(maxPutMs, remainingMs - putCallTimeoutMs - answerMs)),
    timing: options.timing ?? systemTiming,
    onFailure: (error) => logger.error('stream cannot be written', error),
  })
  const results = inOrder(checks, outcomes)
  log(logger, results, body.text.length)
  return answerFor(results)
}

function refuseAll(refusal: Refusal, logger: Logger): APIGatewayProxyResult {
  logger.info('request refused', { statusCode: refusal.statusCode, code: refusal.code })
  return refuse(refusal)
}

function requestedKey(request: APIGatewayProxyEvent): string | undefined {
  return request.queryStringParameters?.partitionKey || headerOf(request, 'x-partition-key')
}

/** One result per posted event: the check's where it failed, the stream's otherwise. */
function inOrder(checks: readonly EventCheck[], outcomes: Awaited<ReturnType<typeof putEvents>>): EventResult[] {
  let next = 0
  return checks.map((check, index) => {
    if (check.status === 'valid') return { index, eventId: check.event.id, ...outcomes[next++]! }
    const { eventId, code, reason } = check
    return { index, ...(eventId !== undefined && { eventId }), status: 'rejected', code, reason }
  })
}

function log(logger: Logger, results: readonly EventResult[], characters: number): void {
  const rejected: Record<string, number> = {}
  for (const result of results) {
    if (result.status === 'rejected') rejected[result.code] = (rejected[result.code] ?? 0) + 1
  }
  const accepted = results.filter(({ status }) => status === 'accepted').length
  const facts = { accepted, rejected, characters }
  if (rejected.throttled || rejected.unavailable) logger.warn('events not taken by the stream', facts)
  else logger.info('events', facts)
}
