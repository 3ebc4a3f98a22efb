// Bytes to fields in one pass, without parsing what nobody wants. It agrees with JsonDecoder, the reference, on every input:
// it takes only plain records itself, and as soon as it meets anything wrong or rare (a syntax error, an escape in a name, a
// nested object written twice, great depth) it hands the whole record to the reference and answers what that says.
import { isUtf8 } from 'node:buffer'
import * as words from './byte-words.ts'
import type { Lead, ObjectLayout, WantedField } from './field-layout.ts'
import * as layouts from './field-layout.ts'
import * as found from './fields.ts'
import { type DecodeFault, JsonDecoder, valueAt } from './json-decoder.ts'
import * as skip from './json-skip.ts'
import { NumberScan } from './number-scan.ts'
import { StringPool } from './string-pool.ts'
import { TextScan } from './text-scan.ts'

const { nonAsciiIn } = words
const { isAbsent, isNumber, isText, isOther } = found
const { skipText, skipValue, skipBlanks, isBlank, byteAt, marginBytes } = skip
const { standsAt, skipAText, skipAnyValue, takeAText, takeAnyValue, enterObject, layoutOf, maxPosition } = layouts

const quote = 0x22
const comma = 0x2c
const colon = 0x3a
const backslash = 0x5c
const minus = 0x2d
const nine = 0x39
const openBrace = 0x7b
const closeBrace = 0x7d
const lineFeed = 0x0a
const lowerF = 0x66
const lowerN = 0x6e
const lowerT = 0x74

export class FieldScanner {
  readonly fields: found.Fields
  /** Shares `fields` with the scanner. */
  readonly #reference: JsonDecoder
  /** Undefined when the reference has to do everything, because somebody needs the whole record. */
  readonly #layout: ObjectLayout | undefined
  readonly #numbers = new NumberScan()
  readonly #texts = new TextScan()

  /** What is being scanned, and the same memory as a view. */
  #bytes: Buffer
  #view: DataView
  #end = 0
  /** The position after a step that also has something else to return; -1 for the reference. */
  #at = 0
  #recordNumber = 0
  /** The buffer seen last, so that its view is made once. */
  #block: Buffer
  #blockView: DataView
  /** Where records without a margin behind them are copied. */
  #copy: Buffer
  #copyView: DataView

  constructor(plan: found.FieldPlan) {
    this.#reference = new JsonDecoder(plan)
    this.fields = this.#reference.fields
    this.#layout = plan.needsWholeRecord ? undefined : layoutOf(plan.paths)
    for (let slot = 0; slot < this.fields.slots; slot++) this.fields.pools[slot] = new StringPool()
    this.#copy = Buffer.alloc(1 << 12)
    this.#copyView = viewOf(this.#copy)
    this.#block = this.#bytes = this.#copy
    this.#blockView = this.#view = this.#copyView
  }

  /**
   * Decodes the record in `bytes[start, end)` into `fields`, which are overwritten by the next call. Who has checked a
   * larger block that holds the record says so with `isKnownUtf8`.
   */
  decode(bytes: Buffer, start: number, end: number, isKnownUtf8: boolean): DecodeFault | undefined {
    if (this.#scanRange(bytes, start, end, isKnownUtf8)) return undefined
    return this.#reference.decode(bytes, start, end, isKnownUtf8)
  }

  /** Decodes a record that has an array for itself, as records from a stream have. */
  decodeAlone(record: Uint8Array): DecodeFault | undefined {
    const { length } = record
    if (this.#layout !== undefined && length > 0 && length < maxPosition) {
      this.#openCopy(record)
      if (this.#scanRecord(this.#layout, 0, length, false)) return undefined
    }
    return this.#reference.decode(Buffer.from(record.buffer, record.byteOffset, length), 0, length, false)
  }

  /**
   * Decodes the record that begins at `start` and ends with its line, before `stop`, in bytes that are known to be UTF-8.
   * Returns where the line ends, at its line feed; -1 when the line's end has to be found first, for `decode`.
   */
  decodeLine(bytes: Buffer, start: number, stop: number): number {
    const end = Math.min(stop, bytes.length - marginBytes)
    if (this.#layout === undefined || start >= end || end > maxPosition) return -1
    this.#open(bytes)
    const at = this.#scan(this.#layout, start, end)
    if (at < 0) return -1
    const lineEnd = skipBlanks(this.#view, at, end)
    return byteAt(this.#view, lineEnd, end) === lineFeed ? lineEnd : -1
  }

  /** Whether the reference is not needed for the record in `bytes[start, end)`. */
  #scanRange(bytes: Buffer, start: number, end: number, isKnownUtf8: boolean): boolean {
    if (this.#layout === undefined || start >= end || end > maxPosition) return false
    if (end + marginBytes > bytes.length) {
      this.#openCopy(bytes.subarray(start, end))
      return this.#scanRecord(this.#layout, 0, end - start, isKnownUtf8)
    }
    this.#open(bytes)
    return this.#scanRecord(this.#layout, start, end, isKnownUtf8)
  }

  #scanRecord(layout: ObjectLayout, start: number, end: number, isKnownUtf8: boolean): boolean {
    const view = this.#view
    if (!isKnownUtf8 && !isAscii(view, start, end) && !isUtf8(this.#bytes.subarray(start, end))) return false
    let at = this.#scan(layout, start, end)
    if (at < 0) return false
    while (at < end && isSpace(view.getUint8(at))) at++
    return at === end
  }

  #open(bytes: Buffer): void {
    if (bytes === this.#bytes) return
    if (bytes !== this.#block) {
      this.#block = bytes
      this.#blockView = viewOf(bytes)
    }
    this.#bytes = this.fields.bytes = bytes
    this.#view = this.fields.view = this.#blockView
  }

  #openCopy(record: Uint8Array): void {
    const needed = record.length + marginBytes
    if (needed > this.#copy.length) {
      this.#copy = Buffer.alloc(2 * needed)
      this.#copyView = viewOf(this.#copy)
    }
    this.#copy.set(record)
    this.#bytes = this.fields.bytes = this.#copy
    this.#view = this.fields.view = this.#copyView
  }

  /** Reads the record at `start`; returns where its last brace is behind, -1 for the reference. */
  #scan(layout: ObjectLayout, start: number, end: number): number {
    if (this.#view.getUint8(start) !== openBrace) return -1
    this.#end = end
    this.#recordNumber = (this.#recordNumber + 1) & 0x3fffffff
    const { kinds } = this.fields
    for (let slot = 0; slot < kinds.length; slot++) kinds[slot] = isAbsent
    return this.#object(layout, start)
  }

  #object(layout: ObjectLayout, start: number): number {
    const view = this.#view
    const end = this.#end | 0
    let at = start | 0
    let lead = layout.beginning
    for (;;) {
      const next = lead.next
      if (standsAt(next, view, at, end)) {
        at = (at + next.length) | 0
        lead = next
      } else {
        if (byteAt(view, at, end) === closeBrace) return at + 1
        const found = this.#find(layout, lead, at)
        at = this.#at | 0
        if (found === undefined) return at
        lead = found
      }
      if (lead.kind === skipAText) at = skipText(view, at, end) | 0
      else if (lead.kind === skipAnyValue) at = skipValue(view, at, end) | 0
      else if (lead.kind === takeAText) at = this.#takeText(lead.field!, at) | 0
      else if (lead.kind === takeAnyValue) at = this.#takeValue(lead.field!, at) | 0
      else at = this.#enter(lead.field!, at) | 0
      if (at < 0) return -1
    }
  }

  /** Takes the string whose text begins at `start`. */
  #takeText(field: WantedField, start: number): number {
    const at = this.#texts.read(this.#view, start, this.#end)
    if (at < 0) return this.#takeSlice(field, start - 1)
    const { kinds, starts, lengths, hashes } = this.fields
    const { slot } = field
    kinds[slot] = isText
    starts[slot] = start
    lengths[slot] = this.#texts.length
    hashes[slot] = this.#texts.hash
    return at
  }

  #takeValue(field: WantedField, start: number): number {
    const byte = this.#view.getUint8(start)
    if (byte < minus || byte > nine) return this.#takeOther(field, start, byte)
    const at = this.#numbers.read(this.#bytes, this.#view, start, this.#end)
    this.fields.kinds[field.slot] = isNumber
    this.fields.numbers[field.slot] = this.#numbers.value
    return at
  }

  #takeOther(field: WantedField, start: number, byte: number): number {
    if (byte === quote) return this.#takeText(field, start + 1)
    if (isBlank(byte)) {
      const at = skipBlanks(this.#view, start, this.#end)
      return at < this.#end ? this.#takeValue(field, at) : -1
    }
    if (byte !== lowerT && byte !== lowerF && byte !== lowerN) return this.#takeSlice(field, start)
    this.fields.kinds[field.slot] = isOther
    this.fields.others[field.slot] = byte === lowerN ? null : byte === lowerT
    return skipValue(this.#view, start, this.#end)
  }

  /** Takes a value by parsing it, and the wanted fields in it. */
  #takeSlice(field: WantedField, start: number): number {
    const end = skipValue(this.#view, start, this.#end)
    if (end < 0) return -1
    const { fields } = this
    const value: unknown = JSON.parse(this.#bytes.toString('utf8', start, end))
    fields.set(field.slot, value)
    for (const { slot, path } of field.below) fields.set(slot, valueAt(value, path))
    return end
  }

  /** Goes on in an object for the fields below this one. */
  #enter(field: WantedField, start: number): number {
    // Of a field that is there twice the last value counts, and what was taken from the first would have to be forgotten.
    if (field.metIn === this.#recordNumber) return -1
    field.metIn = this.#recordNumber
    if (field.slot >= 0) return this.#takeSlice(field, start)
    const view = this.#view
    const at = skipBlanks(view, start, this.#end)
    return byteAt(view, at, this.#end) === openBrace ? this.#object(field.layout!, at) : skipValue(view, at, this.#end)
  }

  /** Finds out what stands at `start`. */
  #find(layout: ObjectLayout, last: Lead, start: number): Lead | undefined {
    const view = this.#view
    const end = this.#end
    for (const follower of last.followers) {
      if (!standsAt(follower, view, start, end)) continue
      last.next = follower
      this.#at = start + follower.length
      return follower
    }
    return this.#read(layout, last, start)
  }

  #read(layout: ObjectLayout, last: Lead, start: number): Lead | undefined {
    const view = this.#view
    const end = this.#end
    const isFirst = last === layout.beginning
    this.#at = -1
    let at = skipBlanks(view, isFirst ? start + 1 : start, end)
    if (byteAt(view, at, end) === closeBrace) {
      this.#at = at + 1
      return undefined
    }
    if (!isFirst) {
      if (byteAt(view, at, end) !== comma) return undefined
      at = skipBlanks(view, at + 1, end)
    }
    if (byteAt(view, at, end) !== quote) return undefined
    const nameAt = at + 1
    at = skipText(view, nameAt, end)
    if (at < 0) return undefined
    const nameEnd = at - 1
    for (let i = nameAt; i < nameEnd; i++) if (view.getUint8(i) === backslash) return undefined
    at = skipBlanks(view, at, end)
    if (byteAt(view, at, end) !== colon) return undefined
    at = skipBlanks(view, at + 1, end)
    const byte = byteAt(view, at, end)
    const field = layout.fieldNamed(view, nameAt, nameEnd)
    const isText = byte === quote
    let kind = isText ? skipAText : skipAnyValue
    if (field !== undefined) kind = field.layout !== undefined ? enterObject : isText ? takeAText : takeAnyValue
    if (kind === skipAText || kind === takeAText) at++
    if (at >= end) return undefined
    this.#at = at
    return layout.learn(this.#bytes, view, start, at, last, kind, field)
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

function isAscii(view: DataView, start: number, end: number): boolean {
  let seen = 0
  for (let at = start | 0; at < end; at = (at + 4) | 0) seen |= view.getInt32(at, true)
  return nonAsciiIn(seen) === 0
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
