// Strings by their bytes: values of one field that repeat come out as one string object, which allocates nothing and lets a
// Map that is keyed by it find its hash already computed.
//
//   slots  hash of the bytes -> where in store       (open addressing, at most half full)
//   store  number and length of the string, then its bytes four to a word, entry behind entry in the order they came
//   strings  by number
//
// A full pool forgets everything and starts over. What comes out never depends on what is in it, only the cost does.
import * as words from './byte-words.ts'

const { stopsIn, firstFind, firstBytes, nonAsciiIn } = words

const quote = 0x22
/** Longer strings are made anew each time; a length fits into the low bits of an entry's first word. */
const maxPooledBytes = 63
const lengthBits = 6
const firstSlots = 1 << 10
const maxStrings = 1 << 16
/** Each time so many strings have come in, the pool looks whether it is of use, and else rests for some strings. */
const trialStrings = 1 << 13
const restStrings = 1 << 17

export class StringPool {
  /** Where the string read last ends: behind its closing quote. */
  at = 0

  #slots: Int32Array = new Int32Array(firstSlots)
  #store: Int32Array = new Int32Array(firstSlots * 4)
  /** Where the next entry goes. No entry is at 0, which marks a free slot. */
  #storeEnd = 1
  #strings: string[] = []
  /** Strings read and strings taken in since the last look. */
  #read = 0
  #taken = 0
  #resting = 0

  /**
   * The string whose text begins at `start`, behind the opening quote; undefined when it does not end before `end` or needs
   * a closer look, because of an escape or a control character. `bytes` and `view` are the same memory, with a margin as in
   * `json-skip.ts`.
   */
  read(bytes: Buffer, view: DataView, start: number, end: number): string | undefined {
    let at = start | 0
    let hash = 0
    let seen = 0
    let word = 0
    let stops = 0
    for (;;) {
      if (at >= end) return undefined
      word = view.getInt32(at, true)
      stops = stopsIn(word)
      if (stops !== 0) break
      seen |= word
      hash = mix(hash, word)
      at = (at + 4) | 0
    }
    const count = firstFind(stops)
    at = (at + count) | 0
    if (at >= end || view.getUint8(at) !== quote) return undefined
    word = firstBytes(word, count)
    this.at = at + 1
    const length = (at - start) | 0
    if (length > maxPooledBytes || this.#resting > 0) {
      if (this.#resting > 0) this.#resting--
      return text(bytes, start, at, seen | word)
    }
    this.#read++
    hash = finish(mix(hash, word), length)
    const slots = this.#slots
    const store = this.#store
    const mask = slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot]! | 0
      if (entry === 0) return this.#take(slot, view, start, length, text(bytes, start, at, seen | word))
      const head = store[entry]! | 0
      if ((head & maxPooledBytes) !== length) continue
      let from = start | 0
      let to = (entry + 1) | 0
      const whole = (at - count) | 0
      while (from < whole && view.getInt32(from, true) === store[to]) {
        from = (from + 4) | 0
        to = (to + 1) | 0
      }
      if (from === whole && (count === 0 || store[to] === word)) return this.#strings[head >>> lengthBits]!
    }
  }

  #take(slot: number, view: DataView, start: number, length: number, string: string): string {
    const wordCount = (length + 3) >> 2
    if (++this.#taken === trialStrings) this.#review()
    if (this.#strings.length === maxStrings) this.#clear()
    else if (this.#strings.length * 2 === this.#slots.length) this.#growSlots()
    else {
      if (this.#storeEnd + 1 + wordCount > this.#store.length) this.#store = grown(this.#store)
      this.#slots[slot] = this.#storeEnd
      this.#store[this.#storeEnd++] = (this.#strings.push(string) - 1) * (1 << lengthBits) + length
      for (let i = 0; i < wordCount; i++) {
        const word = view.getInt32(start + 4 * i, true)
        this.#store[this.#storeEnd++] = 4 * i + 4 > length ? firstBytes(word, length & 3) : word
      }
    }
    return string
  }

  #growSlots(): void {
    const slots = new Int32Array(this.#slots.length * 4)
    const mask = slots.length - 1
    const store = this.#store
    for (let entry = 1; entry < this.#storeEnd; ) {
      const length = store[entry]! & maxPooledBytes
      let hash = 0
      const next = entry + 1 + ((length + 3) >> 2)
      for (let at = entry + 1; at < next; at++) hash = mix(hash, store[at]!)
      // A text of whole words was hashed with the empty rest of its last word.
      if ((length & 3) === 0) hash = mix(hash, 0)
      let slot = finish(hash, length) & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = entry
      entry = next
    }
    this.#slots = slots
  }

  #clear(): void {
    this.#slots.fill(0)
    this.#storeEnd = 1
    this.#strings = []
  }

  #review(): void {
    if (this.#read < trialStrings + (trialStrings >> 4)) this.#resting = restStrings
    this.#read = 0
    this.#taken = 0
  }
}

function mix(hash: number, word: number): number {
  return Math.imul(((hash << 15) | (hash >>> 17)) ^ word, 0x9e3779b1)
}

function finish(hash: number, length: number): number {
  const mixed = Math.imul(hash ^ length, 0x85ebca6b)
  return mixed ^ (mixed >>> 15)
}

function grown(array: Int32Array): Int32Array {
  const larger = new Int32Array(array.length * 2)
  larger.set(array)
  return larger
}

function text(bytes: Buffer, start: number, end: number, seen: number): string {
  return bytes.toString(nonAsciiIn(seen) === 0 ? 'latin1' : 'utf8', start, end)
}
