// Panes as they go over the wire: one JSON line each. The id names a pane for ever (query/key/start-end, or
// query/key/lane#n for count windows); `pane.index` is its revision.

import type { JsonValue, Rows } from '../aggregates/aggregator.ts'
import type { RowLayout } from '../aggregates/row-layout.ts'
import type { GroupKey, KeyValue, MapKey } from '../windows/group-key.ts'
import type { Timing } from './emission.ts'

export interface PaneHeader {
  readonly key: MapKey
  readonly start: number
  readonly end: number
  readonly index: number
  readonly timing: Timing
  readonly final: boolean
  readonly closedByIdle: boolean
  /** Ids of the panes that this one takes the place of. */
  readonly supersedes: readonly string[]
}

/** Percent-encodes one part of an id: as encodeURIComponent does, and `~` too, which marks numbers and booleans. */
export function encodeIdPart(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll('~', '%7E')
}

function encodeIdValue(value: KeyValue): string {
  return typeof value === 'string' ? encodeIdPart(value) : `~${encodeIdPart(String(value))}`
}

interface WrittenKey {
  readonly idPart: string
  readonly json: string
}

/** Hot keys come again in every window; this many written forms are kept before they are forgotten all at once. */
const writtenKeys = 1 << 16

export class PaneWriter {
  readonly #idPrefix: string
  readonly #query: string
  readonly #keyBy: readonly string[]
  readonly #groupKey: GroupKey
  readonly #layout: RowLayout
  readonly #valueNames: readonly string[]
  readonly #written = new Map<MapKey, WrittenKey>()

  constructor(query: string, keyBy: readonly string[], groupKey: GroupKey, layout: RowLayout) {
    this.#idPrefix = encodeIdPart(query)
    this.#query = JSON.stringify(query)
    this.#keyBy = keyBy
    this.#groupKey = groupKey
    this.#layout = layout
    this.#valueNames = layout.columns.map(({ name }, i) => `${i === 0 ? '' : ','}${JSON.stringify(name)}:`)
  }

  /** The id of a window's pane. */
  windowId(key: MapKey, start: number, end: number): string {
    return `${this.#idPrefix}/${this.#write(key).idPart}/${start}-${end}`
  }

  windowPane(header: PaneHeader, rows: Rows, row: number): string {
    const { key, start, end } = header
    return this.#line(this.windowId(key, start, end), header, rows, row)
  }

  /** The n-th count window of a key in a lane, n from 0. */
  countPane(shardId: string, n: number, header: PaneHeader, rows: Rows, row: number): string {
    const id = `${this.#idPrefix}/${this.#write(header.key).idPart}/${encodeIdPart(shardId)}#${n}`
    return this.#line(id, header, rows, row)
  }

  #line(id: string, header: PaneHeader, rows: Rows, row: number): string {
    let values = ''
    for (let i = 0; i < this.#valueNames.length; i++) {
      values += this.#valueNames[i]! + writeJson(this.#layout.result(rows, row, i))
    }
    const closedBy = header.closedByIdle ? ',"closedBy":"idle"' : ''
    const supersedes = header.supersedes.length > 0 ? `,"supersedes":${JSON.stringify(header.supersedes)}` : ''
    return `{"id":"${id}","query":${this.#query},"key":${this.#write(header.key).json},"window":{"start":${header.start},"end":${header.end}},"pane":{"index":${header.index},"timing":"${header.timing}","final":${header.final}${closedBy}},"values":{${values}}${supersedes}}`
  }

  #write(key: MapKey): WrittenKey {
    const known = this.#written.get(key)
    if (known !== undefined) return known
    const values = this.#groupKey.valuesOf(key)
    const written: WrittenKey =
      this.#keyBy.length === 0
        ? { idPart: '-', json: '{}' }
        : {
            idPart: this.#keyBy.map((name, i) => `${encodeIdPart(name)}=${encodeIdValue(values[i]!)}`).join('&'),
            json: `{${this.#keyBy.map((name, i) => `${JSON.stringify(name)}:${JSON.stringify(values[i])}`).join(',')}}`,
          }
    if (this.#written.size >= writtenKeys) this.#written.clear()
    this.#written.set(key, written)
    return written
  }
}

/** JSON text of a value; numbers that overflowed are null, as JSON.stringify has it. */
function writeJson(value: JsonValue): string {
  if (typeof value === 'number') return Number.isFinite(value) ? `${value}` : 'null'
  return JSON.stringify(value) ?? 'null'
}
