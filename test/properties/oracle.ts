// What the final panes must be, computed the slow and obvious way: every record of every shard is kept, windows are found
// by looking at each, and values are computed from the list of records at the end. Shares no code with the engine.
import type { Condition } from '../../stream-service/src/queries/where.ts'

export interface OracleRecord {
  readonly shard: string
  readonly data: Record<string, unknown>
}

export interface OracleQuery {
  readonly name: string
  readonly where?: Condition
  readonly outOfOrdernessMs: number
  readonly keyBy: readonly string[]
  readonly window:
    | { readonly type: 'tumbling'; readonly size: number; readonly offset: number }
    | { readonly type: 'hopping'; readonly size: number; readonly every: number; readonly offset: number }
    | { readonly type: 'cumulative'; readonly size: number; readonly step: number; readonly offset: number }
    | { readonly type: 'session'; readonly gap: number }
    | { readonly type: 'count'; readonly size: number }
  readonly allowedLatenessMs: number
}

export interface OracleResult {
  readonly panes: Map<string, Record<string, unknown>>
  readonly ledger: {
    read: number
    aggregated: number
    filtered: number
    late: number
    rejected: number
    lateWindows: number
  }
}

interface Group {
  readonly key: string
  readonly start: number
  readonly end: number
  readonly id: string
  readonly records: Taken[]
}

interface Taken {
  readonly ts: number
  readonly shard: string
  readonly order: number
  readonly data: Record<string, unknown>
}

/**
 * Shards are read whole, one after the other, in the order of their ids; nothing is ever idle and the input ends. A shard with
 * parents (whose ids come before its own) goes on from the lowest of their watermarks.
 */
export function oracle(
  query: OracleQuery,
  records: readonly OracleRecord[],
  parentsOf: ReadonlyMap<string, readonly string[]> = new Map(),
): OracleResult {
  const ledger = { read: 0, aggregated: 0, filtered: 0, late: 0, rejected: 0, lateWindows: 0 }
  const groups = new Map<string, Group>()
  const sessions: Group[] = []
  const shards = [...new Set([...records.map(({ shard }) => shard), ...parentsOf.keys()])].sort()
  const watermarks = new Map<string, number>()
  for (const shard of shards) {
    const parents = parentsOf.get(shard) ?? []
    let watermark =
      parents.length === 0 ? Number.NEGATIVE_INFINITY : Math.min(...parents.map((parent) => watermarks.get(parent)!))
    const ofLane: Group[] = []
    const counts = new Map<string, number>()
    records
      .filter((record) => record.shard === shard)
      .forEach(({ data }, order) => {
        ledger.read++
        const ts = data.ts as number
        const isTime = typeof ts === 'number' && Number.isFinite(ts)
        const observe = () => {
          if (isTime) watermark = Math.max(watermark, Math.floor(ts) - query.outOfOrdernessMs - 1)
        }
        if (query.where !== undefined && !holds(query.where, data)) {
          ledger.filtered++
          observe()
          return
        }
        if (!isTime) {
          ledger.rejected++
          return
        }
        const key = keyOf(query, data)
        if (key === undefined) {
          ledger.rejected++
          observe()
          return
        }
        const taken: Taken = { ts: Math.floor(ts), shard, order, data }
        if (query.window.type === 'session') {
          const { gap } = query.window
          // A lane forgets a session once it is past its allowed lateness.
          const held = ofLane.filter((s) => s.key === key && s.end - 1 + query.allowedLatenessMs > watermark)
          const touching = held.filter((s) => s.start <= taken.ts + gap && taken.ts <= s.end)
          const end = Math.max(taken.ts + gap, ...touching.map((s) => s.end))
          if (end - 1 + query.allowedLatenessMs <= watermark) ledger.late++
          else {
            ledger.aggregated++
            for (const s of touching) ofLane.splice(ofLane.indexOf(s), 1)
            const start = Math.min(taken.ts, ...touching.map((s) => s.start))
            ofLane.push({ key, start, end, id: '', records: [...touching.flatMap((s) => s.records), taken] })
          }
        } else if (query.window.type === 'count') {
          ledger.aggregated++
          const n = counts.get(key) ?? 0
          counts.set(key, n + 1)
          const id = `${query.name}/${key}/${shard}#${Math.floor(n / query.window.size)}`
          const group = groups.get(id) ?? { key, start: 0, end: 0, id, records: [] }
          group.records.push(taken)
          groups.set(id, group)
        } else {
          const windows = windowsOf(query.window, taken.ts)
          const open = windows.filter(([, end]) => end - 1 + query.allowedLatenessMs > watermark)
          if (windows.length === 0) ledger.filtered++
          else if (open.length === 0) ledger.late++
          else {
            ledger.aggregated++
            ledger.lateWindows += windows.length - open.length
            for (const [start, end] of open) {
              const id = `${query.name}/${key}/${start}-${end}`
              const group = groups.get(id) ?? { key, start, end, id, records: [] }
              group.records.push(taken)
              groups.set(id, group)
            }
          }
        }
        observe()
      })
    sessions.push(...ofLane)
    watermarks.set(shard, watermark)
  }
  for (const session of joinAcrossShards(sessions)) {
    const id = `${query.name}/${session.key}/${session.start}-${session.end}`
    groups.set(id, { ...session, id })
  }
  return { panes: new Map([...groups.values()].map(({ id, records: taken }) => [id, valuesOf(taken)])), ledger }
}

/** Joins what touches between shards; sessions of one lane have been told apart already. */
function joinAcrossShards(sessions: readonly Group[]): Group[] {
  if (new Set(sessions.flatMap(({ records }) => records.map(({ shard }) => shard))).size < 2) return [...sessions]
  let open = [...sessions]
  for (;;) {
    const pair = open.flatMap((a, i) => open.slice(i + 1).map((b) => [a, b] as const)).find(([a, b]) => touches(a, b))
    if (pair === undefined) return open
    const [a, b] = pair
    open = open.filter((s) => s !== a && s !== b)
    open.push({
      key: a.key,
      start: Math.min(a.start, b.start),
      end: Math.max(a.end, b.end),
      id: '',
      records: [...a.records, ...b.records],
    })
  }
}

function touches(a: Group, b: Group): boolean {
  const shardsOfA = new Set(a.records.map(({ shard }) => shard))
  const sameLaneOnly = shardsOfA.size === 1 && b.records.every(({ shard }) => shardsOfA.has(shard))
  return !sameLaneOnly && a.key === b.key && a.start <= b.end && b.start <= a.end
}

function windowsOf(
  window: Exclude<OracleQuery['window'], { type: 'session' | 'count' }>,
  ts: number,
): [number, number][] {
  const found: [number, number][] = []
  switch (window.type) {
    case 'tumbling':
      for (let start = firstStart(window.offset, window.size, ts); start <= ts; start += window.size) {
        if (ts < start + window.size) found.push([start, start + window.size])
      }
      break
    case 'hopping':
      for (let start = firstStart(window.offset, window.every, ts - window.size); start <= ts; start += window.every) {
        if (ts < start + window.size) found.push([start, start + window.size])
      }
      break
    case 'cumulative':
      for (let start = firstStart(window.offset, window.size, ts); start <= ts; start += window.size) {
        for (let end = start + window.step; end <= start + window.size; end += window.step) {
          if (ts < end && ts < start + window.size) found.push([start, end])
        }
      }
  }
  return found
}

/** A start on the grid that lies well before `ts`. */
function firstStart(offset: number, period: number, ts: number): number {
  return offset + (Math.floor((ts - offset) / period) - 2) * period
}

function keyOf(query: OracleQuery, data: Record<string, unknown>): string | undefined {
  if (query.keyBy.length === 0) return '-'
  const parts: string[] = []
  for (const name of query.keyBy) {
    const value = data[name]
    if (typeof value === 'string') parts.push(`${name}=${encodeURIComponent(value).replaceAll('~', '%7E')}`)
    else if (typeof value === 'number' || typeof value === 'boolean')
      parts.push(`${name}=~${encodeURIComponent(String(value === 0 ? 0 : value))}`)
    else return undefined
  }
  return parts.join('&')
}

function holds(condition: Condition, data: Record<string, unknown>): boolean {
  return Object.entries(condition).every(([name, wanted]) => {
    if (name === 'and') return (wanted as Condition[]).every((part) => holds(part, data))
    if (name === 'or') return (wanted as Condition[]).some((part) => holds(part, data))
    if (name === 'not') return !(wanted as Condition[]).some((part) => holds(part, data))
    const value = data[name] ?? null
    if (wanted === null || typeof wanted !== 'object') return value === wanted
    return Object.entries(wanted).every(([operator, operand]) => {
      const ordered = typeof value === typeof operand && value !== null
      switch (operator) {
        case 'ne':
          return value !== operand
        case 'lt':
          return ordered && (value as number) < operand
        case 'lte':
          return ordered && (value as number) <= operand
        case 'gt':
          return ordered && (value as number) > operand
        case 'gte':
          return ordered && (value as number) >= operand
        case 'in':
          return operand.includes(value)
        case 'exists':
          return (value !== null) === operand
        case 'prefix':
          return typeof value === 'string' && value.startsWith(operand)
        default:
          throw new Error(operator)
      }
    })
  })
}

/** The aggregates every query of the property tests has, over the field `v`. */
export const aggregates = {
  records: { fn: 'count' },
  n: { fn: 'count', field: 'v' },
  sum: { fn: 'sum', field: 'v' },
  min: { fn: 'min', field: 'v' },
  max: { fn: 'max', field: 'v' },
  avg: { fn: 'avg', field: 'v' },
  stddev: { fn: 'stddev', field: 'v' },
  first: { fn: 'first', field: 'v' },
  last: { fn: 'last', field: 'v' },
} as const

function valuesOf(taken: readonly Taken[]): Record<string, unknown> {
  const inOrder = [...taken].sort(
    (a, b) => a.ts - b.ts || (a.shard < b.shard ? -1 : a.shard > b.shard ? 1 : 0) || a.order - b.order,
  )
  const present = inOrder.map(({ data }) => data.v).filter((v) => v !== undefined && v !== null)
  const numbers = present.filter((v) => typeof v === 'number')
  const total = numbers.reduce((a, b) => a + b, 0)
  const mean = total / numbers.length
  const spread = numbers.reduce((a, b) => a + (b - mean) ** 2, 0)
  const none = numbers.length === 0
  return {
    records: taken.length,
    n: present.length,
    sum: none ? null : total,
    min: none ? null : Math.min(...numbers),
    max: none ? null : Math.max(...numbers),
    avg: none ? null : mean,
    stddev: numbers.length < 2 ? null : Math.sqrt(spread / (numbers.length - 1)),
    first: present[0] ?? null,
    last: present.at(-1) ?? null,
  }
}
