// How keys stand in panes: percent-encoded in the id, and as the `key` object.
//
//   {"id":"q/page=%2Fp&n=~5/0-10",…,"key":{"page":"/p","n":5},…
//               ^^^^^^^^^^                        ^^^^^^^^          the two forms of a key: all behind the first name
//
// Most keys are written as they are, as the one form and the other. The forms of all others are kept from their first pane on,
// until the table forgets keys.
import type { KeyTable, KeyValue } from '../windows/key-table.ts'

/** Percent-encodes one part of an id: as encodeURIComponent does, and `~` too, which marks numbers and booleans. */
export function encodeIdPart(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll('~', '%7E')
}

const unknown = 0

export class KeyForms {
  /** What stands before the forms; what a query without a key has is whole. */
  readonly idStart: string
  readonly jsonStart: string
  // The forms of the key that `find` was asked for last: bytes of `words`, which begin with a word each.
  words: Int32Array
  idAt = 0
  idLength = 0
  jsonAt = 0
  jsonLength = 0
  /** The second form needs quotes around it. */
  isQuoted = false

  readonly #keys: KeyTable
  readonly #idNames: readonly string[]
  readonly #jsonNames: readonly string[]
  /** By key that is not plain: `unknown`, or the word in the store where its forms begin, behind their two lengths. */
  #places: Int32Array = new Int32Array(256)
  #store: Int32Array = new Int32Array(256)
  #bytes: Buffer = Buffer.from(this.#store.buffer)
  #storeEnd = 4
  #era = 0

  constructor(keyBy: readonly string[], keys: KeyTable) {
    this.#keys = keys
    this.words = keys.words
    this.#idNames = keyBy.map((name, i) => `${i === 0 ? '' : '&'}${encodeIdPart(name)}=`)
    this.#jsonNames = keyBy.map((name, i) => `${i === 0 ? '{' : ','}${JSON.stringify(name)}:`)
    this.idStart = this.#idNames[0] ?? '-'
    this.jsonStart = this.#jsonNames[0] ?? '{'
  }

  /** Looks the forms of a key up, for the fields of this object. */
  find(key: number): void {
    const keys = this.#keys
    if (keys.isPlain(key)) {
      this.words = keys.words
      this.idAt = this.jsonAt = keys.startOf(key)
      this.idLength = this.jsonLength = keys.lengthOf(key)
      this.isQuoted = true
      return
    }
    const place = this.#placeOf(key)
    const store = this.#store
    this.words = store
    this.idLength = store[place - 2]!
    this.jsonLength = store[place - 1]!
    this.idAt = place << 2
    this.jsonAt = (place + ((this.idLength + 3) >> 2)) << 2
    this.isQuoted = false
  }

  #placeOf(key: number): number {
    if (this.#era !== this.#keys.era) this.#forget()
    if (key >= this.#places.length) {
      const grown = new Int32Array(2 * key)
      grown.set(this.#places)
      this.#places = grown
    }
    const place = this.#places[key]!
    return place === unknown ? this.#learn(key) : place
  }

  #forget(): void {
    this.#era = this.#keys.era
    this.#places.fill(unknown)
    this.#storeEnd = 4
  }

  #learn(key: number): number {
    const place = this.#keep(this.idOf(key), this.jsonOf(key))
    this.#places[key] = place
    return place
  }

  #keep(id: string, json: string): number {
    const idLength = Buffer.byteLength(id)
    const jsonLength = Buffer.byteLength(json)
    const place = this.#storeEnd + 2
    const jsonPlace = place + ((idLength + 3) >> 2)
    this.#storeEnd = jsonPlace + ((jsonLength + 3) >> 2)
    if (this.#storeEnd > this.#store.length) {
      const grown = new Int32Array(2 * this.#storeEnd)
      grown.set(this.#store)
      this.#store = grown
      this.#bytes = Buffer.from(grown.buffer)
    }
    this.#store[place - 2] = idLength
    this.#store[place - 1] = jsonLength
    this.#bytes.write(id, place << 2)
    this.#bytes.write(json, jsonPlace << 2)
    return place
  }

  /** A key as it stands in an id, behind `idStart`. */
  idOf(key: number): string {
    return this.#join(key, this.#idNames, (value) => {
      const text = encodeIdPart(String(value))
      return typeof value === 'string' ? text : `~${text}`
    })
  }

  /** A key as it stands in the `key` object, behind `jsonStart`. */
  jsonOf(key: number): string {
    return this.#join(key, this.#jsonNames, (value) => JSON.stringify(value))
  }

  #join(key: number, names: readonly string[], form: (value: KeyValue) => string): string {
    const saved = this.#keys.save(key)
    const values = typeof saved === 'object' ? saved : [saved]
    return values.map((value, i) => (i === 0 ? form(value) : names[i]! + form(value))).join('')
  }
}
