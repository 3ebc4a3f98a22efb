// The exchange between tasks: a log per partition. What is put may be there twice, but never before what was put earlier;
// partitions are held by lease like shards.
import type { Exchange } from '../../../stream-service/src/exchange/exchange.ts'
import type { CreditGate } from '../../../stream-service/src/operators/credit-gate.ts'
import type { ShardSource } from '../../../stream-service/src/sources/shard-source.ts'
import { LeasedSource, type LeasedSourceOptions } from './leased-source.ts'

export class ExchangeModel implements Exchange {
  readonly #options: Omit<LeasedSourceOptions, 'gate'>
  readonly #areFlawed: () => boolean

  constructor(options: Omit<LeasedSourceOptions, 'gate'>, areFlawed: () => boolean) {
    this.#options = options
    this.#areFlawed = areFlawed
  }

  get partitions(): number {
    return this.#options.stream.shards.size
  }

  async put(partition: number, lane: string, messages: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const { process } = this.#options
    let from = 0
    while (from < messages.length) {
      const first = from
      from = await process.operate(
        `put ${lane} to ${partition}, ${messages.length - first}`,
        () => {
          const chance = process.chance(5e6 + process.operations)
          const arrives = (i: number) => this.#append(partition, messages[i]!)
          if (!this.#areFlawed() || chance.happens(0.5)) {
            for (let i = first; i < messages.length; i++) arrives(i)
            // A call whose answer is lost is made again.
            return this.#areFlawed() && chance.happens(0.3) ? first : messages.length
          }
          // One was refused; whoever puts goes on with it.
          let at = first
          while (at < messages.length && chance.happens(0.5)) arrives(at++)
          return at
        },
        { signal },
      )
    }
  }

  #append(partition: number, message: Uint8Array): void {
    const { stream, process } = this.#options
    const shardId = [...stream.shards.keys()][partition]!
    stream.append(shardId, {}, Buffer.from(message), process.scheduler.now)
  }

  source(gate: (shardId: string) => CreditGate): ShardSource {
    return new LeasedSource({ ...this.#options, gate })
  }

  partitionOf(shardId: string): number {
    return [...this.#options.stream.shards.keys()].indexOf(shardId)
  }
}
