// Strings by their bytes: values of one field that repeat come out as one string object, which allocates nothing and lets a
// Map that is keyed by it find its hash already computed. A full pool forgets everything and starts over. What comes out
// never depends on what is in it, only the cost does.
import * as words from './byte-words.ts'
import { TextTable } from './text-table.ts'

const { nonAsciiIn } = words

/** Longer strings are made anew each time. */
const maxPooledBytes = 63
const maxStrings = 1 << 16
/** Each time so many strings have come in, the pool looks whether it is of use, and else rests for some strings. */
const trialStrings = 1 << 13
const restStrings = 1 << 17

export class StringPool {
  #table = new TextTable()
  #strings: string[] = []
  /** Strings read and strings taken in since the last look. */
  #read = 0
  #taken = 0
  #resting = 0

  /**
   * The string in `bytes[start, start + length)`, which is UTF-8, with the hash of its text. `bytes` and `view` are the
   * same memory, with the margin of `text-hash.ts`.
   */
  read(bytes: Buffer, view: DataView, start: number, length: number, hash: number): string {
    if (this.#resting > 0) {
      this.#resting--
      return textOf(bytes, view, start, length)
    }
    if (length > maxPooledBytes) return textOf(bytes, view, start, length)
    this.#read++
    const known = this.#table.find(view, start, length, hash, 0)
    return known >= 0 ? this.#strings[known]! : this.#take(bytes, view, start, length, hash)
  }

  #take(bytes: Buffer, view: DataView, start: number, length: number, hash: number): string {
    const string = textOf(bytes, view, start, length)
    if (++this.#taken === trialStrings) this.#review()
    if (this.#strings.length === maxStrings) {
      this.#table = new TextTable()
      this.#strings = []
    }
    this.#table.add(view, start, length, hash, 0, 0)
    this.#strings.push(string)
    return string
  }

  #review(): void {
    if (this.#read < trialStrings + (trialStrings >> 4)) this.#resting = restStrings
    this.#read = 0
    this.#taken = 0
  }
}

function textOf(bytes: Buffer, view: DataView, start: number, length: number): string {
  const end = start + length
  let seen = 0
  // The last word may have bytes of what follows: then a text is taken for more than ASCII, which is slower and not wrong.
  for (let at = start; at < end; at += 4) seen |= view.getInt32(at, true)
  return bytes.toString(nonAsciiIn(seen) === 0 ? 'latin1' : 'utf8', start, end)
}
