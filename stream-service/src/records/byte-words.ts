// Text looked at four bytes at a time. A word is four bytes read little-endian into a 32-bit integer, so its lowest byte is
// the first of the text. A test sets the top bit of every byte it finds and is 0 if it finds none.
//
// Who uses these in a loop gives them a name of its own (`const nonAsciiIn = words.nonAsciiIn`): V8 folds a module's own constant
// into compiled code, but looks up an import at every use, which made the loops a third slower.

const topBits = 0x80808080

/** Finds bytes beyond ASCII. */
export function nonAsciiIn(word: number): number {
  return word & topBits
}

/** A word with only its first bytes kept, 0 to 3 of them. */
export function firstBytes(word: number, count: number): number {
  return word & ((1 << (count << 3)) - 1)
}

/** The word at a position, with zeros from `end` on; up to three bytes behind `end` are read. */
export function wordBefore(view: DataView, at: number, end: number): number {
  const length = end - at
  if (length >= 4) return view.getInt32(at, true)
  return length > 0 ? firstBytes(view.getInt32(at, true), length) : 0
}
