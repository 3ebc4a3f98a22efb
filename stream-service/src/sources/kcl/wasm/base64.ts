// Base64, sixteen characters at a time, after Wojciech Muła and Daniel Lemire, "Faster Base64 Encoding and Decoding using
// AVX2 Instructions" (2018): the high nibble of a character says what to add to it, and two tables by nibble find what is
// no base64.

const quote: u32 = 0x22
const padding: u32 = 0x3d

const lows: usize = memory.data<u8>([
  0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a,
])
const highs: usize = memory.data<u8>([
  0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10,
])
const rolls: usize = memory.data<i8>([0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0])
const order: usize = memory.data<u8>([2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, 255, 255, 255, 255])

@unmanaged
class Decoded {
  /** Where the closing quote is; 0 when the text is no base64 with padding. */
  stoppedAt: usize
  writtenTo: usize
}
const decoded: Decoded = new Decoded()

/** Decodes the text from `at` to its closing quote. `to` must be at least nine bytes before `at`. */
export function decodeBase64(at: usize, to: usize): Decoded {
  for (;;) {
    const chars = v128.load(at)
    const high = v128.and(i16x8.shr_u(chars, 4), i8x16.splat(0x0f))
    const low = v128.and(chars, i8x16.splat(0x0f))
    const wrong = v128.and(i8x16.swizzle(v128.load(lows), low), i8x16.swizzle(v128.load(highs), high))
    if (v128.any_true(wrong)) break
    const slashes = i8x16.eq(chars, i8x16.splat(0x2f))
    const values = i8x16.add(chars, i8x16.swizzle(v128.load(rolls), i8x16.add(high, slashes)))
    const pairs = v128.or(v128.and(i16x8.shl(values, 6), i16x8.splat(0x0fc0)), i16x8.shr_u(values, 8))
    const fours = v128.or(v128.and(i32x4.shl(pairs, 12), i32x4.splat(0x00fff000)), i32x4.shr_u(pairs, 16))
    v128.store(to, i8x16.swizzle(fours, v128.load(order)))
    at += 16
    to += 12
  }
  return decodeRest(at, to)
}

function decodeRest(at: usize, to: usize): Decoded {
  decoded.stoppedAt = 0
  for (; load<u8>(at) != quote; at += 4) {
    const a = valueOf(load<u8>(at))
    const b = a < 0 ? -1 : valueOf(load<u8>(at, 1))
    if (b < 0) return decoded
    store<u8>(to++, (a << 2) | (b >> 4))
    const third = load<u8>(at, 2)
    const fourth = load<u8>(at, 3)
    if (third == padding) {
      if (fourth != padding || (b & 0x0f) != 0 || load<u8>(at, 4) != quote) return decoded
      at += 4
      break
    }
    const c = valueOf(third)
    if (c < 0) return decoded
    store<u8>(to++, (b << 4) | (c >> 2))
    if (fourth == padding) {
      if ((c & 0x03) != 0 || load<u8>(at, 4) != quote) return decoded
      at += 4
      break
    }
    const d = valueOf(fourth)
    if (d < 0) return decoded
    store<u8>(to++, (c << 6) | d)
  }
  decoded.stoppedAt = at
  decoded.writtenTo = to
  return decoded
}

function valueOf(char: u32): i32 {
  if (char - 0x41 < 26) return char - 0x41
  if (char - 0x61 < 26) return char - 0x61 + 26
  if (char - 0x30 < 10) return char - 0x30 + 52
  return char == 0x2b ? 62 : char == 0x2f ? 63 : -1
}
