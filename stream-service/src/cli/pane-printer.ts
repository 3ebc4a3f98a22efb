// Panes for a person at a terminal: one short line each, and no more of them than can be read.
import { styleText } from 'node:util'

interface PaneLine {
  readonly key: Readonly<Record<string, unknown>>
  readonly window: { readonly start: number; readonly end: number }
  readonly pane: { readonly index: number; readonly timing: string; readonly closedBy?: string }
  readonly values: Readonly<Record<string, unknown>>
}

const linesPerSecond = 6

export class PanePrinter {
  readonly #write: (line: string) => void
  readonly #now: () => number
  /** Per query: the second it is in, and how many lines that second has had and lost. */
  readonly #budgets = new Map<string, { second: number; shown: number; hidden: number }>()

  constructor(write: (line: string) => void, now: () => number) {
    this.#write = write
    this.#now = now
  }

  /** `count` is how many panes fired, of which `lines` are at hand. */
  print(query: string, lines: readonly string[], count: number): void {
    const second = Math.floor(this.#now() / 1_000)
    let budget = this.#budgets.get(query)
    if (budget === undefined || budget.second !== second) {
      if (budget !== undefined) this.#tellHidden(query, budget.hidden)
      budget = { second, shown: 0, hidden: 0 }
      this.#budgets.set(query, budget)
    }
    const shown = lines.slice(0, linesPerSecond - budget.shown)
    for (const line of shown) this.#write(describePane(query, JSON.parse(line) as PaneLine))
    budget.shown += shown.length
    budget.hidden += count - shown.length
  }

  /** Tells what was held back; call it at the end. */
  finish(): void {
    for (const [query, { hidden }] of this.#budgets) this.#tellHidden(query, hidden)
    this.#budgets.clear()
  }

  #tellHidden(query: string, hidden: number): void {
    if (hidden > 0) this.#write(styleText('dim', `                    ${query}  … ${hidden} more panes in the file`))
  }
}

function describePane(query: string, { key, window, pane, values }: PaneLine): string {
  const keys = Object.entries(key).map(([name, value]) => `${name.replace(/^.*\./, '')}=${String(value)}`)
  const results = Object.entries(values).map(([name, value]) => `${name}=${shorten(value)}`)
  const revision = pane.index > 0 ? `revision ${pane.index}` : ''
  const closed = pane.closedBy === undefined ? '' : `closed by ${pane.closedBy}`
  const notes = [pane.timing === 'on-time' ? '' : pane.timing, revision, closed].filter((note) => note !== '')
  const span = styleText('dim', `${clock(window.start)}–${clock(window.end)}`)
  return [
    span,
    styleText('cyan', query),
    ...keys,
    styleText('bold', results.join(' ')),
    styleText('dim', notes.join(', ')),
  ]
    .filter((part) => part !== '')
    .join('  ')
    .trimEnd()
}

function clock(at: number): string {
  return new Date(at).toISOString().slice(11, 19)
}

function shorten(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : value.toFixed(2)
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 40 ? `${text.slice(0, 39)}…` : text
}
