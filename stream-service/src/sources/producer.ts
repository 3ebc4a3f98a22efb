// Puts records into a stream at a steady rate: `produce` and the sample traffic of `dev`.
import type { KinesisClient } from '@aws-sdk/client-kinesis'
import { cloudEvent } from '@millrace/shared/cloud-events'
import { toAwsError } from '@millrace/shared/errors'
import { type PutResult, putRecords, putRecordsLimits, type RecordToPut } from '@millrace/shared/put-records'
import { type Retry, systemTiming, type Timing } from '@millrace/shared/retry'
import { sampleEvent } from './sample-events.ts'

export interface ProducerOptions {
  readonly client: KinesisClient
  readonly streamName: string
  /** For messages: where the client goes. */
  readonly endpoint?: string | undefined
  /** Pulled only as they are due, so that an endless one is fine. */
  readonly events: Iterable<RecordToPut> | AsyncIterable<RecordToPut>
  /** Records a second. Default: as fast as the stream takes them. */
  readonly rate?: number | undefined
  /** Ends the producing after the call under way, whose result is still counted. */
  readonly signal?: AbortSignal | undefined
  onProgress?(progress: ProducerProgress): void
  /** A record that the stream does not take, and why. */
  onRefused?(record: RecordToPut, reason: string): void
  readonly timing?: Timing
}

export interface ProducerProgress {
  readonly put: number
  /** Refused by the stream. */
  readonly failed: number
  /** Not accepted yet when the producing was ended. */
  readonly unfinished: number
  /** Records that were sent again, each time counted. */
  readonly retries: number
  readonly elapsedMs: number
}

/** How long the records of one slice are: short enough to look smooth, long enough to fill calls. */
const sliceMs = 50
/** After a stall at most so much is caught up at once. */
const burstMs = 1_000
/** Attempts before the first record has gone in; later failures are sat out. */
const firstAttempts = 5

/**
 * Puts events until they end or `signal` aborts; resolves with the final count. The records of a partition key are put
 * in order. Rejects with an `AwsError` when the stream cannot be written, or cannot be reached at the start.
 */
export async function runProducer(options: ProducerOptions): Promise<ProducerProgress> {
  const { signal, timing = systemTiming } = options
  const producer = new Producer(options, timing)
  const pull = puller(options.events, timing)
  const rate = options.rate ?? Number.POSITIVE_INFINITY
  let due = 0
  let last = timing.now()
  let isOver = false

  while (!isOver && !signal?.aborted) {
    const now = timing.now()
    due = Math.min(due + (rate * Math.max(now - last, 0)) / 1_000, Math.max(1, (rate * burstMs) / 1_000))
    last = now
    if (rate === Number.POSITIVE_INFINITY) due = putRecordsLimits.records
    while (due >= 1 && !isOver && !signal?.aborted) {
      const { records, isLast } = await pull(Math.min(Math.floor(due), putRecordsLimits.records))
      isOver = isLast
      due -= records.length
      if (records.length === 0) break
      await producer.put(records)
    }
    if (rate !== Number.POSITIVE_INFINITY && !isOver) {
      await timing.sleep(sliceMs - ((timing.now() - now) % sliceMs), signal).catch(() => {})
    }
  }
  return producer.progress()
}

/** Sample events as records, keyed by user, in the envelope that the capture functions make; each made when pulled. Endless. */
export function* sampleRecords(options: { seed: number; now?: () => number }): Generator<RecordToPut, never, void> {
  const now = options.now ?? Date.now
  for (let index = 0; ; index++) {
    const timeMs = now()
    const event = sampleEvent({ seed: options.seed, index, nowMs: timeMs })
    const envelope = cloudEvent({ id: event.eventId, source: '/millrace/sample', type: event.type, timeMs }, event)
    yield { partitionKey: event.userId, data: Buffer.from(JSON.stringify(envelope)) }
  }
}

class Producer {
  readonly #options: ProducerOptions
  readonly #timing: Timing
  readonly #begunAt: number
  #put = 0
  #failed = 0
  #unfinished = 0
  #retries = 0
  #callError: unknown

  constructor(options: ProducerOptions, timing: Timing) {
    this.#options = options
    this.#timing = timing
    this.#begunAt = timing.now()
  }

  progress(): ProducerProgress {
    return {
      put: this.#put,
      failed: this.#failed,
      unfinished: this.#unfinished,
      retries: this.#retries,
      elapsedMs: this.#timing.now() - this.#begunAt,
    }
  }

  async put(records: readonly RecordToPut[]): Promise<void> {
    const { client, streamName, endpoint, signal, onProgress } = this.#options
    const isFirst = this.#put + this.#failed === 0
    const results = await putRecords({
      client,
      streamName,
      endpoint,
      records,
      signal,
      timing: this.#timing,
      onRetry: (retry) => this.#retried(retry),
      ...(isFirst ? { maxAttempts: firstAttempts } : {}),
    })
    if (isFirst && !signal?.aborted && results.every(({ status }) => status === 'abandoned')) this.#cannotStart(results)
    for (const [at, result] of results.entries()) {
      if (result.status === 'accepted') this.#put++
      else if (result.status === 'abandoned' && signal?.aborted) this.#unfinished++
      else {
        this.#failed++
        this.#options.onRefused?.(records[at] as RecordToPut, result.reason)
      }
    }
    onProgress?.(this.progress())
  }

  #retried({ entries, callError }: Retry): void {
    this.#retries += entries
    this.#callError = callError
    this.#options.onProgress?.(this.progress())
  }

  #cannotStart(results: readonly PutResult[]): never {
    const { streamName, endpoint } = this.#options
    const [first] = results
    const error = this.#callError ?? new Error(first?.status === 'abandoned' ? first.reason : 'no record was taken')
    throw toAwsError(error, { what: 'put records into the stream', streamName, endpoint })
  }
}

interface Pulled {
  readonly records: RecordToPut[]
  /** The events are over. */
  readonly isLast: boolean
}

/**
 * Takes up to `count` records at a time, no more than one call takes in bytes, and no more than come within a slice: the
 * lines of a pipe go on as they come.
 */
function puller(events: Iterable<RecordToPut> | AsyncIterable<RecordToPut>, timing: Timing) {
  const iterator = Symbol.asyncIterator in events ? events[Symbol.asyncIterator]() : events[Symbol.iterator]()
  /** Asked for, and not come yet. */
  let pending: Promise<IteratorResult<RecordToPut>> | undefined

  return async (count: number): Promise<Pulled> => {
    const records: RecordToPut[] = []
    const ending = new AbortController()
    let patience: Promise<undefined> | undefined
    try {
      for (let bytes = 0; records.length < count && bytes < putRecordsLimits.bytes; ) {
        const asked = pending ?? iterator.next()
        let next = 'then' in asked ? undefined : asked
        if (next === undefined) {
          pending = asked as Promise<IteratorResult<RecordToPut>>
          patience ??= timing.sleep(sliceMs, ending.signal).then(nothing, nothing)
          next = await Promise.race([pending, patience])
          if (next === undefined) break
          pending = undefined
        }
        if (next.done) return { records, isLast: true }
        records.push(next.value)
        bytes += next.value.data.byteLength
      }
      return { records, isLast: false }
    } finally {
      ending.abort()
    }
  }
}

function nothing(): undefined {}
