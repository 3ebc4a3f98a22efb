// Lines that no sink has accepted yet. They are part of every snapshot of whoever made them, so that a crash loses none; and
// each knows when it may go. A line that follows from the records alone comes out the same after a crash and a new start, so
// it goes at once. Any other line goes only after the snapshot that remembers it is durable, or a restart could publish
// another value under the same id and index.
import type { OutputLine } from '../sinks/sink.ts'

/** Lines one behind the other as UTF-8, each with its line feed. */
interface LineBlock {
  readonly bytes: Buffer
  readonly count: number
}

/** Lines that were added together; they leave from the first on. */
interface Group {
  /** They may go once the state of this epoch is durable. */
  readonly epoch: number
  readonly lines: LineReader
}

/** Lines in order, made when they are asked for. */
interface LineReader {
  /** How many there are. */
  readonly size: number
  /** Adds the first lines to `to`, at most `most`. */
  read(most: number, to: OutputLine[]): void
  /** The first lines are not needed any more. */
  drop(count: number): void
}

export class LineOutbox {
  readonly #limit: number
  #groups: Group[] = []
  #size = 0
  /** What the last `take` took: so many lines each. */
  #taken: { readonly group: Group; readonly count: number }[] = []
  #durableEpoch = 0
  /** Resolvers of those who wait for lines to take, and for room. */
  readonly #waiting: { readonly is: () => boolean; readonly resolve: () => void }[] = []
  #isClosed = false

  /** `limit`: with this many lines or more waiting, `room` waits; what is being added is never cut. */
  constructor(limit: number, saved: SavedLines = []) {
    this.#limit = limit
    // Whatever a snapshot holds is durable.
    this.add(
      saved.map(([id, key, text]) => ({ id, key, text })),
      0,
    )
  }

  get size(): number {
    return this.#size
  }

  /** Lines that may go once the state of `epoch` is durable; those of epoch 0 may go at once. */
  add(lines: readonly OutputLine[], epoch: number): void {
    this.#add({ epoch, lines: new MadeLines(lines) })
  }

  /** The same for lines that stay bytes until they go; their ids are their keys. */
  addBlock(block: LineBlock, idOf: (text: string) => string, epoch: number): void {
    this.#add({ epoch, lines: new BlockLines(block, idOf) })
  }

  #add(group: Group): void {
    if (group.lines.size === 0) return
    this.#groups.push(group)
    this.#size += group.lines.size
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
    const mayGo = ({ epoch }: Group) => epoch <= this.#durableEpoch
    await this.#until(() => this.#isClosed || this.#groups.some(mayGo))
    const lines: OutputLine[] = []
    this.#taken = []
    for (const group of this.#groups) {
      if (lines.length === most) break
      if (!mayGo(group)) continue
      const before = lines.length
      group.lines.read(most - before, lines)
      this.#taken.push({ group, count: lines.length - before })
    }
    return lines
  }

  /** The first of the lines that were taken last have arrived. */
  accepted(lines: readonly OutputLine[]): void {
    let rest = lines.length
    for (const { group, count } of this.#taken) {
      const gone = Math.min(rest, count)
      group.lines.drop(gone)
      rest -= gone
      this.#size -= gone
    }
    this.#taken = []
    this.#groups = this.#groups.filter((group) => group.lines.size > 0)
    this.#wake()
  }

  save(): SavedLines {
    const lines: OutputLine[] = []
    for (const group of this.#groups) group.lines.read(group.lines.size, lines)
    return lines.map(({ id, key, text }) => [id, key, text] as const)
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

class MadeLines implements LineReader {
  readonly #lines: readonly OutputLine[]
  #at = 0

  constructor(lines: readonly OutputLine[]) {
    this.#lines = lines
  }

  get size(): number {
    return this.#lines.length - this.#at
  }

  read(most: number, to: OutputLine[]): void {
    const end = Math.min(this.#lines.length, this.#at + most)
    for (let i = this.#at; i < end; i++) to.push(this.#lines[i]!)
  }

  drop(count: number): void {
    this.#at += count
  }
}

class BlockLines implements LineReader {
  size: number
  readonly #bytes: Buffer
  readonly #idOf: (text: string) => string
  /** All lines, once somebody asked for one: parts of one string cost next to nothing. */
  #text: string | undefined
  /** Where in it the first line begins. */
  #at = 0

  constructor({ bytes, count }: LineBlock, idOf: (text: string) => string) {
    this.size = count
    this.#bytes = bytes
    this.#idOf = idOf
  }

  get #whole(): string {
    this.#text ??= this.#bytes.toString('utf8')
    return this.#text
  }

  read(most: number, to: OutputLine[]): void {
    const whole = this.#whole
    let at = this.#at
    for (let i = Math.min(most, this.size); i > 0; i--) {
      const end = whole.indexOf('\n', at)
      const text = whole.slice(at, end)
      const id = this.#idOf(text)
      to.push({ id, key: id, text })
      at = end + 1
    }
  }

  drop(count: number): void {
    const whole = this.#whole
    for (let i = count; i > 0; i--) this.#at = whole.indexOf('\n', this.#at) + 1
    this.size -= count
  }
}

export type SavedLines = readonly (readonly [id: string, key: string, text: string])[]
