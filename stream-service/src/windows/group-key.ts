// The key that groups records: one value per `keyBy` field, each a string, a finite number or a boolean.
import * as found from '../records/fields.ts'
import type { KeyTable, KeyValue } from './key-table.ts'

const { isText } = found

/** How many composite keys are remembered, as a power of two. */
const recentBits = 10

/** What reads the keys of a query from its records. */
export class GroupKey {
  readonly #names: readonly string[]
  readonly #slots: readonly number[]
  readonly keys: KeyTable
  /** The slot of a key of one field; -1 for any other. */
  readonly #slot: number
  /** Keys of several texts, plus 1, by a mix of the hashes of those; 0 for none. */
  readonly #recent = new Int32Array(1 << recentBits)
  #era = 0

  constructor(names: readonly string[], slots: readonly number[], keys: KeyTable) {
    this.#names = names
    this.#slots = slots
    this.keys = keys
    this.#slot = slots.length === 1 ? slots[0]! : -1
  }

  /** The number of the record's key; -1 when one of its values is missing or no key value. */
  read(fields: found.Fields): number {
    const slot = this.#slot
    if (slot < 0) return this.#readSeveral(fields)
    const at = fields.base + slot
    if (fields.kinds[at] === isText)
      return this.keys.ofText(fields.view, fields.starts[at]!, fields.lengths[at]!, fields.hashes[at]!)
    const value = scalar(fields.value(slot))
    return value === undefined ? -1 : this.keys.ofValue(value)
  }

  /** Puts the keys of `rows[0, count)` into `into`, by row, as `read` gives them. Answers whether all have one. */
  readRows(fields: found.Fields, rows: Int32Array, count: number, into: Int32Array): boolean {
    if (this.#slots.length === 0) {
      const only = this.#putTogether(fields)
      for (let i = 0; i < count; i++) into[rows[i]!] = only
      return true
    }
    const isOne = this.#slot >= 0
    if (isOne && this.keys.findRows(fields, this.#slot, rows, count, into)) return true
    let all = 0
    for (let i = 0; i < count; i++) {
      const row = rows[i]!
      if (isOne && into[row]! >= 0) continue
      fields.moveTo(row)
      const key = isOne ? this.read(fields) : this.#readSeveral(fields)
      into[row] = key
      all |= key
    }
    return all >= 0
  }

  /** Composite keys that come again are found by the hashes of their parts, without being put together. */
  #readSeveral(fields: found.Fields): number {
    const slots = this.#slots
    const { base, kinds, hashes } = fields
    if (this.#era !== this.keys.era) this.#forget()
    let mixed = 0
    let areTexts = 1
    for (let i = 0; i < slots.length; i++) {
      const at = base + slots[i]!
      areTexts &= kinds[at] === isText ? 1 : 0
      mixed = Math.imul((mixed ^ hashes[at]!) + i, 0x9e3779b1)
    }
    if (areTexts === 0) return this.#putTogether(fields)
    const place = mixed >>> (32 - recentBits)
    const recent = this.#recent[place]! - 1
    if (recent >= 0 && this.keys.isOfTexts(recent, fields, slots)) return recent
    const key = this.#putTogether(fields)
    this.#recent[place] = key + 1
    return key
  }

  #forget(): void {
    this.#era = this.keys.era
    this.#recent.fill(0)
  }

  #putTogether(fields: found.Fields): number {
    this.keys.begin()
    for (const slot of this.#slots) {
      const at = fields.base + slot
      if (fields.kinds[at] === isText) {
        this.keys.textPart(fields.view, fields.starts[at]!, fields.lengths[at]!)
        continue
      }
      const value = scalar(fields.value(slot))
      if (value === undefined) return -1
      this.keys.part(value)
    }
    return this.keys.end()
  }

  /** What is wrong with a record that has no key. */
  fault(fields: found.Fields): string {
    for (const [i, slot] of this.#slots.entries()) {
      const value = fields.value(slot)
      if (scalar(value) === undefined)
        return `key field '${this.#names[i]}' is ${describe(value)}; a key is a string, number or boolean`
    }
    return 'the key is valid'
  }
}

function scalar(value: unknown): KeyValue | undefined {
  if (typeof value === 'string' || typeof value === 'boolean') return value
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

function describe(value: unknown): string {
  if (value === undefined) return 'missing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `${String(value)}`
}
