// A hash of short texts by their bytes, for tables in memory only: nothing that is saved depends on it. The scanner computes
// the same one (`wasm/take-text.ts`), sixteen bytes at a time, so it has four lanes: words 0, 4, 8 … go into the first, words
// 1, 5, 9 … into the second, and so on. A text ends with zeros up to sixteen bytes, at least one.
import * as words from './byte-words.ts'

const { wordBefore } = words

/** So many bytes must follow a text in memory, because words are read without looking whether they fit. */
export const readerMarginBytes = 4

/** The hash of `view[start, start + length)`. */
export function hashText(view: DataView, start: number, length: number): number {
  let a = 0x6a09e667
  let b = 0xbb67ae85
  let c = 0x3c6ef372
  let d = 0xa54ff53a
  let at = start | 0
  const end = (at + length) | 0
  for (; at <= end - 16; at = (at + 16) | 0) {
    a = mix(a ^ view.getInt32(at, true), 0x9e3779b1)
    b = mix(b ^ view.getInt32(at + 4, true), 0x85ebca77)
    c = mix(c ^ view.getInt32(at + 8, true), 0xc2b2ae3d)
    d = mix(d ^ view.getInt32(at + 12, true), 0x27d4eb2f)
  }
  a = mix(a ^ wordBefore(view, at, end), 0x9e3779b1)
  b = mix(b ^ wordBefore(view, at + 4, end), 0x85ebca77)
  c = mix(c ^ wordBefore(view, at + 8, end), 0xc2b2ae3d)
  d = mix(d ^ wordBefore(view, at + 12, end), 0x27d4eb2f)
  const mixed = Math.imul((a + b + c + d) ^ length, 0x85ebca6b)
  return mixed ^ (mixed >>> 15)
}

function mix(word: number, factor: number): number {
  const mixed = Math.imul(word, factor)
  return mixed ^ (mixed >>> 15)
}
