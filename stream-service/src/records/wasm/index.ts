// The inner part of the field scanner. What it exports is described where it is used, in `scan-machine.ts`.
import { byteAt, isAscii, lineFeed, nowhere } from './bytes'
import { Layout, newField, newLayout } from './layout'
import { readRecord } from './object'
import { skipBlanks } from './skip'
import { allocate, allocateValues, hashes, kinds, lengths, moveTo, numbers, reach, row, starts } from './values'

export { allocate, allocateValues, hashes, kinds, lengths, moveTo, newField, newLayout, numbers, reach, row, starts }

// As in `scan-machine.ts`.
const isLeft: i32 = 0
const isRead: i32 = 1
const isNotAscii: i32 = 2

export function scanLines(layout: Layout, start: usize, stop: usize, ends: usize, most: i32): i32 {
  let at = start
  let lines = 0
  for (; lines < most && at < stop; lines++) {
    moveTo(lines)
    const end = scanLine(layout, at)
    if (end == nowhere || end >= stop) break
    store<u32>(ends + ((<usize>lines) << 2), <u32>end)
    at = end + 1
  }
  return lines
}

function scanLine(layout: Layout, start: usize): usize {
  const at = readRecord(layout, start)
  if (at == nowhere) return nowhere
  const end = skipBlanks(at)
  return byteAt(end) == lineFeed ? end : nowhere
}

export function scanRecord(layout: Layout, start: usize, end: usize, isKnownUtf8: bool): i32 {
  store<u8>(end, 0)
  if (!isKnownUtf8 && !isAscii(start, end)) return isNotAscii
  let at = readRecord(layout, start)
  if (at == nowhere) return isLeft
  while (at < end && isSpace(byteAt(at))) at++
  return at == end ? isRead : isLeft
}

function isSpace(byte: u32): bool {
  return byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09
}
