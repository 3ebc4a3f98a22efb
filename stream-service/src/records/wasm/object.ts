// Walks through an object from lead to lead, and takes what is wanted of it.
import {
  backslash,
  byteAt,
  closeBrace,
  colon,
  comma,
  lowerF,
  lowerN,
  lowerT,
  minus,
  nine,
  nowhere,
  openBrace,
  quote,
  stopsIn,
} from './bytes'
import { takeSlice } from './host'
import {
  beginsAt,
  endsAt,
  Field,
  fieldNamed,
  followerAt,
  isLong,
  Layout,
  Lead,
  learn,
  skipAnyValue,
  skipAText,
  takeAnyValue,
  takeAText,
} from './layout'
import { skipBlanks, skipText, skipValue } from './skip'
import { takeNumber } from './take-number'
import { takePlainText } from './take-text'
import { forgetValues, isFalse, isNull, isTrue, setKind } from './values'

let recordNumber: i32 = 0
/** The position behind the lead that was read last, or `nowhere`. */
let leadEnd: usize = nowhere

/** Reads the record at `start`, and returns where its last brace is behind. */
@inline
export function readRecord(layout: Layout, start: usize): usize {
  if (byteAt(start) != openBrace) return nowhere
  recordNumber++
  forgetValues()
  return readObject(layout, start)
}

function readObject(layout: Layout, start: usize): usize {
  let at = start
  let lead = layout.beginning
  while (true) {
    const next = lead.next
    if (beginsAt(next, at) && (next.kind < isLong || endsAt(next, at))) {
      at += next.length
      lead = next
    } else {
      if (byteAt(at) == closeBrace) return at + 1
      const found = findLead(layout, lead, at)
      at = leadEnd
      if (found === null) return at
      lead = found
    }
    const kind = lead.kind & ~isLong
    if (kind == skipAText) {
      // Most texts are short: these are passed over without a call.
      const stops = stopsIn(v128.load(at))
      if (stops != 0) {
        at += ctz(stops)
        if (byteAt(at) == quote) {
          at++
          continue
        }
      } else at += 16
      at = skipText(at)
    } else if (kind == takeAText) at = takeText(lead.field!, at)
    else if (kind == takeAnyValue) at = takeValue(lead.field!, at)
    else if (kind == skipAnyValue) at = skipValue(at, 0)
    else at = enter(lead.field!, at)
    if (at == nowhere) return nowhere
  }
}

@inline
function takeText(field: Field, start: usize): usize {
  const at = takePlainText(field.slot, start)
  return at != nowhere ? at : sliceOf(field, start - 1)
}

@inline
function takeValue(field: Field, start: usize): usize {
  const byte = byteAt(start)
  return byte <= nine && byte >= minus ? takeNumber(field.slot, start) : takeOther(field, start)
}

function takeOther(field: Field, start: usize): usize {
  const at = skipBlanks(start)
  const byte = byteAt(at)
  if (byte <= nine && byte >= minus) return takeNumber(field.slot, at)
  if (byte == quote) return takeText(field, at + 1)
  if (byte != lowerT && byte != lowerF && byte != lowerN) return sliceOf(field, at)
  setKind(field.slot, byte == lowerT ? isTrue : byte == lowerF ? isFalse : isNull)
  return skipValue(at, 0)
}

/** Takes a value by having it parsed, and the wanted fields in it. */
function sliceOf(field: Field, start: usize): usize {
  const end = skipValue(start, 0)
  if (end != nowhere) takeSlice(field.id, skipBlanks(start), end)
  return end
}

/** Goes on in an object for the fields below this one. */
function enter(field: Field, start: usize): usize {
  // Of a field that is there twice the last value counts, and what was taken from the first would have to be forgotten.
  if (field.metIn == recordNumber) return nowhere
  field.metIn = recordNumber
  if (field.slot >= 0) return sliceOf(field, start)
  const at = skipBlanks(start)
  return byteAt(at) == openBrace ? readObject(field.layout!, at) : skipValue(at, 0)
}

/** Finds out what stands at `start`: a lead that ends at `leadEnd`, or the end of the object, or `nowhere`. */
function findLead(layout: Layout, last: Lead, start: usize): Lead | null {
  const follower = followerAt(last, start)
  if (follower === null) return readLead(layout, last, start)
  leadEnd = start + follower.length
  return follower
}

function readLead(layout: Layout, last: Lead, start: usize): Lead | null {
  const isFirst = last === layout.beginning
  leadEnd = nowhere
  let at = skipBlanks(isFirst ? start + 1 : start)
  if (byteAt(at) == closeBrace) {
    leadEnd = at + 1
    return null
  }
  if (!isFirst) {
    if (byteAt(at) != comma) return null
    at = skipBlanks(at + 1)
  }
  if (byteAt(at) != quote) return null
  const nameAt = at + 1
  at = skipText(nameAt)
  if (at == nowhere) return null
  const nameEnd = at - 1
  for (let i = nameAt; i < nameEnd; i++) if (byteAt(i) == backslash) return null
  at = skipBlanks(at)
  if (byteAt(at) != colon) return null
  at = skipBlanks(at + 1)
  const field = fieldNamed(layout, nameAt, nameEnd)
  const isText = byteAt(at) == quote && (field === null || field.layout === null)
  if (isText) at++
  leadEnd = at
  return learn(layout, last, start, at, isText, field)
}
