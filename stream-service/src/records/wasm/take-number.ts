// JSON numbers from bytes. A plain one is a whole number over a power of ten: where the first has at most 53 bits and the
// second is exact, one division rounds correctly (Clinger, "How to Read Floating Point Numbers Accurately", 1990). Longer ones
// and those with an exponent are left to the other side.
import { byteAt, comma, digitsIn, lowerE, minus, nowhere, point, zero } from './bytes'
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
const doublePowersOfTen: usize = memory.data<f64>([
  1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
])

/** What is taken off the last digits before a position, to leave their values: all there is from the bytes before them. */
const zeros: usize = memory.data<u64>([-1, -1, 0x3030303030303030, 0x3030303030303030])
const tens: usize = memory.data<u64>([0x010a010a010a010a, 0x010a010a010a010a])
const hundreds: usize = memory.data<u64>([0x0001006400010064, 0x0001006400010064])
const tenThousands: usize = memory.data<u64>([0x0001271000012710, 0x0001271000012710])

/** Takes the number at `start` for a slot, and returns where it ends. */
@inline
export function takeNumber(slot: usize, start: usize): usize {
  const isNegative = byteAt(start) == minus
  let at = start + <usize>isNegative
  const wholeDigits = countOfDigits(at)
  if (wholeDigits == 0) return nowhere
  if (byteAt(at) == zero) {
    if (wholeDigits > 1) return nowhere
  }
  at += wholeDigits
  let mantissa = valueOfDigits(at, wholeDigits)
  let byte = byteAt(at)
  let value: f64
  if (byte == point) {
    const decimals = countOfDigits(at + 1)
    if (decimals == 0) return nowhere
    if (wholeDigits + decimals > maxDigits) return leaveNumber(slot, start)
    at += decimals + 1
    byte = byteAt(at)
    mantissa = mantissa * load<u64>(powersOfTen + (<usize>decimals << 3)) + valueOfDigits(at, decimals)
    value = <f64>(<i64>mantissa) / load<f64>(doublePowersOfTen + (<usize>decimals << 3))
  } else value = <f64>(<i64>mantissa)
  if (mantissa > maxSafeInteger) return leaveNumber(slot, start)
  // A comma and a brace are what mostly follows; a digit stands there when there are more than sixteen.
  if (byte != comma) {
    if ((byte | 0x20) == lowerE || isDigit(byte)) return leaveNumber(slot, start)
  }
  setNumber(slot, isNegative ? -value : value)
  return at
}

/** How many digits there are, at most sixteen. */
@inline
function countOfDigits(at: usize): i32 {
  return ctz(~digitsIn(v128.load(at)))
}

/** The value of the last `count` digits before `end`, 1 to 16 of them. */
@inline
function valueOfDigits(end: usize, count: i32): u64 {
  const digits = i8x16.sub_sat_u(v128.load(end - 16), v128.load(zeros + count))
  // Neighbours are joined: pairs of digits, then four, then eight. Nothing gets near what a lane holds, so that what is
  // relaxed about the first step, how it treats large numbers, does not matter.
  const pairs = i16x8.relaxed_dot_i8x16_i7x16_s(digits, v128.load(tens))
  const fours = i32x4.dot_i16x8_s(pairs, v128.load(hundreds))
  const eights = i32x4.dot_i16x8_s(i16x8.narrow_i32x4_s(fours, fours), v128.load(tenThousands))
  const both = i64x2.extract_lane(eights, 0)
  return (both & 0xffffffff) * 100000000 + (both >>> 32)
}

function leaveNumber(slot: usize, start: usize): usize {
  const end = skipNumber(start)
  if (end != nowhere) setNumber(slot, readNumber(start, end))
  return end
}
