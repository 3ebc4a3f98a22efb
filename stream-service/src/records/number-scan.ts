// JSON numbers from bytes. A plain one is a whole number over a power of ten: where the first has at most 53 bits and the
// second is exact, one division rounds correctly (Clinger, "How to Read Floating Point Numbers Accurately", 1990). Longer ones
// and those with an exponent are left to Number().
import * as words from './byte-words.ts'
import { skipNumber } from './json-skip.ts'

const { nonDigitsIn, firstFind, fourDigits, firstDigits } = words

const minus = 0x2d
const point = 0x2e
const zero = 0x30
const lowerE = 0x65

/** The powers of ten that a double holds exactly. */
const powersOfTen = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))

export class NumberScan {
  /** The number read last. */
  value = 0

  /**
   * Reads the number at `start` into `value` and returns where it ends; -1 if it is none, or does not end before `end`.
   * `bytes` and `view` are the same memory, with a margin as in `json-skip.ts`.
   */
  read(bytes: Buffer, view: DataView, start: number, end: number): number {
    let at = start | 0
    const isNegative = view.getUint8(at) === minus
    if (isNegative) at = (at + 1) | 0
    const wholeAt = at
    let mantissa = 0
    let byte = 0
    for (;;) {
      if (at >= end) return -1
      const word = view.getInt32(at, true)
      const finds = nonDigitsIn(word)
      if (finds !== 0) {
        const count = firstFind(finds)
        if (count > 0) mantissa = mantissa * powersOfTen[count]! + firstDigits(word, count)
        at = (at + count) | 0
        byte = (word >>> (count << 3)) & 0xff
        break
      }
      mantissa = mantissa * 10_000 + fourDigits(word)
      at = (at + 4) | 0
    }
    const digits = at - wholeAt
    if (digits === 0 || (digits > 1 && view.getUint8(wholeAt) === zero)) return -1
    let decimals = 0
    if (byte === point) {
      at = (at + 1) | 0
      const fractionAt = at
      for (;;) {
        if (at >= end) return -1
        const word = view.getInt32(at, true)
        const finds = nonDigitsIn(word)
        if (finds !== 0) {
          const count = firstFind(finds)
          if (count > 0) mantissa = mantissa * powersOfTen[count]! + firstDigits(word, count)
          at = (at + count) | 0
          byte = (word >>> (count << 3)) & 0xff
          break
        }
        mantissa = mantissa * 10_000 + fourDigits(word)
        at = (at + 4) | 0
      }
      decimals = at - fractionAt
      if (decimals === 0) return -1
    }
    if (mantissa > Number.MAX_SAFE_INTEGER || decimals > 22 || (byte | 0x20) === lowerE)
      return this.#leave(bytes, view, start, end)
    if (at >= end) return -1
    if (decimals > 0) mantissa /= powersOfTen[decimals]!
    this.value = isNegative ? -mantissa : mantissa
    return at
  }

  #leave(bytes: Buffer, view: DataView, start: number, end: number): number {
    const at = skipNumber(view, start, end)
    if (at >= 0) this.value = Number(bytes.toString('latin1', start, at))
    return at
  }
}
