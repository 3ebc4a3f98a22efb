// Hashes for sketches: MurmurHash3_x86_128 by Austin Appleby (smhasher, MurmurHash3.cpp, public domain), of which 53 bits
// are kept, so that a hash is an exact JavaScript integer. Strings are hashed as UTF-8, numbers as little-endian doubles. The seed is the type, so that 1, "1" and true have nothing in common. Snapshots
// hold what these hashes made: they must never change.

import { wordBefore } from '../records/byte-words.ts'
import { readerMarginBytes } from '../records/text-hash.ts'

const c1 = 0x239b961b
const c2 = 0xab0e9789
const c3 = 0x38b34ae5
const c4 = 0xa1e38b93

const stringSeed = 0
const numberSeed = 1
const booleanSeed = 2

let utf8: Buffer = Buffer.alloc(1 << 10)
let utf8View = new DataView(utf8.buffer, utf8.byteOffset, utf8.length)
const doubleBytes = new DataView(new ArrayBuffer(8))

/** The hash of a string, finite number or boolean, an integer from 0 to 2^53 - 1; -1 for anything else. -0 is 0. */
export function hashScalar(value: unknown): number {
  if (typeof value === 'string') return hashString(value, stringSeed)
  if (typeof value === 'number') return Number.isFinite(value) ? hashNumber(value) : -1
  if (typeof value === 'boolean') return hashString(value ? 'true' : 'false', booleanSeed)
  return -1
}

/** The hash of a string by its UTF-8, which lies in memory with some bytes behind it: see `text-hash.ts`. */
export function hashUtf8(view: DataView, start: number, length: number): number {
  return hashBytes(view, start, length, stringSeed)
}

/** Lone surrogates have no UTF-8: U+FFFD stands for them. */
function hashString(text: string, seed: number): number {
  if (3 * text.length + readerMarginBytes > utf8.length) {
    utf8 = Buffer.alloc(6 * text.length + readerMarginBytes)
    utf8View = new DataView(utf8.buffer, utf8.byteOffset, utf8.length)
  }
  return hashBytes(utf8View, 0, utf8.write(text, 0), seed)
}

function hashBytes(view: DataView, start: number, length: number, seed: number): number {
  let h1 = seed
  let h2 = seed
  let h3 = seed
  let h4 = seed
  let at = start | 0
  const whole = (at + (length & ~15)) | 0
  for (; at < whole; at = (at + 16) | 0) {
    h1 = rotated(h1 ^ mixed1(view.getInt32(at, true)), 19)
    h1 = (Math.imul((h1 + h2) | 0, 5) + 0x561ccd1b) | 0
    h2 = rotated(h2 ^ mixed2(view.getInt32(at + 4, true)), 17)
    h2 = (Math.imul((h2 + h3) | 0, 5) + 0x0bcaa747) | 0
    h3 = rotated(h3 ^ mixed3(view.getInt32(at + 8, true)), 15)
    h3 = (Math.imul((h3 + h4) | 0, 5) + 0x96cd1c35) | 0
    h4 = rotated(h4 ^ mixed4(view.getInt32(at + 12, true)), 13)
    h4 = (Math.imul((h4 + h1) | 0, 5) + 0x32ac3b17) | 0
  }
  // A block of zeros, which stands for one that is not there, changes nothing.
  const end = (start + length) | 0
  h1 ^= mixed1(wordBefore(view, at, end))
  h2 ^= mixed2(wordBefore(view, at + 4, end))
  h3 ^= mixed3(wordBefore(view, at + 8, end))
  h4 ^= mixed4(wordBefore(view, at + 12, end))
  return finished(h1, h2, h3, h4, length)
}

function hashNumber(value: number): number {
  doubleBytes.setFloat64(0, value === 0 ? 0 : value, true)
  const h1 = numberSeed ^ mixed1(doubleBytes.getInt32(0, true))
  const h2 = numberSeed ^ mixed2(doubleBytes.getInt32(4, true))
  return finished(h1, h2, numberSeed, numberSeed, 8)
}

/** The last mixing of the four lanes, and the first of them with 21 bits of the second. */
function finished(h1: number, h2: number, h3: number, h4: number, bytes: number): number {
  h2 ^= bytes
  h3 ^= bytes
  h4 ^= bytes
  h1 = ((h1 ^ bytes) + h2 + h3 + h4) | 0
  h2 = avalanched((h2 + h1) | 0)
  h3 = avalanched((h3 + h1) | 0)
  h4 = avalanched((h4 + h1) | 0)
  h1 = (avalanched(h1) + h2 + h3 + h4) | 0
  h2 = (h2 + h1) | 0
  return (h2 & 0x1fffff) * 0x1_0000_0000 + (h1 >>> 0)
}

function mixed1(block: number): number {
  return Math.imul(rotated(Math.imul(block, c1), 15), c2)
}

function mixed2(block: number): number {
  return Math.imul(rotated(Math.imul(block, c2), 16), c3)
}

function mixed3(block: number): number {
  return Math.imul(rotated(Math.imul(block, c3), 17), c4)
}

function mixed4(block: number): number {
  return Math.imul(rotated(Math.imul(block, c4), 18), c1)
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}

function avalanched(word: number): number {
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35)
  return word ^ (word >>> 16)
}
