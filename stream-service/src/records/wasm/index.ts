// The inner part of the field scanner. What it exports is described where it is used, in `scan-machine.ts`.
import { byteAt, isAscii, lineFeed, nowhere } from './bytes'
import { type Layout, newField, newLayout } from './layout'
import { readRecord } from './object'
import { skipBlanks } from './skip'
import { allocate, allocateValues, hashes, kinds, lengths, numbers, reach, starts } from './values'

export { allocate, allocateValues, hashes, kinds, lengths, newField, newLayout, numbers, reach, starts }

export function scanLine(layout: Layout, start: usize): usize {
  const at = readRecord(layout, start)
  if (at == nowhere) return nowhere
  const end = skipBlanks(at)
  return byteAt(end) == lineFeed ? end : nowhere
}

export function scanRecord(layout: Layout, start: usize, end: usize): bool {
  let at = readRecord(layout, start)
  if (at == nowhere) return false
  while (at < end && isSpace(byteAt(at))) at++
  return at == end
}

export { isAscii }

function isSpace(byte: u32): bool {
  return byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09
}
