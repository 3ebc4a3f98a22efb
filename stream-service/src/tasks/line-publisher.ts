// Empties outboxes into a sink, one call at a time; lines that are refused for good go to the dead letters, whole.
import type { OutputLine, Sink } from '../sinks/sink.ts'
import type { LineOutbox } from '../state/line-outbox.ts'
import { Exclusive } from './exclusive.ts'
import type { ServiceLogger } from './service-logger.ts'

const linesPerPublish = 500

export interface LinePublisherOptions {
  /** For messages and dead letters. */
  readonly channel: string
  readonly sink: Sink
  readonly deadLetters: Sink
  readonly logger: ServiceLogger
  readonly signal: AbortSignal
}

export class LinePublisher {
  readonly #options: LinePublisherOptions
  readonly #calls = new Exclusive()

  constructor(options: LinePublisherOptions) {
    this.#options = options
  }

  /**
   * Publishes until the outbox is closed and has nothing that may go, or `signal` aborts: what is left then is in a snapshot.
   * Rejects when the sink cannot work at all.
   */
  async empty(outbox: LineOutbox, onDelivered: () => void): Promise<void> {
    const { signal } = this.#options
    try {
      for (;;) {
        const lines = await outbox.take(linesPerPublish)
        if (lines.length === 0) return
        await this.#calls.run(() => this.#publish(lines))
        outbox.accepted(lines)
        onDelivered()
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  async #publish(lines: readonly OutputLine[]): Promise<void> {
    const { sink, signal, channel, logger, deadLetters } = this.#options
    signal.throwIfAborted()
    const receipts = await sink.publish(lines, signal)
    const letters = lines.flatMap((line, i): OutputLine[] => {
      const receipt = receipts[i]!
      if (receipt.status !== 'refused') return []
      const { id, key, text } = line
      const { reason } = receipt
      logger.error({ id, channel, reason }, 'a line was refused and goes to the dead letters')
      return [{ id, key, text: JSON.stringify({ id, channel, reason, line: text }) }]
    })
    if (letters.length > 0) await deadLetters.publish(letters, signal)
  }
}
