// Keys as they stand in a pane's line: percent-encoded in the id, and as the `key` object, both written from the key's bytes.
import { type KeyTable, partHeadBytes, textTag } from '../windows/key-table.ts'
import type { LineWriter } from './line-writer.ts'

const quote = 0x22
const percent = 0x25
const backslash = 0x5c
const openBrace = 0x7b
const closeBrace = 0x7d
const tilde = 0x7e

/** Percent-encodes one part of an id: as encodeURIComponent does, and `~` too, which marks numbers and booleans. */
export function encodeIdPart(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll('~', '%7E')
}

/** 1 for the bytes that percent-encoding leaves as they are. */
const plainInId = new Uint8Array(256)
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!*'()")
  plainInId[character.charCodeAt(0)] = 1
/** 1 for the bytes that JSON needs no escape for. */
const plainInJson = new Uint8Array(256)
for (let byte = 0x20; byte < 256; byte++) if (byte !== quote && byte !== backslash) plainInJson[byte] = 1

const hexDigits = Buffer.from('0123456789ABCDEF', 'latin1')

export class KeyWriter {
  readonly #keys: KeyTable
  readonly #out: LineWriter
  /** Per `keyBy` field, what stands before its value in the id and in the `key` object. */
  readonly #names: readonly { readonly id: Buffer; readonly json: Buffer }[]
  readonly #namesBytes: number
  #at = 0

  constructor(keyBy: readonly string[], keys: KeyTable, out: LineWriter) {
    this.#keys = keys
    this.#out = out
    this.#names = keyBy.map((name, i) => ({
      id: Buffer.from(`${i === 0 ? '' : '&'}${encodeIdPart(name)}=`),
      json: Buffer.from(`${i === 0 ? '{' : ','}${JSON.stringify(name)}:`),
    }))
    this.#namesBytes = this.#names.reduce((sum, { id, json }) => sum + id.length + json.length + 3, 4)
  }

  /** How many bytes a key takes at most, in the id and as an object together. */
  maxBytes(key: number): number {
    // A byte is three in an id, and an escape of six in JSON.
    return this.#namesBytes + 9 * this.#keys.lengthOf(key)
  }

  /** Writes the key's part of the id; its room must be reserved. */
  writeId(key: number): void {
    const keys = this.#keys
    const bytes = keys.bytes
    const start = keys.startOf(key)
    const length = keys.lengthOf(key)
    const out = this.#out.bytes
    this.#at = this.#out.at
    const names = this.#names
    if (names.length === 0)
      out[this.#at++] = 0x2d // -
    else if (names.length === 1) {
      this.#copy(out, names[0]!.id)
      this.#idValue(out, bytes, keys.tagOf(key), start, start + length)
    } else {
      let at = start
      for (const { id } of names) {
        const partStart = at + partHeadBytes
        const partEnd = partStart + partLength(bytes, at)
        this.#copy(out, id)
        this.#idValue(out, bytes, bytes[at]!, partStart, partEnd)
        at = partEnd
      }
    }
    this.#out.at = this.#at
  }

  /** Writes the `key` object; its room must be reserved. */
  writeJson(key: number): void {
    const keys = this.#keys
    const bytes = keys.bytes
    const start = keys.startOf(key)
    const length = keys.lengthOf(key)
    const out = this.#out.bytes
    this.#at = this.#out.at
    const names = this.#names
    if (names.length === 0) out[this.#at++] = openBrace
    else if (names.length === 1) {
      this.#copy(out, names[0]!.json)
      this.#jsonValue(out, bytes, keys.tagOf(key), start, start + length)
    } else {
      let at = start
      for (const { json } of names) {
        const partStart = at + partHeadBytes
        const partEnd = partStart + partLength(bytes, at)
        this.#copy(out, json)
        this.#jsonValue(out, bytes, bytes[at]!, partStart, partEnd)
        at = partEnd
      }
    }
    out[this.#at++] = closeBrace
    this.#out.at = this.#at
  }

  #copy(out: Buffer, from: Buffer): void {
    let at = this.#at
    for (let i = 0; i < from.length; i++) out[at++] = from[i]!
    this.#at = at
  }

  #idValue(out: Buffer, bytes: Uint8Array, tag: number, start: number, end: number): void {
    let at = this.#at
    if (tag !== textTag) out[at++] = tilde
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!
      if (plainInId[byte] === 1) out[at++] = byte
      else {
        out[at] = percent
        out[at + 1] = hexDigits[byte >> 4]!
        out[at + 2] = hexDigits[byte & 15]!
        at += 3
      }
    }
    this.#at = at
  }

  #jsonValue(out: Buffer, bytes: Uint8Array, tag: number, start: number, end: number): void {
    let at = this.#at
    const isText = tag === textTag
    if (isText) out[at++] = quote
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!
      if (plainInJson[byte] === 1) out[at++] = byte
      else at = writeEscape(out, at, byte)
    }
    if (isText) out[at++] = quote
    this.#at = at
  }

  /** The key's part of an id, as text. */
  idOf(key: number): string {
    const saved = this.#keys.save(key)
    const values = typeof saved === 'object' ? saved : [saved]
    if (values.length === 0) return '-'
    return values
      .map((value, i) => {
        const text = encodeIdPart(String(value))
        return `${this.#names[i]!.id.toString()}${typeof value === 'string' ? '' : '~'}${text}`
      })
      .join('')
  }
}

function partLength(bytes: Uint8Array, head: number): number {
  return bytes[head + 1]! | (bytes[head + 2]! << 8) | (bytes[head + 3]! << 16) | (bytes[head + 4]! << 24)
}

/** Escapes a byte as JSON.stringify does. */
function writeEscape(out: Buffer, at: number, byte: number): number {
  const escaped = JSON.stringify(String.fromCharCode(byte)).slice(1, -1)
  return at + out.write(escaped, at, 'latin1')
}
