// What a running command says on standard error: on a terminal one line that is redrawn, elsewhere a line now and then, so
// that logs stay short. Messages stand above the line.

const redrawMs = 100
const lineMs = 5_000

export interface ProgressOutput {
  readonly isTTY?: boolean
  write(text: string): unknown
}

export class Progress {
  readonly #output: ProgressOutput
  readonly #now: () => number
  readonly #everyMs: number
  readonly #isTerminal: boolean
  #text = ''
  #shownAt: number

  constructor(output: ProgressOutput = process.stderr, now: () => number = () => performance.now()) {
    this.#output = output
    this.#now = now
    this.#isTerminal = output.isTTY === true
    this.#everyMs = this.#isTerminal ? redrawMs : lineMs
    this.#shownAt = this.#isTerminal ? Number.NEGATIVE_INFINITY : now()
  }

  /** Shows how far things are; most calls show nothing, since the last one is fresh enough. */
  show(text: () => string): void {
    const now = this.#now()
    if (now - this.#shownAt < this.#everyMs) return
    this.#shownAt = now
    this.#text = text()
    this.#output.write(this.#isTerminal ? `\r\x1b[K${this.#text}` : `${this.#text}\n`)
  }

  /** Writes a line that stays. */
  say(line: string): void {
    if (!this.#isTerminal) this.#output.write(`${line}\n`)
    else this.#output.write(`\r\x1b[K${line}\n${this.#text}`)
  }

  /** Takes the redrawn line away. */
  clear(): void {
    if (this.#isTerminal && this.#text !== '') this.#output.write('\r\x1b[K')
    this.#text = ''
  }
}
