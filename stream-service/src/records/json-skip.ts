// Checks JSON values and passes over them without reading them. Each function starts at a position of `view` and returns
// where what it passed over ends, or -1 when that is not before `end` or needs a closer look: something is wrong with it, or
// it is rare. At least `marginBytes` of `view` must follow `end`, because words are read without looking whether they fit.
import * as words from './byte-words.ts'

const { stopsIn, firstFind } = words

export const marginBytes = 8

/** Values nested deeper than this get a closer look. */
const maxDepth = 64

const quote = 0x22
const comma = 0x2c
const colon = 0x3a
const backslash = 0x5c
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d
const minus = 0x2d
const plus = 0x2b
const point = 0x2e
const zero = 0x30
const lowerE = 0x65
const lowerU = 0x75
// Four letters as they stand in a word.
const wordTrue = 0x65757274
const wordFals = 0x736c6166
const wordNull = 0x6c6c756e

/** Passes over blanks; may return `end`. A line feed is none of them: it ends a record in a file, and is rare elsewhere. */
export function skipBlanks(view: DataView, start: number, end: number): number {
  let at = start | 0
  while (at < end && isBlank(view.getUint8(at))) at = (at + 1) | 0
  return at
}

export function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d
}

/** Passes over any value, and blanks before it. */
export function skipValue(view: DataView, start: number, end: number, depth = 0): number {
  if (start >= end) return -1
  const byte = view.getUint8(start)
  if (byte === quote) return skipText(view, start + 1, end)
  if (byte === openBrace) return skipObject(view, start, end, depth)
  if (byte === openBracket) return skipArray(view, start, end, depth)
  if (byte === minus || isDigit(byte)) return skipNumber(view, start, end)
  const word = view.getInt32(start, true)
  if (word === wordTrue || word === wordNull) return start + 4
  if (word === wordFals && view.getUint8(start + 4) === lowerE) return start + 5
  return isBlank(byte) ? skipValue(view, skipBlanks(view, start, end), end, depth) : -1
}

function skipObject(view: DataView, start: number, end: number, depth: number): number {
  if (depth === maxDepth) return -1
  let at = skipBlanks(view, start + 1, end)
  if (byteAt(view, at, end) === closeBrace) return at + 1
  for (;;) {
    if (byteAt(view, at, end) !== quote) return -1
    at = skipText(view, at + 1, end)
    if (at < 0) return -1
    at = skipBlanks(view, at, end)
    if (byteAt(view, at, end) !== colon) return -1
    at = skipValue(view, at + 1, end, depth + 1)
    if (at < 0) return -1
    at = skipBlanks(view, at, end)
    const byte = byteAt(view, at, end)
    if (byte === closeBrace) return at + 1
    if (byte !== comma) return -1
    at = skipBlanks(view, at + 1, end)
  }
}

function skipArray(view: DataView, start: number, end: number, depth: number): number {
  if (depth === maxDepth) return -1
  let at = skipBlanks(view, start + 1, end)
  if (byteAt(view, at, end) === closeBracket) return at + 1
  for (;;) {
    at = skipValue(view, at, end, depth + 1)
    if (at < 0) return -1
    at = skipBlanks(view, at, end)
    const byte = byteAt(view, at, end)
    if (byte === closeBracket) return at + 1
    if (byte !== comma) return -1
    at = skipBlanks(view, at + 1, end)
  }
}

/** The byte at a position, 0 at and behind `end`. */
export function byteAt(view: DataView, at: number, end: number): number {
  return at < end ? view.getUint8(at) : 0
}

/** Passes over the rest of a string, from behind its opening quote or from anywhere inside it. */
export function skipText(view: DataView, start: number, end: number): number {
  let at = start | 0
  for (;;) {
    let stops = 0
    do {
      if (at >= end) return -1
      stops = stopsIn(view.getInt32(at, true))
      at = (at + 4) | 0
    } while (stops === 0)
    at = (at - 4 + firstFind(stops)) | 0
    const byte = view.getUint8(at)
    if (byte === quote) return at + 1
    if (byte !== backslash) return -1
    at = skipEscape(view, at) | 0
    if (at < 0) return -1
  }
}

function skipEscape(view: DataView, start: number): number {
  const byte = view.getUint8(start + 1)
  if (byte !== lowerU) return isSimpleEscape(byte) ? start + 2 : -1
  for (let at = start + 2; at < start + 6; at++) if (!isHexDigit(view.getUint8(at))) return -1
  return start + 6
}

function isSimpleEscape(byte: number): boolean {
  switch (byte) {
    case quote:
    case backslash:
    case 0x2f: // slash
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return true
    default:
      return false
  }
}

export function skipNumber(view: DataView, start: number, end: number): number {
  const wholeAt = view.getUint8(start) === minus ? start + 1 : start
  let at = skipDigits(view, wholeAt, end)
  if (at < 0 || (at > wholeAt + 1 && view.getUint8(wholeAt) === zero)) return -1
  if (view.getUint8(at) === point) {
    at = skipDigits(view, at + 1, end)
    if (at < 0) return -1
  }
  if ((view.getUint8(at) | 0x20) === lowerE) {
    const sign = view.getUint8(at + 1)
    at = skipDigits(view, sign === plus || sign === minus ? at + 2 : at + 1, end)
  }
  return at
}

function skipDigits(view: DataView, start: number, end: number): number {
  let at = start | 0
  while (at < end && isDigit(view.getUint8(at))) at = (at + 1) | 0
  return at === start || at >= end ? -1 : at
}

function isDigit(byte: number): boolean {
  return byte >= zero && byte <= 0x39
}

function isHexDigit(byte: number): boolean {
  return isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)
}
