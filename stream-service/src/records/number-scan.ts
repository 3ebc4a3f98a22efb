// JSON numbers from bytes. Plain ones, up to 2^53 without their point, are computed exactly: a whole number that fits 53
// bits divided by a power of ten that does too is one correctly rounded operation (Clinger, "How to Read Floating Point
// Numbers Accurately", 1990). All others are left to Number().
import { fourDigits, nonDigitsIn } from './byte-words.ts'

const minus = 0x2d
const plus = 0x2b
const point = 0x2e
const zero = 0x30

/** Powers of ten that a double holds exactly. */
const powersOfTen = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))

export class NumberScan {
  /** The number read last. */
  value = 0

  /**
   * Reads the number at `start` into `value` and returns where it ends; -1 if it is none, or does not end before `end`.
   * `bytes` and `view` are the same memory.
   */
  read(bytes: Buffer, view: DataView, start: number, end: number): number {
    const isNegative = view.getUint8(start) === minus
    let at = isNegative ? start + 1 : start
    const wholeAt = at
    let mantissa = 0
    while (at < end) {
      const word = view.getInt32(at, true)
      if (nonDigitsIn(word) !== 0) break
      mantissa = mantissa * 10_000 + fourDigits(word)
      at += 4
    }
    let byte = view.getUint8(at)
    while (at < end && isDigit(byte)) {
      mantissa = mantissa * 10 + (byte - zero)
      byte = view.getUint8(++at)
    }
    const digits = at - wholeAt
    if (digits === 0 || (digits > 1 && view.getUint8(wholeAt) === zero)) return -1
    let decimals = 0
    if (byte === point) {
      const fractionAt = ++at
      byte = view.getUint8(at)
      while (at < end && isDigit(byte)) {
        mantissa = mantissa * 10 + (byte - zero)
        byte = view.getUint8(++at)
      }
      decimals = at - fractionAt
      if (decimals === 0) return -1
    }
    if (at >= end) return -1
    if (mantissa > Number.MAX_SAFE_INTEGER || decimals > 22 || (byte | 0x20) === 0x65) {
      const stop = skipNumber(view, start, end)
      if (stop >= 0) this.value = Number(bytes.toString('latin1', start, stop))
      return stop
    }
    const magnitude = decimals === 0 ? mantissa : mantissa / powersOfTen[decimals]!
    this.value = isNegative ? -magnitude : magnitude
    return at
  }
}

/** Where the number at `start` ends; -1 if it is none, or does not end before `end`. */
export function skipNumber(view: DataView, start: number, end: number): number {
  let at = view.getUint8(start) === minus ? start + 1 : start
  const wholeAt = at
  at = skipDigits(view, at, end)
  const digits = at - wholeAt
  if (digits === 0 || (digits > 1 && view.getUint8(wholeAt) === zero)) return -1
  if (at < end && view.getUint8(at) === point) {
    const fractionAt = at + 1
    at = skipDigits(view, fractionAt, end)
    if (at === fractionAt) return -1
  }
  if (at < end && (view.getUint8(at) | 0x20) === 0x65) {
    at++
    const sign = view.getUint8(at)
    if (sign === plus || sign === minus) at++
    const exponentAt = at
    at = skipDigits(view, exponentAt, end)
    if (at === exponentAt) return -1
  }
  return at < end ? at : -1
}

function skipDigits(view: DataView, start: number, end: number): number {
  let at = start
  while (at < end && isDigit(view.getUint8(at))) at++
  return at
}

function isDigit(byte: number): boolean {
  return ((byte - zero) >>> 0) < 10
}
