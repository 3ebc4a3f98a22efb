// What a query's results have to be, computed the slow and obvious way: every event is kept, sorted into its windows, and a
// window's values are computed from its list of events. With DuckDB at hand its SQL says it instead.
//
//   node test/bench/expected.ts QUERY INPUT EXPECTED
import { isDuckdbInstalled, openDuckdb } from './duckdb.ts'
import { forEachLine, LineWriter } from './lines.ts'
import { queryNamed } from './queries.ts'
import type { Event, Query, Taken } from './query.ts'

/** One line of expected results, and of the outputs of all contestants but Millrace, besides the query's columns. */
export interface Result {
  /** The values of several fields are joined by a space. */
  readonly key?: string | number
  readonly windowStart: number
  readonly windowEnd: number
  readonly [column: string]: unknown
}

/** Who says what is expected of a query: part of the name under which it is kept. */
export function judgeOf(query: Query): 'duckdb' | 'loop' {
  return query.workload === 'shop' && !query.isWithoutSql && isDuckdbInstalled() ? 'duckdb' : 'loop'
}

export function* expectedResults(query: Query, input: string): Generator<Result> {
  const { window, columns } = query
  for (const [key, events] of eventsByKey(query, input)) {
    const windows = 'gap' in window ? sessions(events, window.gap) : alignedWindows(events, window)
    for (const { start, end, inside } of windows) {
      const result: Record<string, unknown> = { key, windowStart: start, windowEnd: end }
      for (const [name, { expected }] of Object.entries(columns)) result[name] = expected(inside)
      yield result as unknown as Result
    }
  }
}

function eventsByKey(query: Query, input: string): Map<string, Taken[]> {
  const byKey = new Map<string, Taken[]>()
  forEachLine(input, (line) => {
    const event = JSON.parse(line) as Event
    if (query.where !== undefined && !query.where(event)) return
    const key = query.keyBy.map((field) => event[field]).join(' ')
    const taken = {
      at: event[query.time] as number,
      number: event[query.number ?? ''] as number,
      label: event[query.label ?? '']!,
    }
    const events = byKey.get(key)
    if (events === undefined) byKey.set(key, [taken])
    else events.push(taken)
  })
  return byKey
}

interface Window {
  readonly start: number
  readonly end: number
  readonly inside: Taken[]
}

function alignedWindows(events: readonly Taken[], { size, every }: { size: number; every: number }): Iterable<Window> {
  const windows = new Map<number, Window>()
  for (const event of events) {
    for (let start = Math.floor(event.at / every) * every; start + size > event.at; start -= every) {
      const window = windows.get(start)
      if (window === undefined) windows.set(start, { start, end: start + size, inside: [event] })
      else window.inside.push(event)
    }
  }
  return windows.values()
}

/** Two events exactly one gap apart are in one session, which lasts for one gap after its last event. */
function sessions(events: Taken[], gap: number): Window[] {
  const sorted = events.toSorted((a, b) => a.at - b.at)
  const windows: Window[] = []
  let inside: Taken[] = []
  sorted.forEach((event, i) => {
    inside.push(event)
    const next = sorted[i + 1]
    if (next !== undefined && next.at - event.at <= gap) return
    windows.push({ start: inside[0]!.at, end: event.at + gap, inside })
    inside = []
  })
  return windows
}

async function main(): Promise<void> {
  const [name, input, output] = process.argv.slice(2) as [string, string, string]
  const query = queryNamed(name)
  if (judgeOf(query) === 'duckdb') {
    const database = await openDuckdb()
    await database.write({ query, input, output, forChecking: true })
    database.close()
    return
  }
  const file = new LineWriter(output)
  for (const result of expectedResults(query, input)) file.write(JSON.stringify(result))
  file.close()
}

if (import.meta.main) await main()
