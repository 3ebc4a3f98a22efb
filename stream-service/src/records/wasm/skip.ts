// Checks JSON values and passes over them without reading them. Each function starts at a position and returns where what it
// passed over ends, or `nowhere` when it needs a closer look: something is wrong with it, or it is rare.
import {
  backslash,
  byteAt,
  closeBrace,
  closeBracket,
  colon,
  comma,
  digitsIn,
  lowerB,
  lowerE,
  lowerF,
  lowerN,
  lowerR,
  lowerT,
  lowerU,
  minus,
  nowhere,
  openBrace,
  openBracket,
  plus,
  point,
  quote,
  slash,
  stopsIn,
  zero,
} from './bytes'

/** Values nested deeper than this get a closer look. */
const maxDepth = 64

// Four letters as they stand in a word.
const wordTrue: u32 = 0x65757274
const wordFals: u32 = 0x736c6166
const wordNull: u32 = 0x6c6c756e

/** A line feed is none of them: it ends a record in a file, and is rare elsewhere. */
@inline
export function isBlank(byte: u32): bool {
  return byte == 0x20 || byte == 0x09 || byte == 0x0d
}

@inline
export function skipBlanks(start: usize): usize {
  let at = start
  while (isBlank(byteAt(at))) at++
  return at
}

/** Passes over the rest of a string, from behind its opening quote or from anywhere inside it. */
export function skipText(start: usize): usize {
  let at = start
  while (true) {
    const stops = stopsIn(v128.load(at))
    if (stops == 0) {
      at += 16
      continue
    }
    at += ctz(stops)
    const byte = byteAt(at)
    if (byte == quote) return at + 1
    if (byte != backslash) return nowhere
    at = skipEscape(at)
    if (at == nowhere) return nowhere
  }
}

function skipEscape(start: usize): usize {
  const byte = byteAt(start + 1)
  if (byte != lowerU) return isSimpleEscape(byte) ? start + 2 : nowhere
  for (let at = start + 2; at < start + 6; at++) if (!isHexDigit(byteAt(at))) return nowhere
  return start + 6
}

function isSimpleEscape(byte: u32): bool {
  switch (byte) {
    case quote:
    case backslash:
    case slash:
    case lowerB:
    case lowerF:
    case lowerN:
    case lowerR:
    case lowerT:
      return true
    default:
      return false
  }
}

/** Passes over any value, and blanks before it. */
export function skipValue(start: usize, depth: i32): usize {
  const at = skipBlanks(start)
  const byte = byteAt(at)
  if (byte == minus || isDigit(byte)) return skipNumber(at)
  if (byte == quote) return skipText(at + 1)
  if (byte == openBrace) return skipObject(at, depth)
  if (byte == openBracket) return skipArray(at, depth)
  const word = load<u32>(at)
  if (word == wordTrue || word == wordNull) return at + 4
  return word == wordFals && byteAt(at + 4) == lowerE ? at + 5 : nowhere
}

function skipObject(start: usize, depth: i32): usize {
  if (depth == maxDepth) return nowhere
  let at = skipBlanks(start + 1)
  if (byteAt(at) == closeBrace) return at + 1
  while (true) {
    if (byteAt(at) != quote) return nowhere
    at = skipText(at + 1)
    if (at == nowhere) return nowhere
    at = skipBlanks(at)
    if (byteAt(at) != colon) return nowhere
    at = skipValue(at + 1, depth + 1)
    if (at == nowhere) return nowhere
    at = skipBlanks(at)
    const byte = byteAt(at)
    if (byte == closeBrace) return at + 1
    if (byte != comma) return nowhere
    at = skipBlanks(at + 1)
  }
}

function skipArray(start: usize, depth: i32): usize {
  if (depth == maxDepth) return nowhere
  let at = skipBlanks(start + 1)
  if (byteAt(at) == closeBracket) return at + 1
  while (true) {
    at = skipValue(at, depth + 1)
    if (at == nowhere) return nowhere
    at = skipBlanks(at)
    const byte = byteAt(at)
    if (byte == closeBracket) return at + 1
    if (byte != comma) return nowhere
    at = skipBlanks(at + 1)
  }
}

@inline
export function skipNumber(start: usize): usize {
  const wholeAt = byteAt(start) == minus ? start + 1 : start
  let at = skipDigits(wholeAt)
  if (at == wholeAt || (at > wholeAt + 1 && byteAt(wholeAt) == zero)) return nowhere
  let byte = byteAt(at)
  if (byte == point) {
    const fractionAt = at + 1
    at = skipDigits(fractionAt)
    if (at == fractionAt) return nowhere
    byte = byteAt(at)
  }
  if ((byte | 0x20) == lowerE) {
    const sign = byteAt(at + 1)
    const exponentAt = sign == plus || sign == minus ? at + 2 : at + 1
    at = skipDigits(exponentAt)
    if (at == exponentAt) return nowhere
  }
  return at
}

@inline
function skipDigits(start: usize): usize {
  let at = start
  while (true) {
    const count = ctz(~digitsIn(v128.load(at)))
    at += count
    if (count < 16) return at
  }
}

@inline
export function isDigit(byte: u32): bool {
  return byte - zero <= 9
}

function isHexDigit(byte: u32): bool {
  return isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)
}
