// When each line of a file that is being written arrived: when it could be read. The file is read as soon as the system
// tells of a change.
import { closeSync, type FSWatcher, openSync, readSync, watch } from 'node:fs'

export class LineArrivals {
  readonly #file: number
  readonly #watcher: FSWatcher
  readonly #buffer = Buffer.allocUnsafeSlow(1 << 20)
  /** So many lines were there at that time. */
  readonly #marks: { readonly lines: number; readonly at: number }[] = []
  #lines = 0
  #onLines = () => {}

  /** The file has to be there, empty. */
  constructor(path: string) {
    this.#file = openSync(path, 'r')
    this.#watcher = watch(path, () => this.#read())
  }

  #read(): void {
    for (;;) {
      const read = readSync(this.#file, this.#buffer, 0, this.#buffer.length, null)
      if (read === 0) break
      const at = performance.now()
      for (let end = this.#nextEnd(0, read); end >= 0; end = this.#nextEnd(end + 1, read)) this.#lines++
      this.#marks.push({ lines: this.#lines, at })
    }
    this.#onLines()
  }

  #nextEnd(from: number, to: number): number {
    const end = this.#buffer.indexOf(10, from)
    return end < to ? end : -1
  }

  /** Resolves when so many lines have arrived, or after a time. */
  async wait(lines: number, patienceMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, patienceMs)
    this.#onLines = () => {
      if (this.#lines >= lines) resolve()
    }
    this.#onLines()
    await promise
    clearTimeout(timer)
  }

  /** By line, milliseconds on the clock of `performance.now`. */
  perLine(): Float64Array {
    const times = new Float64Array(this.#lines)
    let before = 0
    for (const { lines, at } of this.#marks) {
      times.fill(at, before, lines)
      before = lines
    }
    return times
  }

  close(): void {
    this.#watcher.close()
    closeSync(this.#file)
  }
}
