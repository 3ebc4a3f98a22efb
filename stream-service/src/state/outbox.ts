// What the engine has produced and no sink has accepted yet. It is part of every snapshot, so that a crash loses no line;
// and it decides when a line may go. Settled panes and refused records come out the same after a crash and a new start, so
// they go at once. Any other pane is a revision whose number depends on timing: it goes only after the snapshot that
// remembers it is durable, or a restart could publish another value under the same id and index.
import type { Emission } from '../engine/emission.ts'
import { paneIdOf } from '../engine/emission.ts'
import { refusedLine } from '../sinks/refused-line.ts'
import type { OutputLine } from '../sinks/sink.ts'

export type Channel = 'panes' | 'refused'

interface Entry extends OutputLine {
  readonly channel: Channel
  /** May go before the next snapshot. */
  isFree: boolean
}

export class Outbox {
  readonly #limit: number
  readonly #entries: Record<Channel, Entry[]> = { panes: [], refused: [] }
  /** Resolvers of those who wait for lines to take, and for room. */
  readonly #waiting: { readonly is: () => boolean; readonly resolve: () => void }[] = []
  #isClosed = false

  /** `limit`: with this many lines or more waiting, `room` waits; what is being added is never cut. */
  constructor(limit: number, saved: readonly SavedLine[] = []) {
    this.#limit = limit
    // Whatever a snapshot holds is durable.
    for (const [channel, id, key, text] of saved) this.#entries[channel].push({ channel, id, key, text, isFree: true })
  }

  get size(): number {
    return this.#entries.panes.length + this.#entries.refused.length
  }

  add(emissions: readonly Emission[]): void {
    for (const emission of emissions) {
      if (emission.kind === 'panes') {
        for (const text of emission.lines) {
          const id = paneIdOf(text)
          this.#entries.panes.push({ channel: 'panes', id, key: id, text, isFree: emission.settled })
        }
      } else {
        const { query, shardId, position } = emission
        const id = `${emission.kind} ${query} ${shardId} ${position}`
        this.#entries.refused.push({ channel: 'refused', id, key: shardId, text: refusedLine(emission), isFree: true })
      }
    }
    this.#wake()
  }

  /** Resolves once fewer lines than the limit are waiting, or the outbox is closed. */
  room(): Promise<void> {
    return this.#until(() => this.size < this.#limit || this.#isClosed)
  }

  /** The first lines of a channel that may go, at most `most`, in order; they stay until `accepted`. Empty once closed. */
  async take(channel: Channel, most: number): Promise<readonly OutputLine[]> {
    await this.#until(() => this.#isClosed || this.#entries[channel].some(({ isFree }) => isFree))
    const free: OutputLine[] = []
    for (const entry of this.#entries[channel]) {
      if (free.length === most) break
      if (entry.isFree) free.push(entry)
    }
    return free
  }

  accepted(channel: Channel, lines: readonly OutputLine[]): void {
    const gone = new Set(lines)
    this.#entries[channel] = this.#entries[channel].filter((entry) => !gone.has(entry))
    this.#wake()
  }

  /** All lines, for a snapshot; `freeUpTo` releases them once it is durable. */
  save(): { readonly lines: readonly SavedLine[]; readonly freeAll: () => void } {
    const entries = [...this.#entries.panes, ...this.#entries.refused]
    return {
      lines: entries.map(({ channel, id, key, text }): SavedLine => [channel, id, key, text]),
      freeAll: () => {
        for (const entry of entries) entry.isFree = true
        this.#wake()
      },
    }
  }

  /** Ends all waiting: `take` answers with what is free, `room` at once. */
  close(): void {
    this.#isClosed = true
    this.#wake()
  }

  #until(is: () => boolean): Promise<void> {
    if (is()) return Promise.resolve()
    return new Promise((resolve) => {
      this.#waiting.push({ is, resolve })
    })
  }

  #wake(): void {
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      const { is, resolve } = this.#waiting[i]!
      if (!is()) continue
      this.#waiting.splice(i, 1)
      resolve()
    }
  }
}

export type SavedLine = readonly [channel: Channel, id: string, key: string, text: string]
