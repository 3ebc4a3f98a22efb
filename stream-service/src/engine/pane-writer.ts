// Panes as they go over the wire: one JSON line each, written as bytes. The id names a pane for ever (query/key/start-end, or
// query/key/lane#n for count windows); `pane.index` is its revision.
//
//   {"id":"q/page=%2Fp/0-10","query":"q","key":{"page":"/p"},"window":{"start":0,"end":10},"pane":{"index":0,…},"values":{…}}
//          ^^^^^^^^^^^    ^^^^^^^^^^^^^^^^^^^^^         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ ^^^^^^^^^^^^
//          key id        frame.afterId                 frame.beforeIndex                                     afterIndex
import type { JsonValue, Rows } from '../aggregates/aggregator.ts'
import type { RowLayout } from '../aggregates/row-layout.ts'
import type { KeyTable } from '../windows/key-table.ts'
import { encodeIdPart, KeyWriter } from './key-writer.ts'
import { FixedText, type LineWriter } from './line-writer.ts'
import { maxNumberBytes } from './number-text.ts'
import type { PaneFrame } from './pane-frame.ts'

const noneSuperseded: readonly string[] = []

export class PaneWriter {
  readonly query: string
  readonly #out: LineWriter
  readonly #keyWriter: KeyWriter
  readonly #layout: RowLayout
  readonly #idStart: string
  /** How every line begins. */
  readonly #lineStart: FixedText
  /** What stands before each value. */
  readonly #names: readonly FixedText[]
  readonly #lineEnd = new FixedText('}}')
  readonly #valuesEnd = new FixedText('},"supersedes":')
  /** The most bytes of a line beside its key, its frame and values that are no numbers. */
  readonly #fixedBytes: number

  constructor(query: string, keyBy: readonly string[], keys: KeyTable, layout: RowLayout, out: LineWriter) {
    this.query = query
    this.#out = out
    this.#layout = layout
    this.#keyWriter = new KeyWriter(keyBy, keys, out)
    this.#idStart = `${encodeIdPart(query)}/`
    this.#lineStart = new FixedText(`{"id":"${this.#idStart}`)
    this.#names = layout.columns.map(({ name }, i) => new FixedText(`${i === 0 ? '' : ','}${JSON.stringify(name)}:`))
    this.#fixedBytes =
      this.#lineStart.length + this.#names.reduce((sum, { length }) => sum + length + maxNumberBytes, 64)
  }

  /** The id of a window's pane. */
  windowId(key: number, start: number, end: number): string {
    return `${this.#idStart}${this.#keyWriter.idOf(key)}/${start}-${end}`
  }

  /** Writes one pane's line. `supersedes` are the ids of the panes that it takes the place of. */
  line(frame: PaneFrame, key: number, index: number, rows: Rows, row: number, supersedes = noneSuperseded): void {
    const out = this.#out
    out.reserve(this.#fixedBytes + frame.length + this.#keyWriter.maxBytes(key))
    out.text(this.#lineStart)
    this.#keyWriter.writeId(key)
    out.text(frame.afterId)
    this.#keyWriter.writeJson(key)
    out.text(frame.beforeIndex)
    out.number(index)
    out.text(frame.afterIndex)
    const names = this.#names
    for (let i = 0; i < names.length; i++) {
      out.text(names[i]!)
      this.#value(this.#layout.result(rows, row, i))
    }
    if (supersedes.length === 0) out.text(this.#lineEnd)
    else {
      out.text(this.#valuesEnd)
      out.string(`${JSON.stringify(supersedes)}}`)
    }
    out.endLine()
  }

  #value(value: JsonValue): void {
    if (typeof value === 'number') this.#out.number(value)
    else this.#out.string(JSON.stringify(value) ?? 'null')
  }
}
