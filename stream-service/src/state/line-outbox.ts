// Lines that no sink has accepted yet. They are part of every snapshot of whoever made them, so that a crash loses none; and
// each knows when it may go. A line that follows from the records alone comes out the same after a crash and a new start, so
// it goes at once. Any other line goes only after the snapshot that remembers it is durable, or a restart could publish
// another value under the same id and index.
import type { OutputLine } from '../sinks/sink.ts'

interface Entry extends OutputLine {
  /** It may go once the state of this epoch is durable. */
  readonly epoch: number
}

export class LineOutbox {
  readonly #limit: number
  #entries: Entry[] = []
  #durableEpoch = 0
  /** Resolvers of those who wait for lines to take, and for room. */
  readonly #waiting: { readonly is: () => boolean; readonly resolve: () => void }[] = []
  #isClosed = false

  /** `limit`: with this many lines or more waiting, `room` waits; what is being added is never cut. */
  constructor(limit: number, saved: SavedLines = []) {
    this.#limit = limit
    // Whatever a snapshot holds is durable.
    for (const [id, key, text] of saved) this.#entries.push({ id, key, text, epoch: 0 })
  }

  get size(): number {
    return this.#entries.length
  }

  /** Lines that may go once the state of `epoch` is durable; those of epoch 0 may go at once. */
  add(lines: readonly OutputLine[], epoch: number): void {
    for (const { id, key, text } of lines) this.#entries.push({ id, key, text, epoch })
    this.#wake()
  }

  /** The state up to an epoch is durable. */
  durable(epoch: number): void {
    this.#durableEpoch = epoch
    this.#wake()
  }

  /** Resolves once fewer lines than the limit are waiting, or the outbox is closed. */
  room(): Promise<void> {
    return this.#until(() => this.size < this.#limit || this.#isClosed)
  }

  /** The first lines that may go, at most `most`, in order; they stay until `accepted`. None once closed and empty of them. */
  async take(most: number): Promise<readonly OutputLine[]> {
    const mayGo = ({ epoch }: Entry) => epoch <= this.#durableEpoch
    await this.#until(() => this.#isClosed || this.#entries.some(mayGo))
    const lines: OutputLine[] = []
    for (const entry of this.#entries) {
      if (lines.length === most) break
      if (mayGo(entry)) lines.push(entry)
    }
    return lines
  }

  accepted(lines: readonly OutputLine[]): void {
    const gone = new Set(lines)
    this.#entries = this.#entries.filter((entry) => !gone.has(entry))
    this.#wake()
  }

  save(): SavedLines {
    return this.#entries.map(({ id, key, text }) => [id, key, text] as const)
  }

  /** Ends all waiting: `take` answers with what may go, `room` at once. */
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

export type SavedLines = readonly (readonly [id: string, key: string, text: string])[]
