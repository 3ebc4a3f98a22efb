// Text looked at four bytes at a time. A word is four bytes read little-endian into a 32-bit integer, so its lowest byte is
// the first one of the text. A test on a word sets the top bit of every byte it finds; what lies above the first find may be
// wrong, because a subtraction borrowed from it, so only the lowest find counts.

const topBits = 0x80808080

/** Finds where plain text in a JSON string stops: at a quote, a backslash or a control character; 0 if nowhere in this word. */
export function stopsIn(word: number): number {
  // Flipping bit 1 puts the quote (0x22) right above the control characters, so that one comparison, "below 0x21", finds both.
  return (((word ^ 0x02020202) - 0x21212121) | ((word ^ 0x5c5c5c5c) - 0x01010101)) & ~word & topBits
}

/** Finds where a run of decimal digits stops; 0 if nowhere in this word. */
export function nonDigitsIn(word: number): number {
  const digits = word ^ 0x30303030
  return ((digits + 0x76767676) | digits) & topBits
}

/** Finds bytes beyond ASCII. All finds are right. */
export function nonAsciiIn(word: number): number {
  return word & topBits
}

/** Which byte, 0 to 3, the lowest find of a test is. */
export function firstFind(finds: number): number {
  return (31 - Math.clz32(finds & -finds)) >>> 3
}

/** The value of four decimal digits. */
export function fourDigits(word: number): number {
  const digits = word ^ 0x30303030
  // Pairs first: each even byte becomes ten times itself and the byte after it.
  const pairs = (digits * 10 + (digits >>> 8)) & 0x00ff00ff
  return ((pairs & 0xff) * 100 + (pairs >>> 16)) | 0
}

/** The first `count` bytes of a word, 0 to 3, the others zero. */
export function firstBytes(word: number, count: number): number {
  return word & ((1 << (count << 3)) - 1)
}
