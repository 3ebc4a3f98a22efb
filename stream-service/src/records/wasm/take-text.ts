// Takes a JSON string that has nothing in it but its text, and hashes it on the way, as `text-hash.ts` does.
import { byteAt, firstBytes, nowhere, quote, stopsIn } from './bytes'
import { setText } from './values'

const seeds: usize = memory.data<u32>([0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a])
const factors: usize = memory.data<u32>([0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f])

/** Takes the string whose text begins at `start` for a slot, and returns where it ends, behind its closing quote. */
@inline
export function takePlainText(slot: usize, start: usize): usize {
  let at = start
  let lanes = v128.load(seeds)
  let bytes = v128.load(at)
  let stops = stopsIn(bytes)
  while (stops == 0) {
    lanes = mix(lanes, bytes)
    at += 16
    bytes = v128.load(at)
    stops = stopsIn(bytes)
  }
  const count = ctz(stops)
  at += count
  if (byteAt(at) != quote) return nowhere
  const length = at - start
  setText(slot, start, length, finish(mix(lanes, firstBytes(bytes, count)), length))
  return at + 1
}

@inline
function mix(lanes: v128, bytes: v128): v128 {
  const mixed = i32x4.mul(v128.xor(lanes, bytes), v128.load(factors))
  return v128.xor(mixed, i32x4.shr_u(mixed, 15))
}

@inline
function finish(lanes: v128, length: usize): i32 {
  const halves = i32x4.add(lanes, i8x16.shuffle(lanes, lanes, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7))
  const sum = i32x4.extract_lane(halves, 0) + i32x4.extract_lane(halves, 1)
  const mixed = (sum ^ <i32>length) * 0x85ebca6b
  return mixed ^ (mixed >>> 15)
}
