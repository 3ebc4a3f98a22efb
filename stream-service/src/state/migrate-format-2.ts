// From format 2 to 3. Format 2 is JSON throughout: a row's cells as base64 of little-endian doubles, keys as their values,
// and what is kept per session, count window or share as an object of its own. Format 3 has columns for all of them. The
// meaning is the same.
import type { JsonValue } from '../aggregates/aggregator.ts'
import { packStates } from '../aggregates/packed-refs.ts'
import type { SnapshotValue } from '../aggregates/snapshot-value.ts'
import { loadInstant, type SavedInstant } from '../time/saved-instant.ts'
import { KeyTable, type SavedKey } from '../windows/key-table.ts'
import type { EncodedRows, EncodedTable } from '../windows/pane-table-codec.ts'
import { type SessionColumns, SessionColumnWriter } from '../windows/session-columns.ts'
import { sessionHeadCells } from '../windows/session-table.ts'

interface Row {
  readonly cells: string
  readonly refs: readonly JsonValue[]
}
interface Table {
  readonly keys: readonly SavedKey[]
  readonly cells: string
  readonly refs?: readonly (readonly JsonValue[])[]
}
interface Session extends Row {
  readonly key: SavedKey
  readonly start: number
  readonly end: number
  readonly starts: readonly (readonly [start: number, knownAt: SavedInstant])[]
}
type Published = readonly [start: number, end: number, index: number, supersedes: readonly string[]]

interface Service {
  readonly job: { readonly queries: Readonly<Record<string, Query>> }
}
interface Query {
  readonly lanes: readonly { readonly panes: Panes }[]
  readonly merge: Merge | null
}
type Panes =
  | readonly Count[]
  | { readonly slices: readonly { readonly end: number; readonly table: Table }[]; readonly unfired: readonly number[] }
  | { readonly serials: number; readonly sessions: readonly OpenSession[] }
interface Count extends Row {
  readonly key: SavedKey
  readonly records: number
  readonly n: number
  readonly start: number
  readonly end: number
  readonly revisions: number
}
interface OpenSession extends Session {
  readonly fired: boolean
  readonly given: readonly number[]
  readonly published: readonly Published[]
}
type Merge =
  | { readonly watermark: SavedInstant; readonly windows: readonly MergingWindow[] }
  | { readonly watermark: SavedInstant; readonly shares: readonly Share[] }
interface MergingWindow {
  readonly shares: readonly (readonly [shardId: string, table: Table])[]
  readonly revisions: readonly (readonly [SavedKey, number])[]
}
interface Share extends Session {
  readonly shardId: string
  readonly serial: number
  readonly fresh: boolean
  readonly panes: readonly Published[]
}

/** The whole state of a service, which is all that format 2 was used for. */
export function migrateFormat2(state: SnapshotValue): SnapshotValue {
  const service = state as unknown as Service
  const queries = Object.entries(service.job.queries).map(([name, query]) => [name, migrateQuery(query)] as const)
  const migrated = { ...service, job: { ...service.job, queries: Object.fromEntries(queries) } }
  return migrated as unknown as SnapshotValue
}

function migrateQuery(query: Query) {
  const lanes = query.lanes.map((lane) => ({ ...lane, panes: migratePanes(lane.panes) }))
  return { ...query, lanes, merge: query.merge && migrateMerge(query.merge) }
}

/** What a lane holds open. */
function migratePanes(panes: Panes) {
  if ('slices' in panes) {
    return { ...panes, slices: panes.slices.map((slice) => ({ ...slice, table: migrateTable(slice.table) })) }
  }
  if (!('sessions' in panes)) return migrateCounts(panes)
  const { serials, sessions } = panes
  return {
    serials,
    sessions: migrateSessions(sessions.map((session) => ({ ...session, panes: session.published }))),
    fired: Uint8Array.from(sessions, ({ fired }) => (fired ? 1 : 0)),
    givenCounts: Uint32Array.from(sessions, ({ given }) => given.length),
    given: Float64Array.from(sessions.flatMap(({ given }) => given)),
  }
}

function migrateCounts(counts: readonly Count[]) {
  const column = (name: 'records' | 'n' | 'start' | 'end' | 'revisions') =>
    Float64Array.from(counts, (count) => count[name])
  return {
    keys: packKeys(counts.map(({ key }) => key)),
    records: column('records'),
    n: column('n'),
    start: column('start'),
    end: column('end'),
    revisions: column('revisions'),
    rows: migrateRows(counts.filter(({ records }) => records > 0)),
  }
}

function migrateMerge(merge: Merge) {
  if ('windows' in merge) {
    const windows = merge.windows.map((window) => ({
      ...window,
      shares: window.shares.map(([shardId, table]) => [shardId, migrateTable(table)]),
      revisions: {
        keys: packKeys(window.revisions.map(([key]) => key)),
        next: Uint32Array.from(window.revisions, ([, next]) => next),
      },
    }))
    return { ...merge, windows }
  }
  const { watermark, shares } = merge
  const shardIds = [...new Set(shares.map(({ shardId }) => shardId))]
  return {
    watermark,
    // The merge kept whole rows, with the cells that a lane's sessions have at their beginning.
    shares: migrateSessions(shares, sessionHeadCells),
    shardIds,
    shards: Uint32Array.from(shares, ({ shardId }) => shardIds.indexOf(shardId)),
    serials: Float64Array.from(shares, ({ serial }) => serial),
    fresh: Uint8Array.from(shares, ({ fresh }) => (fresh ? 1 : 0)),
  }
}

function migrateTable({ keys, cells, refs }: Table): EncodedTable {
  const table = { keys: packKeys(keys), rows: keys.length, cells: decodeCells(cells) }
  return refs === undefined ? table : { ...table, refs: packAll(refs) }
}

function migrateSessions(
  sessions: readonly (Session & { readonly panes: readonly Published[] })[],
  headCells = 0,
): SessionColumns {
  const columns = new SessionColumnWriter(sessions.length)
  const keys = new KeyTable()
  for (const { key, start, end, starts, panes } of sessions) {
    const published = panes.map(([paneStart, paneEnd, index, supersedes]) => ({
      start: paneStart,
      end: paneEnd,
      index,
      supersedes,
    }))
    columns.add(keys.restore(key), 0, start, end, published)
    for (const [at, knownAt] of starts) columns.addStart(at, loadInstant(knownAt))
  }
  return columns.write(keys, migrateRows(sessions, headCells))
}

function migrateRows(rows: readonly Row[], headCells = 0): EncodedRows {
  const cells = Float64Array.from(rows.flatMap((row) => [...decodeCells(row.cells).subarray(headCells)]))
  const hasRefs = rows.some(({ refs }) => refs.length > 0)
  return { rows: rows.length, cells, ...(hasRefs ? { refs: packAll(rows.map(({ refs }) => refs)) } : {}) }
}

function packAll(refs: readonly (readonly JsonValue[])[]) {
  const count = refs.reduce((sum, row) => sum + row.length, 0)
  return packStates(count, (take) => {
    for (const row of refs) for (const state of row) take(state)
  })
}

function packKeys(saved: readonly SavedKey[]): Uint8Array {
  const keys = new KeyTable()
  return keys.pack(saved.map((key) => keys.restore(key)))
}

function decodeCells(text: string): Float64Array {
  const bytes = Buffer.from(text, 'base64')
  // A copy, because a Buffer from the pool need not begin at a multiple of eight.
  return new Float64Array(new Uint8Array(bytes).buffer)
}
