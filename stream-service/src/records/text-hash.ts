// A hash of short texts by their bytes, four at a time, for tables in memory only: nothing that is saved depends on it.
import * as words from './byte-words.ts'

const { firstBytes } = words

/** So many bytes must follow a text in memory, because words are read without looking whether they fit. */
export const readerMarginBytes = 4

/** The hash so far with one more word in it. */
export function mixWord(hash: number, word: number): number {
  return Math.imul(((hash << 15) | (hash >>> 17)) ^ word, 0x9e3779b1)
}

/** The hash of a text of `length` bytes, once all its whole words and the rest behind them, which may be empty, are in it. */
export function finishHash(hash: number, length: number): number {
  const mixed = Math.imul(hash ^ length, 0x85ebca6b)
  return mixed ^ (mixed >>> 15)
}

/** The hash of `view[start, start + length)`. */
export function hashText(view: DataView, start: number, length: number): number {
  let hash = 0
  let at = start | 0
  const whole = (at + (length & ~3)) | 0
  for (; at < whole; at = (at + 4) | 0) hash = mixWord(hash, view.getInt32(at, true))
  return finishHash(mixWord(hash, firstBytes(view.getInt32(at, true), length & 3)), length)
}
