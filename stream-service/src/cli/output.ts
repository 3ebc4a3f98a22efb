// Lines on their way to a file or to standard output, in large pieces, no faster than the other side takes them.
import { closeSync, openSync, writeSync } from 'node:fs'
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
  /** A file is written at once, which costs less than to wait for it; a stream takes what it likes. */
  readonly #target: number | Writable
  #failure: unknown
  #block = Buffer.allocUnsafeSlow(blockBytes)
  #used = 0
  #isFull = false
  /** The reader of standard output has gone away, as `head` does; there is nobody left to write for. */
  isClosed = false

  private constructor(name: string, target: number | Writable) {
    this.#name = name
    this.#target = target
    if (typeof target === 'number') return
    target.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') this.isClosed = true
      else this.#failure = error
    })
  }

  /** Opens a file for writing from its start, or standard output for '-'. */
  static open(path: string): LineOutput {
    if (path === '-') return new LineOutput('standard output', process.stdout)
    try {
      return new LineOutput(path, openSync(path, 'w'))
    } catch (error) {
      throw new OutputError(path, error)
    }
  }

  /** Takes lines that end with a line feed each; the bytes may change after the call. `flush` has to follow now and then. */
  write(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.isClosed) return
    if (bytes.length > this.#block.length - this.#used) {
      this.#hand(this.#takeBlock())
      if (bytes.length > blockBytes / 2) {
        this.#hand(typeof this.#target === 'number' ? bytes : Buffer.from(bytes))
        return
      }
    }
    this.#block.set(bytes, this.#used)
    this.#used += bytes.length
  }

  writeLine(line: string): void {
    this.write(Buffer.from(`${line}\n`))
  }

  /** Hands on what was written so far, so that whoever reads along sees it, and resolves when more can be taken. */
  async flush(): Promise<void> {
    this.#hand(this.#takeBlock())
    if (this.#isFull && !this.isClosed) await this.#drained()
    this.#check()
  }

  #takeBlock(): Buffer {
    const full = this.#block.subarray(0, this.#used)
    this.#used = 0
    // A stream keeps what it was given until it is written.
    if (full.length > 0 && typeof this.#target !== 'number') this.#block = Buffer.allocUnsafeSlow(blockBytes)
    return full
  }

  #hand(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.isClosed) return
    this.#check()
    if (typeof this.#target !== 'number') {
      if (!this.#target.write(bytes)) this.#isFull = true
      return
    }
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#target, bytes, at)
    } catch (error) {
      throw new OutputError(this.#name, error)
    }
  }

  /** Resolves when the stream takes more, or will never do so again. */
  #drained(): Promise<void> {
    const stream = this.#target as Writable
    this.#isFull = false
    if (!stream.writableNeedDrain) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        for (const event of ['drain', 'close', 'error']) stream.off(event, done)
        resolve()
      }
      for (const event of ['drain', 'close', 'error']) stream.on(event, done)
    })
  }

  async close(): Promise<void> {
    await this.flush()
    // Standard output stays open.
    if (typeof this.#target === 'number') closeSync(this.#target)
  }

  #check(): void {
    if (this.#failure !== undefined) throw new OutputError(this.#name, this.#failure)
  }
}
