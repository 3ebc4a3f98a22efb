// Puts visits to the shop into a stream at a steady rate, each a little in the past and out of order, and books what stands on
// which shard since when.
import { setTimeout as sleep } from 'node:timers/promises'
import type { KinesisClient } from '@aws-sdk/client-kinesis'
import { putRecords, putRecordsLimits } from '@millrace/shared/put-records'
import { ProcessError } from '../processes.ts'
import { Random } from '../random.ts'
import { shopEvents } from '../shop-events.ts'
import type { RecordPut, WindowsPut } from './windows-put.ts'

/** The records of so long a time go in one call. */
const sliceMs = 20

export interface LiveProducerOptions {
  readonly client: KinesisClient
  readonly streamName: string
  readonly recordsPerSecond: number
  readonly seed: number
  /** Event times lie less than that in the past. */
  readonly outOfOrdernessMs: number
  readonly windows: WindowsPut
}

export class LiveProducer {
  readonly #options: LiveProducerOptions
  readonly #next: () => string
  readonly #random: Random

  constructor(options: LiveProducerOptions) {
    this.#options = options
    this.#next = shopEvents(options.seed)
    this.#random = new Random(options.seed)
  }

  /** Puts for so many seconds, and longer when the stream does not keep up. Resolves with how long it took. */
  async put(seconds: number): Promise<{ readonly records: number; readonly putMs: number }> {
    const { recordsPerSecond } = this.#options
    const records = recordsPerSecond * seconds
    const startedAt = performance.now()
    for (let put = 0; put < records; ) {
      const elapsedMs = performance.now() - startedAt
      const due = Math.min(Math.floor((recordsPerSecond * elapsedMs) / 1_000), records) - put
      if (due > 0) put += await this.#putSome(Math.min(due, putRecordsLimits.records))
      const untilNextMs = sliceMs - ((performance.now() - startedAt) % sliceMs)
      if (due < putRecordsLimits.records) await sleep(untilNextMs)
    }
    return { records, putMs: performance.now() - startedAt }
  }

  async #putSome(count: number): Promise<number> {
    const { client, streamName, windows } = this.#options
    const records = Array.from({ length: count }, () => this.#makeRecord())
    const results = await putRecords({ client, streamName, records })
    const put = results.map((result, i): RecordPut => {
      if (result.status !== 'accepted') throw new ProcessError(`a record was not taken: ${result.reason}`, '')
      const { eventTime, page, value } = records[i]!
      return { shardId: result.value.shardId, eventTime, page, value }
    })
    windows.take(put, performance.now())
    return count
  }

  #makeRecord() {
    const eventTime = Date.now() - this.#random.below(this.#options.outOfOrdernessMs)
    const event = { ...JSON.parse(this.#next()), ts: eventTime } as { userId: string; page: string; value: number }
    const { userId, page, value } = event
    return { partitionKey: userId, data: Buffer.from(JSON.stringify(event)), eventTime, page, value }
  }
}
