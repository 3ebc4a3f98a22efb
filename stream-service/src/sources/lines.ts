// Cuts blocks of bytes into lines without copying: a line is a range of a block, and only one that spans two blocks is put
// together. Lines end with LF or CRLF; blank ones are skipped but count as line numbers.
import { isUtf8 } from 'node:buffer'

export interface LineHandler {
  /** One line, without its end: `bytes[start, end)`. The bytes may be reused after the call. */
  line(bytes: Buffer, start: number, end: number, isKnownUtf8: boolean, lineNumber: number): void
  /** A line beyond the limit; `head` is its beginning and `length` how many bytes it had. */
  tooLong(head: Buffer, length: number, lineNumber: number): void
  /**
   * For a handler that can tell where a line ends while it reads it, which saves looking for line feeds: takes lines from
   * `start` on, of valid UTF-8, that end before `stop`, and returns how many. `takenUpTo` is where the line feed of the last
   * one is. On 0 the line goes to `line`. The same object always has the same bytes.
   */
  takeLines?(bytes: Buffer, start: number, stop: number, lineNumber: number): number
  takenUpTo?: number
}

/** The largest record that Kinesis takes, 10 MiB (Amazon Kinesis Data Streams, "Quotas and limits"). */
export const maxLineBytes = 10 * 1024 * 1024
/** How much of a line beyond the limit is kept. */
const keptBytes = 64 * 1024

export class LineCutter {
  readonly #handler: LineHandler
  #lineNumber = 0
  /** The beginning of a line whose end has not come yet. */
  #head: Buffer[] = []
  #headBytes = 0

  constructor(handler: LineHandler) {
    this.#handler = handler
  }

  /** Takes the next block, whose bytes may be reused after the call, and hands on every line that ends in it. */
  push(block: Buffer): void {
    let start = 0
    const firstEnd = block.indexOf(10)
    if (firstEnd < 0) {
      this.#keep(block)
      return
    }
    if (this.#headBytes > 0) {
      this.#keep(block.subarray(0, firstEnd))
      this.#finish()
      start = firstEnd + 1
    }
    const stop = block.lastIndexOf(10) + 1
    const isKnownUtf8 = isUtf8(block.subarray(start, stop))
    const takesLines = isKnownUtf8 && this.#handler.takeLines !== undefined
    // An object of its own, because the caller may fill the same one again.
    const lines = block.subarray()
    while (start < stop) {
      let end = takesLines ? this.#takeLines(lines, start, stop) : -1
      if (end < 0) {
        end = block.indexOf(10, start)
        this.#emit(block, start, end, isKnownUtf8)
      }
      start = end + 1
    }
    if (stop < block.length) this.#keep(block.subarray(stop))
  }

  #takeLines(block: Buffer, start: number, stop: number): number {
    const handler = this.#handler
    const lines = handler.takeLines!(block, start, Math.min(stop, start + maxLineBytes + 1), this.#lineNumber + 1)
    this.#lineNumber += lines
    return lines > 0 ? handler.takenUpTo! : -1
  }

  /** The input is over; a last line may lack its end. */
  end(): void {
    if (this.#headBytes > 0) this.#finish()
  }

  #keep(part: Buffer): void {
    // Beyond the limit only the beginning is of use.
    if (this.#headBytes <= maxLineBytes + 1) this.#head.push(Buffer.from(part))
    this.#headBytes += part.length
  }

  #finish(): void {
    const bytes = this.#head.length === 1 ? this.#head[0]! : Buffer.concat(this.#head)
    const length = this.#headBytes
    this.#head = []
    this.#headBytes = 0
    if (length > bytes.length) this.#handler.tooLong(bytes.subarray(0, keptBytes), length, ++this.#lineNumber)
    else this.#emit(bytes, 0, bytes.length, false)
  }

  #emit(bytes: Buffer, start: number, rawEnd: number, isKnownUtf8: boolean): void {
    const lineNumber = ++this.#lineNumber
    const end = withoutCarriageReturn(bytes, start, rawEnd)
    if (isBlank(bytes, start, end)) return
    if (end - start > maxLineBytes)
      this.#handler.tooLong(bytes.subarray(start, start + keptBytes), end - start, lineNumber)
    else this.#handler.line(bytes, start, end, isKnownUtf8, lineNumber)
  }
}

/** The end of `bytes[start, end)` without the CR of a CRLF. */
export function withoutCarriageReturn(bytes: Buffer, start: number, end: number): number {
  return end > start && bytes[end - 1] === 13 ? end - 1 : end
}

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at]
    if (byte !== 32 && byte !== 9 && byte !== 13) return false
  }
  return true
}
