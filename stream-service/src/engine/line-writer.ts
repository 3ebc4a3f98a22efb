// Lines of JSON as bytes, one behind the other in large chunks. What was taken out is never written to again, so nobody has
// to copy it.
import { maxNumberBytes, writeNumber } from './number-text.ts'

const chunkBytes = 1 << 16

/** Lines without a gap, each with its line feed. */
export interface LineBlock {
  readonly bytes: Buffer
  readonly count: number
}

/** A text that is written again and again, as doubles, eight bytes each: copying those is what costs least. */
export class FixedText {
  /** Room beyond the text's end is zero. Valid UTF-8 never has the bytes of a NaN, which need not survive a copy. */
  readonly words: Float64Array
  readonly bytes: Uint8Array
  length: number

  constructor(text: string) {
    const utf8 = Buffer.from(text)
    this.words = new Float64Array((utf8.length + 7) >> 3)
    this.bytes = new Uint8Array(this.words.buffer)
    this.bytes.set(utf8)
    this.length = utf8.length
  }
}

export class LineWriter {
  /** Takes blocks as they become full, during the call only; their memory is used again. Otherwise `take` gives them. */
  readonly #onBlock: ((block: LineBlock) => void) | undefined

  /** Where the next byte goes. There is room for what was reserved. */
  bytes = Buffer.allocUnsafeSlow(chunkBytes)
  at = 0
  /** The same memory. */
  view = viewOf(this.bytes)
  /** Where lines begin that nobody has taken yet, how many there are, and where the line that is being written begins. */
  #start = 0
  #count = 0
  #lineStart = 0
  /** Lines of earlier chunks that nobody has taken. */
  #full: LineBlock[] = []

  constructor(onBlock?: (block: LineBlock) => void) {
    this.#onBlock = onBlock
  }

  get hasLines(): boolean {
    return this.#count > 0 || this.#full.length > 0
  }

  /** Makes room for so many bytes, and for the words of fixed texts to be longer than those. */
  reserve(bytes: number): void {
    if (this.at + bytes + 8 > this.bytes.length) this.#nextChunk(bytes + 8)
  }

  #nextChunk(bytes: number): void {
    const partial = this.bytes.subarray(this.#lineStart, this.at)
    if (this.#count > 0) this.#finish({ bytes: this.bytes.subarray(this.#start, this.#lineStart), count: this.#count })
    const needed = partial.length + bytes
    if (this.#onBlock !== undefined && needed <= this.bytes.length) this.bytes.copyWithin(0, this.#lineStart, this.at)
    else {
      this.bytes = Buffer.allocUnsafeSlow(Math.max(chunkBytes, 2 * needed))
      this.view = viewOf(this.bytes)
      this.bytes.set(partial)
    }
    this.at = partial.length
    this.#start = 0
    this.#lineStart = 0
    this.#count = 0
  }

  #finish(block: LineBlock): void {
    if (this.#onBlock === undefined) this.#full.push(block)
    else this.#onBlock(block)
  }

  /** Writes a fixed text; its room must be reserved. */
  text({ words, length }: FixedText): void {
    const view = this.view
    let at = this.at | 0
    for (let i = 0; i < words.length; i++) {
      view.setFloat64(at, words[i]!, true)
      at = (at + 8) | 0
    }
    this.at = (this.at + length) | 0
  }

  /** Puts `length` bytes, from a word of `words` on (`start` counts bytes), at a place that is reserved, and not one more. */
  put(at: number, words: Int32Array, start: number, length: number): void {
    const { view } = this
    let to = at | 0
    let word = start >> 2
    const whole = (to + (length & ~3)) | 0
    for (; to < whole; to = (to + 4) | 0) view.setInt32(to, words[word++]!, true)
    let rest = length & 3
    if (rest === 0) return
    for (let last = words[word]!; rest > 0; rest--, last >>>= 8) view.setUint8(to++, last & 0xff)
  }

  /** Writes any text, and reserves its room. */
  string(text: string): void {
    this.reserve(3 * text.length + maxNumberBytes)
    this.at += this.bytes.write(text, this.at)
  }

  /** Writes a number, null if it is not finite; its room must be reserved. */
  number(value: number): void {
    if (Number.isFinite(value)) this.at = writeNumber(this.bytes, this.at, value)
    else this.at += this.bytes.write('null', this.at, 'latin1')
  }

  /** A line feed was written last. */
  endLine(): void {
    this.#lineStart = this.at
    this.#count++
  }

  /** All lines since the last call, in their order; none where they are handed on. */
  take(): readonly LineBlock[] {
    if (this.#count > 0) this.#finish({ bytes: this.bytes.subarray(this.#start, this.at), count: this.#count })
    const blocks = this.#full
    if (blocks.length > 0) this.#full = []
    if (this.#onBlock !== undefined) this.at = 0
    this.#start = this.at
    this.#lineStart = this.at
    this.#count = 0
    return blocks
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
