// Text looked at four bytes at a time. A word is four bytes read little-endian into a 32-bit integer, so its lowest byte is
// the first of the text. A test sets the top bit of every byte it finds and is 0 if it finds none. Only the first find counts:
// the arithmetic of a find may spill into the bytes after it.
//
// Who uses these in a loop gives them a name of its own (`const stopsIn = words.stopsIn`): V8 folds a module's own constant
// into compiled code, but looks up an import at every use, which made the loops a third slower.

const topBits = 0x80808080

/** Finds what plain text in a JSON string cannot hold: a quote, a backslash, a control character. */
export function stopsIn(word: number): number {
  // Flipping bit 1 puts the quote (0x22) right above the control characters, so that "below 0x21" finds both.
  return (((word ^ 0x02020202) - 0x21212121) | ((word ^ 0x5c5c5c5c) - 0x01010101)) & ~word & topBits
}

/** Finds what is no decimal digit. */
export function nonDigitsIn(word: number): number {
  const digits = word ^ 0x30303030
  return ((digits + 0x76767676) | digits) & topBits
}

/** Finds bytes beyond ASCII; all finds count. */
export function nonAsciiIn(word: number): number {
  return word & topBits
}

/** Which byte the first find of a test is, 0 to 3. */
export function firstFind(finds: number): number {
  return (31 - Math.clz32(finds & -finds)) >>> 3
}

/** A word with only its first bytes kept, 0 to 3 of them. */
export function firstBytes(word: number, count: number): number {
  return word & ((1 << (count << 3)) - 1)
}

/** The value of four decimal digits. */
export function fourDigits(word: number): number {
  const digits = word ^ 0x30303030
  // Every second byte becomes a pair: ten times itself and the byte after it.
  const pairs = (Math.imul(digits, 10) + (digits >>> 8)) & 0x00ff00ff
  return Math.imul(pairs & 0xff, 100) + (pairs >>> 16)
}

/** The value of the first digits of a word, 1 to 3 of them: they are moved up behind zeros. */
export function firstDigits(word: number, count: number): number {
  return fourDigits((word << (32 - (count << 3))) | (0x30303030 >>> (count << 3)))
}
