// Writes panes, as bytes: a line for each, see `pane-line.ts`.
import type { JsonValue, Rows } from '../aggregates/aggregator.ts'
import type { RowLayout } from '../aggregates/row-layout.ts'
import type { KeyTable } from '../windows/key-table.ts'
import { encodeIdPart, KeyForms } from './key-forms.ts'
import { fitsTemplate, InstantDigits, LineTemplate } from './line-template.ts'
import { FixedText, type LineWriter } from './line-writer.ts'
import { maxNumberBytes } from './number-text.ts'
import { idEnd, lineParts, type PaneHeader } from './pane-line.ts'

const noneSuperseded: readonly string[] = []
/** Keys of so many different lengths are seldom met; beyond that, templates are made anew. */
const maxTemplates = 256
/** Longer keys get no template; the shape of a template has 15 bits for this. */
const maxTemplateKeyBytes = 0x7fff

export class PaneWriter {
  readonly #query: string
  readonly #layout: RowLayout
  readonly #out: LineWriter
  readonly #forms: KeyForms
  readonly #firstName: string
  /** What stands before each further value. */
  readonly #names: readonly FixedText[]
  readonly #lineEnd = new FixedText('}}\n')
  /** The most bytes that values take which are numbers, with their names and the line's end. */
  readonly #valuesBytes: number

  #header: PaneHeader = { start: 0, end: 0, timing: 'on-time', final: true, closedByIdle: false }
  #fitsTemplate = false
  readonly #start = new InstantDigits()
  readonly #end = new InstantDigits()
  /** The header that templates were made for, but for its window. */
  #templateHeader = this.#header
  /** Templates for it, by the lengths of a key's forms. */
  readonly #templates = new Map<number, LineTemplate>()
  #template: LineTemplate | undefined
  #templateShape = -1

  constructor(query: string, keyBy: readonly string[], keys: KeyTable, layout: RowLayout, out: LineWriter) {
    this.#query = query
    this.#layout = layout
    this.#out = out
    this.#forms = new KeyForms(keyBy, keys)
    const [first = '', ...others] = layout.columns.map(({ name }) => `${JSON.stringify(name)}:`)
    this.#firstName = first
    this.#names = others.map((name) => new FixedText(`,${name}`))
    this.#valuesBytes = this.#names.reduce((sum, { length }) => sum + length + maxNumberBytes, 64)
  }

  /** The id of a window's pane. */
  windowId(key: number, start: number, end: number): string {
    return `${encodeIdPart(this.#query)}/${this.#forms.idStart}${this.#forms.idOf(key)}${idEnd({ start, end })}`
  }

  /** The panes that follow have this header. */
  setHeader(header: PaneHeader): void {
    this.#header = header
    this.#fitsTemplate = fitsTemplate(header)
    if (!this.#fitsTemplate) return
    this.#start.set(header.start)
    this.#end.set(header.end)
    const { timing, final, closedByIdle } = header
    const made = this.#templateHeader
    if (timing === made.timing && final === made.final && closedByIdle === made.closedByIdle) return
    this.#templateHeader = header
    this.#templates.clear()
    this.#templateShape = -1
  }

  /** Writes one pane's line. `supersedes` are the ids of the panes that it takes the place of. */
  line(key: number, index: number, rows: Rows, row: number, supersedes = noneSuperseded): void {
    if (index === 0 && this.#fitsTemplate) this.#fillTemplate(key)
    else this.#writeStart(key, index)
    const out = this.#out
    const layout = this.#layout
    const names = this.#names
    if (layout.columns.length > 0) this.#value(layout.result(rows, row, 0))
    for (let i = 0; i < names.length; i++) {
      out.text(names[i]!)
      this.#value(layout.result(rows, row, i + 1))
    }
    if (supersedes.length === 0) out.text(this.#lineEnd)
    else out.string(`},"supersedes":${JSON.stringify(supersedes)}}\n`)
    out.endLine()
  }

  #fillTemplate(key: number): void {
    const forms = this.#forms
    forms.find(key)
    if (forms.jsonLength > maxTemplateKeyBytes) {
      this.#writeStart(key, 0)
      return
    }
    const shape = forms.idLength * 0x1_0000 + 2 * forms.jsonLength + (forms.isQuoted ? 1 : 0)
    const template = shape === this.#templateShape ? this.#template! : this.#templateOf(shape)
    const out = this.#out
    out.reserve(template.bytes.length + this.#valuesBytes)
    const { at, view } = out
    out.bytes.set(template.bytes, at)
    this.#start.put(view, at + template.idStartAt)
    this.#end.put(view, at + template.idEndAt)
    this.#start.put(view, at + template.startAt)
    this.#end.put(view, at + template.endAt)
    out.put(at + template.idAt, forms.words, forms.idAt, forms.idLength)
    out.put(at + template.jsonAt, forms.words, forms.jsonAt, forms.jsonLength)
    out.at = at + template.bytes.length
  }

  #templateOf(shape: number): LineTemplate {
    let template = this.#templates.get(shape)
    if (template === undefined) {
      if (this.#templates.size === maxTemplates) this.#templates.clear()
      template = new LineTemplate(this.#query, this.#forms, this.#firstName, this.#header)
      this.#templates.set(shape, template)
    }
    this.#template = template
    this.#templateShape = shape
    return template
  }

  /** The beginning of a line, in whatever form it is. */
  #writeStart(key: number, index: number): void {
    const header = this.#header
    const parts = lineParts(this.#query, this.#forms, this.#firstName, header)
    const { start, end } = header
    const before = `${parts.beforeId}${this.#forms.idOf(key)}${idEnd(header)}${parts.beforeKey}${this.#forms.jsonOf(key)}`
    const window = `${parts.beforeStart}${start}${parts.beforeEnd}${end}${parts.beforeIndex}${index}${parts.beforeValues}`
    this.#out.string(before + window)
    this.#out.reserve(this.#valuesBytes)
  }

  #value(value: JsonValue): void {
    if (typeof value === 'number') this.#out.number(value)
    else {
      this.#out.string(JSON.stringify(value) ?? 'null')
      this.#out.reserve(this.#valuesBytes)
    }
  }
}
