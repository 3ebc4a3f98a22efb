// What a caller is told: of each event what became of it, or why the request as a whole was refused.
import type { APIGatewayProxyResult } from 'aws-lambda'

/** The whole request is at fault, or the function is. Positions are of UTF-16 units: `position` from 0, the others from 1. */
export interface Refusal {
  readonly statusCode: 400 | 413 | 415 | 500
  readonly code: string
  readonly reason: string
  readonly position?: number
  readonly line?: number
  readonly column?: number
}

export type EventResult =
  | {
      readonly index: number
      readonly eventId: string
      readonly status: 'accepted'
      readonly shardId: string
      readonly sequenceNumber: string
    }
  | {
      readonly index: number
      readonly eventId?: string
      readonly status: 'rejected'
      readonly code: string
      readonly reason: string
    }

/** Codes of events that were good and may be sent again as they are. */
const passing: ReadonlySet<string> = new Set(['throttled', 'unavailable'])

/** 200: all accepted. 207: some. 503: none, but some may be sent again. 400: none, and none ever will be. */
export function answerFor(results: readonly EventResult[]): APIGatewayProxyResult {
  const accepted = results.filter(({ status }) => status === 'accepted').length
  const rejected = results.length - accepted
  const body = { accepted, rejected, results }
  if (rejected === 0) return json(200, body)
  if (accepted > 0) return json(207, body)
  const mayPass = results.some((result) => result.status === 'rejected' && passing.has(result.code))
  return mayPass ? json(503, body, { 'retry-after': String(retryAfterSeconds) }) : json(400, body)
}

export function refuse({ statusCode, ...body }: Refusal): APIGatewayProxyResult {
  return json(statusCode, body)
}

const retryAfterSeconds = 2

function json(statusCode: number, body: unknown, headers: Record<string, string> = {}): APIGatewayProxyResult {
  return { statusCode, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) }
}
