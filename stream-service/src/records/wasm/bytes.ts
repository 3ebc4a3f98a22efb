// Bytes looked at sixteen at a time. A test answers with a bit for every byte it finds, the lowest for the first byte, and
// with no bit if it finds none.
//
// Everything that is read has a byte behind it that stops whatever reads: a zero or a line feed, which stands nowhere
// in a record of one line. So no loop asks where the record ends, and sixteen bytes are read without looking whether they
// belong to it: the memory goes on that far.

/** What a step returns that meets something wrong or rare. No record begins there. */
export const nowhere: usize = 0

export const quote: u32 = 0x22
export const comma: u32 = 0x2c
export const colon: u32 = 0x3a
export const backslash: u32 = 0x5c
export const openBracket: u32 = 0x5b
export const closeBracket: u32 = 0x5d
export const openBrace: u32 = 0x7b
export const closeBrace: u32 = 0x7d
export const minus: u32 = 0x2d
export const plus: u32 = 0x2b
export const point: u32 = 0x2e
export const zero: u32 = 0x30
export const nine: u32 = 0x39
export const slash: u32 = 0x2f
export const lowerB: u32 = 0x62
export const lowerE: u32 = 0x65
export const lowerF: u32 = 0x66
export const lowerN: u32 = 0x6e
export const lowerR: u32 = 0x72
export const lowerT: u32 = 0x74
export const lowerU: u32 = 0x75
export const lineFeed: u32 = 0x0a

/** Sixteen set bytes before sixteen clear ones: a mask for any number of first bytes. */
const masks: usize = memory.data<u64>([-1, -1, 0, 0])

// V8 makes a constant vector anew at each use, from two halves. To load one costs less.
const twos: usize = memory.data<u64>([0x0202020202020202, 0x0202020202020202])
const blanks: usize = memory.data<u64>([0x2020202020202020, 0x2020202020202020])
const backslashes: usize = memory.data<u64>([0x5c5c5c5c5c5c5c5c, 0x5c5c5c5c5c5c5c5c])
const zeros: usize = memory.data<u64>([0x3030303030303030, 0x3030303030303030])
const nines: usize = memory.data<u64>([0x0909090909090909, 0x0909090909090909])

@inline
export function byteAt(at: usize): u32 {
  return load<u8>(at)
}

/** Finds what plain text in a JSON string cannot hold: a quote, a backslash, a control character. */
@inline
export function stopsIn(bytes: v128): i32 {
  // Flipping bit 1 puts the quote (0x22) right above the control characters, so that "at most 0x20" finds both.
  const flipped = v128.xor(bytes, v128.load(twos))
  return i8x16.bitmask(
    v128.or(i8x16.eq(i8x16.min_u(flipped, v128.load(blanks)), flipped), i8x16.eq(bytes, v128.load(backslashes))),
  )
}

/** Finds decimal digits. */
@inline
export function digitsIn(bytes: v128): i32 {
  const digits = i8x16.sub(bytes, v128.load(zeros))
  return i8x16.bitmask(i8x16.eq(i8x16.min_u(digits, v128.load(nines)), digits))
}

/** `bytes` with only the first `count` kept, 0 to 16 of them, and zeros behind. */
@inline
export function firstBytes(bytes: v128, count: i32): v128 {
  return v128.and(bytes, v128.load(masks + 16 - count))
}

/** Whether all of `[start, end)` is ASCII: never when it is not, and not when something is not in the sixteen bytes behind. */
@inline
export function isAscii(start: usize, end: usize): bool {
  let seen = i8x16.splat(0)
  for (let at = start; at < end; at += 16) seen = v128.or(seen, v128.load(at))
  return i8x16.bitmask(seen) == 0
}
