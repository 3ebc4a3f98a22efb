// Numbers texts by their bytes: the first text is 0, the next other one 1, and so on.
//
//   slots   pairs: hash of the text, where its entry is      (open addressing, at most half full)
//   store   entries: number and mark, head, then the bytes four to a word, entry behind entry in the order they came
//
// The head tells the length and a tag, which belongs to the text: the same bytes under another tag are another text. The mark
// is a bit that the owner gives a text when it comes in.
import * as words from './byte-words.ts'
import * as found from './fields.ts'

const { firstBytes } = words
const { isText } = found

const tagBits = 2
const firstSlots = 1 << 8

export class TextTable {
  /** How many numbers are in use or were given back. */
  size = 0
  /** Entries by number, as positions in the store; 0 for numbers that were given back. */
  #entries: Int32Array = new Int32Array(firstSlots)
  #slots: Int32Array = new Int32Array(2 * firstSlots)
  #store: Int32Array = new Int32Array(4 * firstSlots)
  #bytes: Uint8Array = new Uint8Array(this.#store.buffer)
  #view = new DataView(this.#store.buffer)
  /** Where the next entry goes. No entry is at 0, which marks a free slot. */
  #storeEnd = 1
  /** Slots in use. */
  #used = 0
  readonly #free: number[] = []

  /** How many texts are in the table. */
  get texts(): number {
    return this.size - this.#free.length
  }

  /** The number of the text in `view[start, start + length)` with this hash and tag (0 to 3), or -1. */
  find(view: DataView, start: number, length: number, hash: number, tag: number): number {
    const slots = this.#slots
    const store = this.#store
    const mask = (slots.length - 1) | 0
    const head = (length << tagBits) | tag
    for (let slot = (hash << 1) & mask; ; slot = (slot + 2) & mask) {
      const entry = slots[slot + 1]! | 0
      if (entry === 0) return -1
      if (slots[slot] !== hash || store[entry + 1] !== head) continue
      let at = start | 0
      let word = (entry + 2) | 0
      const whole = (at + (length & ~3)) | 0
      while (at < whole && view.getInt32(at, true) === store[word]) {
        at = (at + 4) | 0
        word = (word + 1) | 0
      }
      const rest = length & 3
      if (at === whole && (rest === 0 || firstBytes(view.getInt32(at, true), rest) === store[word]))
        return store[entry]! >> 1
    }
  }

  /**
   * Finds many texts at once, those in one slot of `rows[0, count)` of `fields`: `into` gets by row what `find` says. First all
   * places are looked at and then all texts, so that the memory is waited for once for many of them. Answers whether all
   * were found.
   */
  findRows(
    fields: found.Fields,
    slot: number,
    rows: Int32Array,
    count: number,
    tag: number,
    into: Int32Array,
  ): boolean {
    const { slots: stride, kinds, hashes, starts, lengths, view } = fields
    const slots = this.#slots
    const store = this.#store
    const mask = (slots.length - 1) | 0
    for (let i = 0; i < count; i++) {
      const row = rows[i]!
      into[row] = slots[((hashes[row * stride + slot]! << 1) & mask) + 1]!
    }
    // Negative as soon as one is missing.
    let all = 0
    for (let i = 0; i < count; i++) {
      const row = rows[i]!
      const at = row * stride + slot
      const entry = into[row]! | 0
      const start = starts[at]!
      const length = lengths[at]!
      let number = -1
      if (kinds[at] === isText) {
        if (isEntryOf(store, entry, view, start, length, tag)) number = store[entry]! >> 1
        else if (entry !== 0) number = this.find(view, start, length, hashes[at]!, tag)
      }
      into[row] = number
      all |= number
    }
    return all >= 0
  }

  /** Takes in a text that is not there yet, and gives it a number: one that was given back, or the next. */
  add(view: DataView, start: number, length: number, hash: number, tag: number, mark: number): number {
    if (4 * (this.#used + 1) > this.#slots.length) this.#growSlots()
    const number = this.#free.pop() ?? this.size++
    if (number === this.#entries.length) this.#entries = grown(this.#entries, 2 * number)
    const wordCount = (length + 3) >> 2
    const entry = this.#storeEnd
    this.#reserveStore(entry + 2 + wordCount)
    const store = this.#store
    store[entry] = (number << 1) | mark
    store[entry + 1] = (length << tagBits) | tag
    for (let i = 0; i < wordCount; i++) {
      const word = view.getInt32(start + 4 * i, true)
      store[entry + 2 + i] = 4 * i + 4 > length ? firstBytes(word, length & 3) : word
    }
    this.#storeEnd = entry + 2 + wordCount
    this.#entries[number] = entry
    this.#used++
    this.#link(hash, entry)
    return number
  }

  #link(hash: number, entry: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = (hash << 1) & mask
    while (slots[slot + 1] !== 0) slot = (slot + 2) & mask
    slots[slot] = hash
    slots[slot + 1] = entry
  }

  #growSlots(): void {
    const before = this.#slots
    this.#slots = new Int32Array(before.length * 2)
    for (let slot = 0; slot < before.length; slot += 2) {
      if (before[slot + 1] !== 0) this.#link(before[slot]!, before[slot + 1]!)
    }
  }

  #reserveStore(words: number): void {
    if (words <= this.#store.length) return
    // By half, because the store is the largest of the arrays.
    this.#store = grown(this.#store, Math.max(words, this.#store.length + (this.#store.length >> 1)))
    this.#bytes = new Uint8Array(this.#store.buffer)
    this.#view = new DataView(this.#store.buffer)
  }

  /** The memory all texts lie in, each at the beginning of a word and with zeros behind it to the end of its last word. */
  get words(): Int32Array {
    return this.#store
  }

  /** The same memory as bytes; `startOf` and `lengthOf` say where one lies. Read anew after each `add`. */
  get bytes(): Uint8Array {
    return this.#bytes
  }

  get view(): DataView {
    return this.#view
  }

  startOf(number: number): number {
    return (this.#entries[number]! + 2) << 2
  }

  lengthOf(number: number): number {
    return this.#store[this.#entries[number]! + 1]! >> tagBits
  }

  markOf(number: number): number {
    return this.#store[this.#entries[number]!]! & 1
  }

  tagOf(number: number): number {
    return this.#store[this.#entries[number]! + 1]! & ((1 << tagBits) - 1)
  }

  /** Forgets all texts whose number `isKept` has 0 for. Their numbers are given back; the others keep theirs. */
  sweep(isKept: Uint8Array): void {
    const { size } = this
    const store = this.#store
    const hashes = new Int32Array(size)
    for (let slot = 0; slot < this.#slots.length; slot += 2) {
      const entry = this.#slots[slot + 1]!
      if (entry !== 0) hashes[store[entry]! >> 1] = this.#slots[slot]!
    }
    this.#entries.fill(0)
    this.#used = 0
    let end = 1
    for (let entry = 1; entry < this.#storeEnd; ) {
      const number = store[entry]! >> 1
      const next = entry + 2 + (((store[entry + 1]! >> tagBits) + 3) >> 2)
      if (isKept[number] !== 0) {
        store.copyWithin(end, entry, next)
        this.#entries[number] = end
        this.#used++
        end += next - entry
      }
      entry = next
    }
    this.#storeEnd = end
    // Room for twice as many as are left, or as before: mostly as many come again.
    const room = 4 * Math.max(firstSlots / 2, powerOfTwo(2 * this.#used))
    if (room < this.#slots.length / 4) this.#slots = new Int32Array(room)
    else this.#slots.fill(0)
    this.#free.length = 0
    // The lowest comes out first: numbers in use stay close together.
    for (let number = size - 1; number >= 0; number--) {
      if (this.#entries[number] === 0) this.#free.push(number)
      else this.#link(hashes[number]!, this.#entries[number]!)
    }
  }
}

/** Whether an entry of a store, or none (0), is that of a text with its tag. */
function isEntryOf(
  store: Int32Array,
  entry: number,
  view: DataView,
  start: number,
  length: number,
  tag: number,
): boolean {
  if (store[entry + 1] !== ((length << tagBits) | tag) || entry === 0) return false
  let at = start | 0
  let word = (entry + 2) | 0
  const whole = (at + (length & ~3)) | 0
  while (at < whole) {
    if (view.getInt32(at, true) !== store[word]) return false
    at = (at + 4) | 0
    word = (word + 1) | 0
  }
  const rest = length & 3
  return rest === 0 || firstBytes(view.getInt32(at, true), rest) === store[word]
}

/** The least power of two from `count` up. */
function powerOfTwo(count: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(count, 1)))
}

function grown(array: Int32Array, length: number): Int32Array {
  const larger = new Int32Array(length)
  larger.set(array)
  return larger
}
