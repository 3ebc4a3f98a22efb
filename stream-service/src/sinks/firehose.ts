// A sink that hands lines to an Amazon Data Firehose delivery stream with PutRecordBatch, one record a line, each with its
// line break, so that the objects that Firehose writes are newline-delimited JSON.
import { type FirehoseClient, PutRecordBatchCommand } from '@aws-sdk/client-firehose'
import { awsRetryReason, toAwsError } from '@millrace/shared/errors'
import { type Backoff, type EntryOutcome, type Retry, retryEntries, type Timing } from '@millrace/shared/retry'
import type { OutputLine, Receipt, Sink } from './sink.ts'

export interface FirehoseSinkOptions {
  readonly client: FirehoseClient
  readonly deliveryStreamName: string
  /** For messages: where the client goes. */
  readonly endpoint?: string | undefined
  readonly backoff?: Backoff
  readonly timing?: Timing
  /** Told before each wait: Firehose turned some records away, or the call failed. */
  onRetry?(retry: Retry): void
}

/** Limits of one call: "Amazon Data Firehose API Reference", PutRecordBatch. The line break counts. */
export const firehoseLimits = { records: 500, bytes: 4 * 1024 * 1024, recordBytes: 1_000 * 1024 } as const

/**
 * A sink for a delivery stream. Records that Firehose turns away are sent again without end, with full jitter, lines of
 * one key in order; a line over 1,000 KiB is refused as `too-large`. When an answer is lost, lines are sent twice: they
 * carry ids, and who reads keeps one.
 */
export function createFirehoseSink(options: FirehoseSinkOptions): Sink {
  return {
    publish: (lines, signal) => publish(options, lines, signal),
    close: async () => {},
  }
}

interface Entry {
  readonly index: number
  readonly key: string
  readonly data: Uint8Array
}

async function publish(
  options: FirehoseSinkOptions,
  lines: readonly OutputLine[],
  signal: AbortSignal,
): Promise<readonly Receipt[]> {
  signal.throwIfAborted()
  const receipts: Receipt[] = lines.map(() => ({ status: 'refused', reason: 'too-large' }))
  const entries = lines
    .map(({ key, text }, index): Entry => ({ index, key, data: Buffer.from(`${text}\n`) }))
    .filter(({ data }) => data.byteLength <= firehoseLimits.recordBytes)

  const results = await retryEntries<Entry, undefined>({
    entries,
    keyOf: ({ key }) => key,
    send: (batch) => putOnce(options, batch, signal),
    retryReason: awsRetryReason,
    limits: {
      entries: firehoseLimits.records,
      bytes: firehoseLimits.bytes,
      bytesOf: ({ data }) => data.byteLength,
    },
    signal,
    onRetry: (retry) => options.onRetry?.(retry),
    ...(options.backoff ? { backoff: options.backoff } : {}),
    ...(options.timing ? { timing: options.timing } : {}),
  }).catch((error: unknown) => {
    const { deliveryStreamName: streamName, endpoint } = options
    throw toAwsError(error, { what: 'publish to the Firehose delivery stream', streamName, endpoint })
  })

  for (const [at, { index }] of entries.entries()) {
    const result = results[at]
    // Only the signal ends the retrying.
    if (result?.status !== 'accepted') throw signal.reason
    receipts[index] = { status: 'accepted' }
  }
  return receipts
}

async function putOnce(
  { client, deliveryStreamName }: FirehoseSinkOptions,
  batch: readonly Entry[],
  abortSignal: AbortSignal,
): Promise<Array<EntryOutcome<undefined>>> {
  const command = new PutRecordBatchCommand({
    DeliveryStreamName: deliveryStreamName,
    Records: batch.map(({ data }) => ({ Data: data })),
  })
  const answer = await client.send(command, { abortSignal })
  return (answer.RequestResponses ?? []).map(({ ErrorCode }) =>
    ErrorCode ? { status: 'retry', reason: ErrorCode } : { status: 'accepted', value: undefined },
  )
}
