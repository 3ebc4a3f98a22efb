// Strings by their bytes: values of one field that repeat come out as one string object, which costs no allocation and lets
// a Map that is keyed by it find its hash already computed. A table from a hash of the bytes to the string met there last;
// a newcomer simply replaces it. What comes out never depends on the table, only what it costs.
import { firstBytes, firstFind, nonAsciiIn, stopsIn } from './byte-words.ts'

const quote = 0x22
/** Longer strings are made anew each time. Room for a UUID and most paths. */
const maxPooledBytes = 60
/** Words of an entry: its length in bytes, then its bytes. */
const entryWords = 1 + maxPooledBytes / 4
const firstCapacity = 1 << 8
const lastCapacity = 1 << 16
/** Hits are counted over so many strings; with fewer than one hit in 16 the pool rests for `restStrings`. */
const trialStrings = 1 << 13
const restStrings = 1 << 16

export class StringPool {
  /** Where the text read last has stopped: behind the closing quote. */
  at = 0

  #capacity = firstCapacity
  #strings: string[] = new Array(firstCapacity).fill('')
  #entries = new Int32Array(firstCapacity * entryWords)
  #added = 0
  /** Strings until the pool looks whether it is of use, and hits since it last did. */
  #untilReview = trialStrings
  #hits = 0
  #isResting = false

  /**
   * The string that begins at `start`, behind its opening quote, and ends before `end`; undefined when it needs a closer
   * look, because of an escape, a control character or a missing end. `bytes` and `view` are the same memory.
   */
  read(bytes: Buffer, view: DataView, start: number, end: number): string | undefined {
    const last = end | 0
    let at = start | 0
    let hash = 0
    let seen = 0
    let word = 0
    let stops = 0
    for (;;) {
      if (at >= last) return undefined
      word = view.getInt32(at, true)
      stops = (((word ^ 0x02020202) - 0x21212121) | ((word ^ 0x5c5c5c5c) - 0x01010101)) & ~word & 0x80808080
      if (stops !== 0) break
      seen |= word
      hash = Math.imul(((hash << 15) | (hash >>> 17)) ^ word, 0x9e3779b1)
      at = (at + 4) | 0
    }
    const count = (31 - Math.clz32(stops & -stops)) >>> 3
    at = (at + count) | 0
    if (at >= last || view.getUint8(at) !== quote) return undefined
    word &= (1 << (count << 3)) - 1
    this.at = at + 1
    const length = at - start
    if (length > maxPooledBytes || this.#isResting) {
      if (this.#isResting && --this.#untilReview === 0) this.#wake()
      return text(bytes, start, at, nonAsciiIn(seen | word) === 0)
    }
    hash = Math.imul(((hash << 15) | (hash >>> 17)) ^ word ^ length, 0x9e3779b1)
    const place = (hash ^ (hash >>> 15)) & (this.#capacity - 1)
    if (--this.#untilReview === 0) this.#review()
    const entries = this.#entries
    let entry = Math.imul(place, entryWords)
    if (entries[entry] === length) {
      let from = start | 0
      const whole = (start + (length & ~3)) | 0
      while (from < whole) {
        entry = (entry + 1) | 0
        if (entries[entry] !== view.getInt32(from, true)) break
        from = (from + 4) | 0
      }
      if (from === whole && ((length & 3) === 0 || entries[entry + 1] === word)) {
        this.#hits++
        return this.#strings[place]!
      }
    }
    return this.#add(place, view, start, length, text(bytes, start, at, nonAsciiIn(seen | word) === 0))
  }

  #add(place: number, view: DataView, start: number, length: number, string: string): string {
    if (this.#added++ === this.#capacity && this.#capacity < lastCapacity) {
      // More strings came than there are places. The larger table starts empty; what repeats is soon back.
      this.#capacity *= 4
      this.#strings = new Array(this.#capacity).fill('')
      this.#entries = new Int32Array(this.#capacity * entryWords)
      this.#added = 0
      return string
    }
    const entries = this.#entries
    let to = place * entryWords
    entries[to++] = length
    let at = start
    for (const whole = start + (length & ~3); at < whole; at += 4) entries[to++] = view.getInt32(at, true)
    if ((length & 3) !== 0) entries[to] = firstBytes(view.getInt32(at, true), length & 3)
    this.#strings[place] = string
    return string
  }

  #review(): void {
    this.#isResting = this.#hits < trialStrings / 16
    this.#untilReview = this.#isResting ? restStrings : trialStrings
    this.#hits = 0
  }

  #wake(): void {
    this.#isResting = false
    this.#untilReview = trialStrings
    this.#hits = 0
  }
}

function matches(entries: Int32Array, entry: number, view: DataView, start: number, length: number): boolean {
  if (entries[entry] !== length) return false
  let from = entry + 1
  let at = start
  for (const whole = start + (length & ~3); at < whole; at += 4) if (entries[from++] !== view.getInt32(at, true)) return false
  return (length & 3) === 0 || entries[from] === firstBytes(view.getInt32(at, true), length & 3)
}

function text(bytes: Buffer, start: number, end: number, isAscii: boolean): string {
  return bytes.toString(isAscii ? 'latin1' : 'utf8', start, end)
}
