// Lines of text from a file and to a file, for the contestants that are Node programs and for the check of their output.
import { closeSync, openSync, readSync, writeSync } from 'node:fs'

const blockBytes = 1 << 20

/**
 * Calls `each` with every line of a file and returns how many there were. A block of 1 MiB is decoded at once and its lines
 * are slices of it: that takes about 15 % less time with JSON.parse than to decode line by line.
 */
export function forEachLine(path: string, each: (line: string) => void): number {
  const file = openSync(path, 'r')
  let buffer = Buffer.allocUnsafe(blockBytes)
  let kept = 0
  let lines = 0
  try {
    for (;;) {
      if (kept === buffer.length) buffer = Buffer.concat([buffer], 2 * buffer.length)
      const read = readSync(file, buffer, kept, buffer.length - kept, null)
      const filled = kept + read
      const stop = read === 0 ? filled : buffer.subarray(0, filled).lastIndexOf(10) + 1
      const text = buffer.toString('utf8', 0, stop)
      let start = 0
      while (start < text.length) {
        const end = text.indexOf('\n', start)
        const stopAt = end < 0 ? text.length : end
        each(text.slice(start, stopAt))
        lines++
        start = stopAt + 1
      }
      if (read === 0) return lines
      buffer.copyWithin(0, stop, filled)
      kept = filled - stop
    }
  } finally {
    closeSync(file)
  }
}

const pendingCharacters = 1 << 18

export class LineWriter {
  readonly #file: number
  #pending = ''

  constructor(path: string) {
    this.#file = openSync(path, 'w')
  }

  readonly write = (line: string): void => {
    this.#pending += `${line}\n`
    if (this.#pending.length < pendingCharacters) return
    writeAll(this.#file, this.#pending)
    this.#pending = ''
  }

  close(): void {
    writeAll(this.#file, this.#pending)
    closeSync(this.#file)
  }
}

/** A single write may take only a part. */
function writeAll(file: number, text: string): void {
  const bytes = Buffer.from(text)
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
}
