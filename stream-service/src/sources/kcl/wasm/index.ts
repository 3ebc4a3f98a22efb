// The inner part of the reader of `processRecords` lines. What it exports is described where it is used, in
// `records-machine.ts`. Sixteen zero bytes stand behind the line; a zero stops whatever reads.
import { decodeBase64 } from './base64'

const quote: u32 = 0x22
const backslash: u32 = 0x5c
const comma: u32 = 0x2c
const closeBracket: u32 = 0x5d
const closeBrace: u32 = 0x7d
const zero: u32 = 0x30
const lowerN: u32 = 0x6e

const nowhere: usize = 0
const entryBytes: usize = 24

// Each padded with zeros to whole words, which `after` does not compare.
const begin: usize = text('{"action":"processRecords","records":[')
const beforeData: usize = text('{"data":"')
const beforeKey: usize = text('","partitionKey":"')
const beforeSequence: usize = text('","sequenceNumber":"')
const beforeArrival: usize = text('","approximateArrivalTimestamp":')
const beforeSub: usize = text(',"subSequenceNumber":')
const afterSub: usize = text(',"action":"record"}')
const beforeBehind: usize = text('],"millisBehindLatest":')

const free: usize = (heap.alloc(16) + 15) & ~15

/** What `numberAfter` read. */
let value: f64 = 0

let behind: f64 = 0
let packedEnd: usize = 0

export function millisBehindLatest(): f64 {
  return behind
}

export function packedEndAt(): usize {
  return packedEnd
}

/** Makes the memory go up to `end`. */
export function reach(end: usize): void {
  const missing = <isize>end - <isize>(<usize>memory.size() << 16)
  if (missing > 0) memory.grow(<i32>((missing + 0xffff) >> 16))
}

/** From here on the memory is free. */
export function base(): usize {
  return free
}

export function readLine(start: usize, end: usize, table: usize): i32 {
  let at = after(start, begin)
  if (at == nowhere) return -1
  let out = start
  let entry = table
  if (byteAt(at) != closeBracket) {
    for (;;) {
      at = after(at, beforeData)
      if (at == nowhere) return -1
      // The packed bytes stay behind what is still to be read: what is written is shorter than what it was read from.
      const decoded = decodeBase64(at, out)
      if (decoded.stoppedAt == nowhere) return -1
      at = decoded.stoppedAt
      out = decoded.writtenTo
      store<u32>(entry, <u32>(out - start))

      at = after(at, beforeKey)
      if (at == nowhere) return -1
      let from = at
      for (let byte = byteAt(at); byte != quote; byte = byteAt(++at)) if (byte < 0x20 || byte == backslash) return -1
      out = copy(from, at, out)
      store<u32>(entry, <u32>(out - start), 4)

      at = after(at, beforeSequence)
      if (at == nowhere) return -1
      from = at
      while (isDigit(byteAt(at))) at++
      const sequenceEnd = at
      at = after(at, beforeArrival)
      if (at == nowhere) return -1
      out = copy(from, sequenceEnd, out)
      store<u32>(entry, <u32>(out - start), 8)

      at = numberAfter(at)
      if (at == nowhere) return -1
      store<f64>(entry, value, 16)
      at = after(at, beforeSub)
      if (at == nowhere) return -1
      at = numberAfter(at)
      if (at == nowhere || value > 2147483647) return -1
      store<i32>(entry, value == value ? <i32>value : 0, 12)
      at = after(at, afterSub)
      if (at == nowhere) return -1
      entry += entryBytes
      if (byteAt(at) != comma) break
      at++
    }
  }
  at = after(at, beforeBehind)
  if (at == nowhere) return -1
  at = numberAfter(at)
  if (at == nowhere || byteAt(at) != closeBrace || at + 1 != end) return -1
  behind = value == value ? value : 0
  packedEnd = out
  return <i32>((entry - table) / entryBytes)
}

/** Reads a whole number of at most 15 digits, or `null` as NaN; returns what comes behind it. */
function numberAfter(start: usize): usize {
  let at = start
  if (byteAt(at) == lowerN) {
    value = NaN
    return load<u32>(at) == 0x6c6c756e ? at + 4 : nowhere
  }
  let sum: u64 = 0
  for (; isDigit(byteAt(at)); at++) sum = sum * 10 + (byteAt(at) - zero)
  const digits = at - start
  if (digits == 0 || digits > 15 || (digits > 1 && byteAt(start) == zero)) return nowhere
  value = <f64>sum
  return at
}

/** What comes behind `expected`, when that stands at `at`. */
@inline
function after(at: usize, expected: usize): usize {
  const length = <usize>load<u32>(expected)
  let i: usize = 0
  for (; i + 8 <= length; i += 8) if (load<u64>(at + i) != load<u64>(expected + 8 + i)) return nowhere
  for (; i < length; i++) if (byteAt(at + i) != load<u8>(expected + 8 + i)) return nowhere
  return at + length
}

/** Forwards, since the target may overlap the source from the left. */
@inline
function copy(from: usize, end: usize, to: usize): usize {
  memory.copy(to, from, end - from)
  return to + (end - from)
}

@inline
function byteAt(at: usize): u32 {
  return load<u8>(at)
}

@inline
function isDigit(byte: u32): bool {
  return byte - zero <= 9
}

/** Puts a text into memory, with its length in the eight bytes before it. */
function text(from: string): usize {
  const at = heap.alloc(8 + from.length)
  store<u32>(at, from.length)
  for (let i = 0; i < from.length; i++) store<u8>(at + 8 + i, from.charCodeAt(i))
  return at
}
