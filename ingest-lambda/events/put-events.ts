// Events into the stream, each as one record in a CloudEvents envelope, and what became of each. Only what the stream
// confirmed is accepted.

import type { KinesisClient } from '@aws-sdk/client-kinesis'
import { cloudEventText } from '@millrace/shared/cloud-events'
import type { AwsError } from '@millrace/shared/errors'
import { type PutResult, putRecords, type RecordToPut } from '@millrace/shared/put-records'
import type { Timing } from '@millrace/shared/retry'
import type { CheckedEvent } from './check-event.ts'

export type PutOutcome =
  | { readonly status: 'accepted'; readonly shardId: string; readonly sequenceNumber: string }
  | { readonly status: 'rejected'; readonly code: RejectionCode; readonly reason: string }

/** `too-large` is the event's fault; the others pass, and the event may be sent again. */
type RejectionCode = 'too-large' | 'throttled' | 'unavailable'

export interface EventToPut {
  readonly event: CheckedEvent
  readonly partitionKey: string
}

export interface PutEventsOptions {
  readonly client: KinesisClient
  readonly streamName: string
  readonly source: string
  readonly receivedAt: number
  readonly maxRecordBytes: number
  /** Time for all attempts, in milliseconds. */
  readonly timeoutMs: number
  readonly timing: Timing
  /** Hears of a stream that cannot be written at all. */
  readonly onFailure: (error: AwsError) => void
}

/** Puts events in order; resolves with one outcome per event, in order, whatever happens. */
export async function putEvents(
  events: readonly EventToPut[],
  options: PutEventsOptions,
): Promise<readonly PutOutcome[]> {
  const records = events.map((event) => recordOf(event, options))
  const fits = (record: RecordToPut) => bytesOf(record) <= options.maxRecordBytes
  const results = await put(records.filter(fits), options)
  return records.map((record) => (fits(record) ? (results.shift() ?? unavailable) : tooLarge(options.maxRecordBytes)))
}

function recordOf({ event, partitionKey }: EventToPut, { source, receivedAt }: PutEventsOptions): RecordToPut {
  const text = cloudEventText({ id: event.id, source, type: event.type, timeMs: receivedAt }, event.text)
  return { partitionKey, data: Buffer.from(text) }
}

async function put(records: readonly RecordToPut[], options: PutEventsOptions): Promise<PutOutcome[]> {
  let lastFailure = ''
  try {
    const results = await putRecords({
      client: options.client,
      streamName: options.streamName,
      records,
      timeoutMs: options.timeoutMs,
      timing: options.timing,
      backoff: { baseMs: 50, capMs: 2_000 },
      onRetry: ({ reason }) => {
        lastFailure = reason
      },
    })
    return results.map((result) => outcomeOf(result, lastFailure, options.maxRecordBytes))
  } catch (error) {
    options.onFailure(error as AwsError)
    return records.map(() => unavailable)
  }
}

function outcomeOf(result: PutResult, lastFailure: string, maxRecordBytes: number): PutOutcome {
  switch (result.status) {
    case 'accepted':
      return { status: 'accepted', ...result.value }
    case 'refused':
      return tooLarge(maxRecordBytes)
    case 'abandoned':
      return /Throughput|Throttl|LimitExceeded/.test(lastFailure) ? throttled : unavailable
  }
}

const throttled = {
  status: 'rejected',
  code: 'throttled',
  reason: 'the stream has no capacity at the moment; send the event again',
} as const
// The last attempt may have got no answer and still have reached the stream; whoever sends the same id again makes a
// duplicate that can be told.
const unavailable = {
  status: 'rejected',
  code: 'unavailable',
  reason: 'the stream did not confirm the event; send it again with the same eventId',
} as const

function tooLarge(maxRecordBytes: number): PutOutcome {
  const reason = `with its envelope and partition key an event must not be larger than ${maxRecordBytes} bytes`
  return { status: 'rejected', code: 'too-large', reason }
}

function bytesOf({ data, partitionKey }: RecordToPut): number {
  return data.byteLength + Buffer.byteLength(partitionKey)
}
