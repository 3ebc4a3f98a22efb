// The body's text taken apart into the texts of its events. A JSON body is one event or an array of them, and a fault in
// it is a fault of the whole request, because nobody can tell where the next event begins. In NDJSON every line is an
// event, and a fault costs its line only.
import type { Refusal } from './answer.ts'
import { type JsonFault, scanDocument } from './json-scan.ts'
import type { BodyFormat } from './request-body.ts'

/** One posted event: its text, valid JSON of the given depth, or why its line is not. */
export type PostedEvent =
  | { readonly status: 'json'; readonly text: string; readonly depth: number }
  | { readonly status: 'fault'; readonly reason: string }

export type SplitEvents =
  | { readonly status: 'split'; readonly events: readonly PostedEvent[] }
  | { readonly status: 'refused'; readonly refusal: Refusal }

export function splitEvents(text: string, format: BodyFormat, maxEvents: number): SplitEvents {
  return format === 'json' ? splitJson(text, maxEvents) : splitLines(text, maxEvents)
}

function splitJson(text: string, maxEvents: number): SplitEvents {
  const scan = scanDocument(text, maxEvents)
  switch (scan.status) {
    case 'fault':
      return { status: 'refused', refusal: invalidJson(text, scan.fault) }
    case 'too-many':
      return tooMany(maxEvents)
    case 'single':
      return { status: 'split', events: [{ status: 'json', text, depth: scan.value.depth }] }
    case 'array':
      return atLeastOne(
        scan.elements.map(({ start, end, depth }) => ({ status: 'json', text: text.slice(start, end), depth })),
      )
  }
}

function splitLines(text: string, maxEvents: number): SplitEvents {
  const events: PostedEvent[] = []
  let lineNumber = 0
  for (const line of lines(text)) {
    lineNumber++
    if (line.trim() === '') continue
    if (events.length === maxEvents) return tooMany(maxEvents)
    events.push(postedLine(line, lineNumber))
  }
  return atLeastOne(events)
}

function postedLine(line: string, lineNumber: number): PostedEvent {
  const scan = scanDocument(line, 0)
  if (scan.status === 'fault') {
    const { position, expected } = scan.fault
    return { status: 'fault', reason: `line ${lineNumber}, column ${position + 1}: expected ${expected}` }
  }
  // An array is no event, however deep, and is refused as such.
  return { status: 'json', text: line, depth: scan.status === 'single' ? scan.value.depth : 1 }
}

function* lines(text: string): Generator<string> {
  for (let start = 0; start <= text.length; ) {
    const end = text.indexOf('\n', start)
    yield end < 0 ? text.slice(start) : text.slice(start, end)
    if (end < 0) return
    start = end + 1
  }
}

function invalidJson(text: string, { position, expected }: JsonFault): Refusal {
  const before = text.slice(0, position)
  const line = before.split('\n').length
  const column = position - before.lastIndexOf('\n')
  const reason = `line ${line}, column ${column}: expected ${expected}`
  return { statusCode: 400, code: 'invalid-json', reason, position, line, column }
}

function atLeastOne(events: readonly PostedEvent[]): SplitEvents {
  if (events.length > 0) return { status: 'split', events }
  return { status: 'refused', refusal: { statusCode: 400, code: 'no-events', reason: 'the body holds no event' } }
}

function tooMany(maxEvents: number): SplitEvents {
  const reason = `a request must not hold more than ${maxEvents} events`
  return { status: 'refused', refusal: { statusCode: 413, code: 'too-many-events', reason } }
}
