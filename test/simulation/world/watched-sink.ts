// Sinks of one process, with what they took in common: lines are delivered one after the other, so a process that dies in
// between leaves a part behind, and one that dies before the answer has delivered what it does not know of.
import type { OutputLine, Receipt, Sink } from '../../../stream-service/src/sinks/sink.ts'
import type { Process } from './process.ts'

export type SinkFault = 'slow' | 'silent' | undefined

export class WatchedSink implements Sink {
  readonly #process: Process
  readonly #name: string
  readonly #fault: () => SinkFault
  readonly #deliver: (line: OutputLine) => void

  constructor(process: Process, name: string, fault: () => SinkFault, deliver: (line: OutputLine) => void) {
    this.#process = process
    this.#name = name
    this.#fault = fault
    this.#deliver = deliver
  }

  async publish(lines: readonly OutputLine[], signal: AbortSignal): Promise<readonly Receipt[]> {
    let next = 0
    while (next < lines.length) {
      // A sink retries by itself: faults only take time.
      while (this.#fault() === 'silent') await this.#process.timing.sleep(300, signal)
      const latencyMs = this.#fault() === 'slow' ? ([100, 2_000] as const) : ([1, 20] as const)
      const chance = this.#process.chance(4e6 + this.#process.operations)
      const until = chance.happens(0.7) ? lines.length : Math.min(lines.length, next + chance.between(1, 4))
      const part = lines.slice(next, until)
      next = until
      await this.#process.operate(
        `publish ${this.#name} ${part.length}`,
        () => {
          for (const line of part) this.#deliver(line)
        },
        { signal, latencyMs },
      )
    }
    return lines.map(() => ({ status: 'accepted' }))
  }

  async close(): Promise<void> {}
}
