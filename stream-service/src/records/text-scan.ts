// Reads a JSON string that has nothing in it but its text, and hashes it on the way.
import * as words from './byte-words.ts'
import * as hashing from './text-hash.ts'

const { stopsIn, firstFind, firstBytes } = words
const { mixWord, finishHash } = hashing

const quote = 0x22

export class TextScan {
  /** The length in bytes and the hash of the text read last. */
  length = 0
  hash = 0

  /**
   * Reads the string whose text begins at `start`, and returns where it ends, behind its closing quote; -1 when it does not
   * end before `end` or needs a closer look, because of an escape or a control character. A margin as in `json-skip.ts`.
   */
  read(view: DataView, start: number, end: number): number {
    let at = start | 0
    let hash = 0
    let word = 0
    let stops = 0
    for (;;) {
      if (at >= end) return -1
      word = view.getInt32(at, true)
      stops = stopsIn(word)
      if (stops !== 0) break
      hash = mixWord(hash, word)
      at = (at + 4) | 0
    }
    const count = firstFind(stops)
    at = (at + count) | 0
    if (at >= end || view.getUint8(at) !== quote) return -1
    const length = (at - start) | 0
    this.length = length
    this.hash = finishHash(mixWord(hash, firstBytes(word, count)), length)
    return at + 1
  }
}
