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

const blockBytes = 1 << 18

export class LineOutput {
  readonly #name: string
  readonly #stream: Writable
  #failure: unknown
  #block = Buffer.allocUnsafeSlow(blockBytes)
  #used = 0
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
    for (const line of lines) {
      // A character takes three bytes at most in UTF-8, counted in UTF-16 units.
      if (this.#block.length - this.#used < 3 * line.length + 1) await this.#flush(3 * line.length + 1)
      this.#used += this.#block.write(line, this.#used)
      this.#block[this.#used++] = 10
    }
    this.#check()
  }

  /** Writes whole lines, whose bytes are not changed afterwards. */
  async writeBytes(bytes: Buffer): Promise<void> {
    if (bytes.length === 0 || this.isClosed) return
    this.#check()
    await this.flush()
    if (!this.#stream.write(bytes)) await this.#drained()
    this.#check()
  }

  /** Hands on what was written so far, so that whoever reads along sees it. */
  async flush(): Promise<void> {
    if (this.#used > 0 && !this.isClosed) await this.#flush(0)
  }

  /** Hands the block to the stream, and makes a new one that holds at least `bytes`. */
  async #flush(bytes: number): Promise<void> {
    const full = this.#block.subarray(0, this.#used)
    // The stream keeps what it was given until it is written, so only the rest of the block may be used again.
    const rest = this.#block.subarray(this.#used)
    this.#block = rest.length > bytes ? rest : Buffer.allocUnsafeSlow(Math.max(blockBytes, bytes))
    this.#used = 0
    if (full.length > 0 && !this.#stream.write(full)) await this.#drained()
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
    await this.flush()
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
