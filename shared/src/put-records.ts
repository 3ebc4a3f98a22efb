// PutRecords for any number of records: cut into calls that the service takes, only the failed records sent again, the
// records of a partition key in order, and one answer for each record.
import { type KinesisClient, PutRecordsCommand, type PutRecordsResultEntry } from '@aws-sdk/client-kinesis'
import { awsRetryReason, toAwsError } from './errors.ts'
import { type Backoff, type EntryOutcome, type EntryResult, type Retry, retryEntries, type Timing } from './retry.ts'

export interface RecordToPut {
  /** 1 to 256 characters. */
  readonly partitionKey: string
  /** With the key at most 10 MiB; the stream may be set to take less. */
  readonly data: Uint8Array
}

/** Where a record came to stand. */
export interface PutPlace {
  readonly shardId: string
  readonly sequenceNumber: string
}

export type PutResult = EntryResult<PutPlace>

export interface PutRecordsOptions {
  readonly client: KinesisClient
  readonly streamName: string
  readonly records: readonly RecordToPut[]
  /** For messages: where the client goes. */
  readonly endpoint?: string | undefined
  /** Attempts for each record. Default: without end, until `timeoutMs` or `signal`. */
  readonly maxAttempts?: number
  readonly timeoutMs?: number
  /** Ends the retrying. A call under way is waited for, since nobody could tell what it has put. */
  readonly signal?: AbortSignal | undefined
  readonly backoff?: Backoff
  readonly timing?: Timing
  readonly onRetry?: ((retry: Retry) => void) | undefined
}

/** Limits of one call, keys included: API reference of Kinesis Data Streams, "PutRecords". */
export const putRecordsLimits = { records: 500, bytes: 10 * 1024 * 1024, keyCharacters: 256 } as const

/**
 * Puts records into a stream and says of each where it stands or why not. A bad partition key, or a record that is too
 * large, is `refused` and costs its neighbours nothing.
 *
 * Rejects with an `AwsError` when the stream cannot be written at all: it does not exist, access is denied.
 */
export async function putRecords(options: PutRecordsOptions): Promise<PutResult[]> {
  const { client, streamName, records } = options
  const results: PutResult[] = records.map((record) => ({ status: 'refused', reason: faultOf(record) ?? '' }))
  const sendable = [...records.keys()].filter((at) => faultOf(records[at] as RecordToPut) === undefined)
  const sent = await retryEntries<RecordToPut, PutPlace>({
    ...options,
    entries: sendable.map((at) => records[at] as RecordToPut),
    keyOf: (record) => record.partitionKey,
    send: (entries) => putOnce(client, streamName, entries),
    retryReason: awsRetryReason,
    limits: {
      entries: putRecordsLimits.records,
      bytes: putRecordsLimits.bytes,
      bytesOf,
      // A stream takes 1 MiB a record unless it was set to more, and refuses the whole call for one that is larger.
      travelsAlone: (record) => bytesOf(record) > 1024 * 1024,
    },
  }).catch((error: unknown) => {
    throw toAwsError(error, { what: 'put records into the stream', streamName, endpoint: options.endpoint })
  })
  for (const [at, index] of sendable.entries()) results[index] = sent[at] as PutResult
  return results
}

function faultOf(record: RecordToPut): string | undefined {
  if (record.partitionKey === '') return 'partition-key-empty'
  if (isLongerThan(record.partitionKey, putRecordsLimits.keyCharacters)) return 'partition-key-too-long'
  return bytesOf(record) > putRecordsLimits.bytes ? 'too-large' : undefined
}

/** Kinesis counts Unicode characters, not UTF-16 units. */
function isLongerThan(text: string, characters: number): boolean {
  return text.length > characters && [...text].length > characters
}

function bytesOf(record: RecordToPut): number {
  return record.data.byteLength + Buffer.byteLength(record.partitionKey)
}

async function putOnce(
  client: KinesisClient,
  streamName: string,
  records: readonly RecordToPut[],
): Promise<Array<EntryOutcome<PutPlace>>> {
  const command = new PutRecordsCommand({
    StreamName: streamName,
    Records: records.map(({ partitionKey, data }) => ({ PartitionKey: partitionKey, Data: data })),
  })
  try {
    const answer = await client.send(command)
    return (answer.Records ?? []).map(outcomeOf)
  } catch (error) {
    const [only] = records
    if (records.length === 1 && only && bytesOf(only) > 1024 * 1024 && isValidation(error)) {
      return [{ status: 'refused', reason: 'too-large' }]
    }
    throw error
  }
}

function outcomeOf(entry: PutRecordsResultEntry): EntryOutcome<PutPlace> {
  if (entry.ErrorCode !== undefined && entry.ErrorCode !== null) return { status: 'retry', reason: entry.ErrorCode }
  return { status: 'accepted', value: { shardId: entry.ShardId ?? '', sequenceNumber: entry.SequenceNumber ?? '' } }
}

function isValidation(error: unknown): boolean {
  return error instanceof Error && (error.name === 'InvalidArgumentException' || error.name === 'ValidationException')
}
