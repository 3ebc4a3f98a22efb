// Panes as they go over the wire: one JSON line each. The id names a pane for ever (query/key/start-end, or
// query/key/lane#n for count windows); `pane.index` is its revision.

import type { JsonValue, Rows } from '../aggregates/aggregator.ts'
import type { RowLayout } from '../aggregates/row-layout.ts'
import type { GroupKey, KeyValue, MapKey } from '../windows/group-key.ts'
import type { Timing } from './emission.ts'

/** What the panes of one firing have in common. */
export interface PaneHeader {
  readonly start: number
  readonly end: number
  readonly timing: Timing
  readonly final: boolean
  readonly closedByIdle: boolean
}

/** A header written out: all of a line that does not depend on its key, revision and values. */
export interface PaneFrame {
  /** From the end of the key in the id to the `key` object. */
  readonly afterId: string
  /** From the `key` object to the revision, and from there to the values; and both with revision 0, the usual one. */
  readonly beforeIndex: string
  readonly afterIndex: string
  readonly aroundZero: string
}

const noneSuperseded: readonly string[] = []

/** Percent-encodes one part of an id: as encodeURIComponent does, and `~` too, which marks numbers and booleans. */
function encodeIdPart(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll('~', '%7E')
}

function encodeIdValue(value: KeyValue): string {
  return typeof value === 'string' ? encodeIdPart(value) : `~${encodeIdPart(String(value))}`
}

/** A key as it stands in an id and in the `key` object. */
interface WrittenKey {
  readonly id: string
  readonly json: string
}

/** What percent-encoding leaves as it is, and what JSON needs no escape for: most keys, which are then written as they are. */
const safeInId = /^[\w.!*'()-]*$/
const safeInJson = /^[ !#-[\]-~]*$/

/** Keys that are not plain come again in every window; this many written forms are kept before all are forgotten. */
const writtenKeys = 1 << 16

export class PaneWriter {
  readonly #idStart: string
  /** How every line begins. */
  readonly #lineStart: string
  readonly #query: string
  readonly #groupKey: GroupKey
  readonly #layout: RowLayout
  /** Per `keyBy` field: what stands before its value in the id and in the `key` object. */
  readonly #keyParts: readonly { readonly id: string; readonly json: string }[]
  readonly #valueNames: readonly string[]
  readonly #written = new Map<MapKey, WrittenKey>()

  constructor(query: string, keyBy: readonly string[], groupKey: GroupKey, layout: RowLayout) {
    this.#idStart = `${encodeIdPart(query)}/`
    this.#lineStart = `{"id":"${this.#idStart}`
    this.#query = `","query":${JSON.stringify(query)},"key":`
    this.#groupKey = groupKey
    this.#layout = layout
    this.#keyParts = keyBy.map((name, i) => ({
      id: `${i === 0 ? '' : '&'}${encodeIdPart(name)}=`,
      json: `${i === 0 ? '{' : ','}${JSON.stringify(name)}:`,
    }))
    this.#valueNames = layout.columns.map(({ name }, i) => `${i === 0 ? '' : ','}${JSON.stringify(name)}:`)
  }

  /** The id of a window's pane. */
  windowId(key: MapKey, start: number, end: number): string {
    return `${this.#idStart}${this.#writtenKey(key).id}/${start}-${end}`
  }

  /** The frame of the panes of one window. */
  windowFrame(header: PaneHeader): PaneFrame {
    return this.#frame(`/${header.start}-${header.end}`, header)
  }

  /** The frame of the n-th count window of a key in a lane, n from 0. */
  countFrame(shardId: string, n: number, header: PaneHeader): PaneFrame {
    return this.#frame(`/${encodeIdPart(shardId)}#${n}`, header)
  }

  #frame(idEnd: string, { start, end, timing, final, closedByIdle }: PaneHeader): PaneFrame {
    const beforeIndex = `,"window":{"start":${start},"end":${end}},"pane":{"index":`
    const closedBy = closedByIdle ? ',"closedBy":"idle"' : ''
    const afterIndex = `,"timing":"${timing}","final":${final}${closedBy}},"values":{`
    return { afterId: idEnd + this.#query, beforeIndex, afterIndex, aroundZero: `${beforeIndex}0${afterIndex}` }
  }

  /** One pane's line. `supersedes` are the ids of the panes that it takes the place of. */
  line(frame: PaneFrame, key: MapKey, index: number, rows: Rows, row: number, supersedes = noneSuperseded): string {
    const written = this.#writtenKey(key)
    const around = index === 0 ? frame.aroundZero : frame.beforeIndex + index + frame.afterIndex
    let line = this.#lineStart + written.id + frame.afterId + written.json + around
    const names = this.#valueNames
    for (let i = 0; i < names.length; i++) line += names[i]! + writeJson(this.#layout.result(rows, row, i))
    return supersedes.length === 0 ? `${line}}}` : `${line}},"supersedes":${JSON.stringify(supersedes)}}`
  }

  #writtenKey(key: MapKey): WrittenKey {
    const parts = this.#keyParts
    if (parts.length === 0) return noKey
    if (parts.length === 1 && typeof key === 'string' && safeInId.test(key)) {
      return { id: parts[0]!.id + key, json: `${parts[0]!.json}"${key}"}` }
    }
    const known = this.#written.get(key)
    if (known !== undefined) return known
    let id = ''
    let json = ''
    for (const [i, value] of this.#groupKey.valuesOf(key).entries()) {
      id += parts[i]!.id + encodeIdValue(value)
      json +=
        parts[i]!.json + (typeof value === 'string' && safeInJson.test(value) ? `"${value}"` : JSON.stringify(value))
    }
    const written = { id, json: `${json}}` }
    if (this.#written.size >= writtenKeys) this.#written.clear()
    this.#written.set(key, written)
    return written
  }
}

const noKey: WrittenKey = { id: '-', json: '{}' }

/** JSON text of a value; numbers that overflowed are null, as JSON.stringify has it. */
function writeJson(value: JsonValue): string {
  if (typeof value === 'number') return Number.isFinite(value) ? `${value}` : 'null'
  return JSON.stringify(value) ?? 'null'
}
