// Factories for the tests of this folder: a request as API Gateway sends it, a stream of one shard that keeps the laws of
// PutRecords, and the handler between them.
import { Logger } from '@aws-lambda-powertools/logger'
import type { KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis'
import type { APIGatewayProxyEvent } from 'aws-lambda'
import { createEventsHandler, type EventsHandlerOptions } from './handler.ts'

export interface RequestParts {
  readonly body?: string | null
  readonly contentType?: string | undefined
  readonly headers?: Record<string, string>
  readonly query?: Record<string, string>
  readonly isBase64Encoded?: boolean
}

export function aRequest(parts: RequestParts): APIGatewayProxyEvent {
  const contentType = 'contentType' in parts ? parts.contentType : 'application/json'
  return {
    body: parts.body ?? null,
    headers: { ...(contentType !== undefined && { 'Content-Type': contentType }), ...parts.headers },
    queryStringParameters: parts.query ?? null,
    isBase64Encoded: parts.isBase64Encoded ?? false,
    requestContext: { requestId: 'r1' },
  } as unknown as APIGatewayProxyEvent
}

interface StoredRecord {
  readonly partitionKey: string
  readonly text: string
}

/** `turnsAway` says with which error code a record is refused in an attempt, counted from 1; undefined takes it. */
export function fakeStream(turnsAway: (text: string, attempt: number) => string | undefined = () => undefined) {
  const stored: StoredRecord[] = []
  const calls: number[] = []
  const attempts = new Map<string, number>()
  const client = {
    async send(command: PutRecordsCommand) {
      const records = command.input.Records ?? []
      calls.push(records.length)
      const bytes = records.map(({ Data, PartitionKey }) => Data!.length + Buffer.byteLength(PartitionKey!))
      if (records.length === 0 || records.length > 500 || bytes.some((size) => size > 1024 * 1024)) {
        throw Object.assign(new Error('a limit of PutRecords'), {
          name: 'InvalidArgumentException',
          $metadata: { httpStatusCode: 400 },
        })
      }
      return {
        Records: records.map(({ Data, PartitionKey }) => {
          const text = Buffer.from(Data!).toString()
          const attempt = (attempts.get(text) ?? 0) + 1
          attempts.set(text, attempt)
          const ErrorCode = turnsAway(text, attempt)
          if (ErrorCode !== undefined) return { ErrorCode, ErrorMessage: 'no' }
          stored.push({ partitionKey: PartitionKey!, text })
          return { ShardId: 'shardId-0', SequenceNumber: String(stored.length) }
        }),
      }
    },
  } as unknown as KinesisClient
  return { client, stored, calls }
}

/** Posts one request, as API Gateway would, and answers with status, headers and parsed body. */
export async function post(
  parts: RequestParts,
  client: KinesisClient,
  options: { readonly remainingMs?: number; readonly config?: Partial<EventsHandlerOptions['config']> } = {},
) {
  let made = 0
  let at = 0
  const timing = {
    now: () => at,
    sleep: async (ms: number) => {
      at += ms
    },
    random: () => 0.99,
  }
  const handler = createEventsHandler({
    config: {
      streamName: 'events',
      partitionKeyField: undefined,
      eventSchema: 'any',
      source: '/test',
      ...options.config,
    },
    client,
    logger: new Logger({ logLevel: 'SILENT' }),
    now: () => 1_700_000_000_000,
    newId: () => `made-${++made}`,
    timing,
  })
  const context = { awsRequestId: 'i1', getRemainingTimeInMillis: () => options.remainingMs ?? 25_000 }
  const { statusCode, headers, body } = await handler(aRequest(parts), context)
  return { statusCode, headers, text: body, body: JSON.parse(body), waitedMs: at }
}
