// A stream that is all there already: the lines of a file in a few shards, in turn. A shard's next batch is made, as a source
// makes it of what it has read, when there is a credit for it; after the last one its reads come back empty and caught up.
import { setImmediate as turn } from 'node:timers/promises'
import { Observable } from 'rxjs'
import type { CreditGate } from '../../../stream-service/src/operators/credit-gate.ts'
import type { StreamRecord } from '../../../stream-service/src/records/record.ts'
import type {
  KnownShard,
  RecordBatch,
  ShardSession,
  ShardSource,
} from '../../../stream-service/src/sources/shard-source.ts'

/** As GetRecords gives them under load. */
const batchRecords = 1_000

/** A shard's records in batches: each has where its lines begin and end, by turns. */
export type CutShard = readonly (readonly number[])[]

/** Lines go to the shards in turn. */
export function cutShards(bytes: Buffer, shardCount: number): CutShard[] {
  const shards: number[][][] = Array.from({ length: shardCount }, () => [[]])
  let line = 0
  for (let start = 0; start < bytes.length; line++) {
    const end = bytes.indexOf(10, start)
    const own = shards[line % shardCount]!
    if (own.at(-1)!.length === 2 * batchRecords) own.push([])
    own.at(-1)!.push(start, end)
    start = end + 1
  }
  return shards
}

export class ReadySource implements ShardSource {
  readonly initialShards: Promise<readonly KnownShard[]>
  readonly #bytes: Buffer
  readonly #shards: ReadonlyMap<string, CutShard>
  readonly #gate: (shardId: string) => CreditGate
  readonly #onRead: (records: number) => void
  #recordsRead = 0
  readonly #stopping = new AbortController()

  /** `onRead`: told how many records have been read by now. */
  constructor(options: {
    readonly bytes: Buffer
    readonly shards: readonly CutShard[]
    readonly gate: (shardId: string) => CreditGate
    readonly onRead: (records: number) => void
  }) {
    this.#bytes = options.bytes
    this.#shards = new Map(options.shards.map((cut, i) => [`shard-${i}`, cut]))
    this.#gate = options.gate
    this.#onRead = options.onRead
    this.initialShards = Promise.resolve(this.openShards())
  }

  openShards(): readonly KnownShard[] {
    return [...this.#shards.keys()].map((shardId) => ({ shardId, parentShardIds: [] }))
  }

  shards(): Observable<ShardSession> {
    return new Observable((subscriber) => {
      for (const [shardId, cut] of this.#shards) subscriber.next(this.#session(shardId, cut))
      this.#stopping.signal.addEventListener('abort', () => subscriber.complete())
    })
  }

  #session(shardId: string, cut: CutShard): ShardSession {
    const gate = this.#gate(shardId)
    return {
      shardId,
      parentShardIds: [],
      startAfter: undefined,
      batches: new Observable((subscriber) => {
        this.#read(gate, cut, (batch) => subscriber.next(batch)).then(
          () => subscriber.complete(),
          (error) => subscriber.error(error),
        )
      }),
      checkpoint: async () => {},
      released: Promise.resolve('shutdown'),
    }
  }

  async #read(gate: CreditGate, cut: CutShard, onBatch: (batch: RecordBatch) => void): Promise<void> {
    const { signal } = this.#stopping
    for (const batch of cut) {
      await gate.take(signal)
      // Whatever is read from elsewhere takes a turn of the event loop at least.
      await turn()
      this.#recordsRead += batch.length / 2
      this.#onRead(this.#recordsRead)
      onBatch({ records: this.#recordsOf(batch), millisBehindLatest: 1 })
    }
    await gate.take(signal)
    onBatch({ records: [], millisBehindLatest: 0 })
    await new Promise((resolve) => {
      if (signal.aborted) resolve(undefined)
      signal.addEventListener('abort', resolve)
    })
  }

  #recordsOf(batch: readonly number[]): StreamRecord[] {
    const records: StreamRecord[] = []
    for (let i = 0; i < batch.length; i += 2) {
      const [start, end] = [batch[i]!, batch[i + 1]!]
      records.push({
        position: `${start}`,
        partitionKey: '',
        arrivedAt: undefined,
        data: this.#bytes.subarray(start, end),
      })
    }
    return records
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
  }
}
