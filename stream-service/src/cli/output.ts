// Lines on their way to a file or to standard output, in large pieces, no faster than the other side takes them.
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Writable } from 'node:stream'

/** The output cannot be written; `message` names it and says why. */
export class OutputError extends Error {
  readonly code = 'OUTPUT_UNWRITABLE'

  constructor(name: string, cause: unknown) {
    super(`${name}: cannot be written: ${(cause as Error).message}`, { cause })
    this.name = 'OutputError'
  }
}

export class LineOutput {
  readonly #name: string
  readonly #stream: Writable
  #failure: unknown
  /** The reader of standard output has gone away, as `head` does; there is nobody left to write for. */
  isClosed = false

  private constructor(name: string, stream: Writable) {
    this.#name = name
    this.#stream = stream
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (stream === process.stdout && error.code === 'EPIPE') this.isClosed = true
      else this.#failure = error
    })
  }

  /** Opens a file for writing from its start, or standard output for '-'. */
  static async open(path: string): Promise<LineOutput> {
    if (path === '-') return new LineOutput('standard output', process.stdout)
    try {
      const handle = await open(path, 'w')
      return new LineOutput(path, createWriteStream(path, { fd: handle, highWaterMark: 1 << 20 }))
    } catch (error) {
      throw new OutputError(path, error)
    }
  }

  async write(lines: readonly string[]): Promise<void> {
    if (lines.length === 0 || this.isClosed) return
    this.#check()
    if (!this.#stream.write(`${lines.join('\n')}\n`)) await this.#drained()
    this.#check()
  }

  /** Resolves when the stream takes more, or will never do so again. */
  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        for (const event of ['drain', 'close', 'error']) this.#stream.off(event, done)
        resolve()
      }
      for (const event of ['drain', 'close', 'error']) this.#stream.on(event, done)
    })
  }

  async close(): Promise<void> {
    if (this.#stream !== process.stdout) {
      this.#stream.end()
      await once(this.#stream, 'close').catch(() => {})
    }
    this.#check()
  }

  #check(): void {
    if (this.#failure !== undefined) throw new OutputError(this.#name, this.#failure)
  }
}
