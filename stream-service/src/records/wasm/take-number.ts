// JSON numbers from bytes. A plain one is a whole number over a power of ten: where the first has at most 53 bits and the
// second is exact, one division rounds correctly (Clinger, "How to Read Floating Point Numbers Accurately", 1990). Longer ones
// and those with an exponent are left to the other side.
import { byteAt, digitsIn, lastBytes, lowerE, minus, nowhere, point, zero } from './bytes'
import { readNumber } from './host'
import { isDigit, skipNumber } from './skip'
import { setNumber } from './values'

const maxSafeInteger: u64 = 0x1fffffffffffff
/** Digits of which a 64-bit integer holds as many. */
const maxDigits = 18

const powersOfTen: usize = memory.data<u64>([
  1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000,
  10000000000000, 100000000000000, 1000000000000000, 10000000000000000,
])

/** Takes the number at `start` for a slot, and returns where it ends. */
// @ts-ignore: a decorator of AssemblyScript
@inline
export function takeNumber(slot: usize, start: usize): usize {
  const isNegative = byteAt(start) == minus
  let at = start + <usize>isNegative
  const wholeDigits = ctz(~digitsIn(v128.load(at)))
  if (wholeDigits == 0 || (wholeDigits > 1 && byteAt(at) == zero)) return nowhere
  at += wholeDigits
  let mantissa = valueOfDigits(at, wholeDigits)
  let byte = byteAt(at)
  let value: f64
  if (byte == point) {
    const decimals = ctz(~digitsIn(v128.load(at + 1)))
    if (decimals == 0) return nowhere
    at += 1 + decimals
    byte = byteAt(at)
    if (wholeDigits + decimals > maxDigits) return leaveNumber(slot, start)
    const power = load<u64>(powersOfTen + (decimals << 3))
    mantissa = mantissa * power + valueOfDigits(at, decimals)
    value = <f64>(<i64>mantissa) / <f64>(<i64>power)
  } else value = <f64>(<i64>mantissa)
  // The byte is a digit when there are more than sixteen.
  if (mantissa > maxSafeInteger || (byte | 0x20) == lowerE || isDigit(byte)) return leaveNumber(slot, start)
  setNumber(slot, isNegative ? -value : value)
  return at
}

/** The value of the last `count` digits before `end`, 1 to 16 of them. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function valueOfDigits(end: usize, count: i32): u64 {
  const digits = lastBytes(i8x16.sub(v128.load(end - 16), i8x16.splat(0x30)), count)
  // Neighbours are joined: pairs of digits, then four, then eight.
  const pairs = i16x8.add(i16x8.mul(v128.and(digits, i16x8.splat(0xff)), i16x8.splat(10)), i16x8.shr_u(digits, 8))
  const fours = i32x4.dot_i16x8_s(pairs, i16x8(100, 1, 100, 1, 100, 1, 100, 1))
  const eights = i32x4.dot_i16x8_s(i16x8.narrow_i32x4_s(fours, fours), i16x8(10000, 1, 10000, 1, 0, 0, 0, 0))
  const both = i64x2.extract_lane(eights, 0)
  return (both & 0xffffffff) * 100000000 + (both >>> 32)
}

function leaveNumber(slot: usize, start: usize): usize {
  const end = skipNumber(start)
  if (end != nowhere) setNumber(slot, readNumber(start, end))
  return end
}
