// What a merge of sessions knows of the open sessions of a lane elsewhere: their starts. Their ends are still open, so for the
// merge they reach on for ever: it may wait for one that stays apart in the end, and never passes one by that joins.
import type { KeyMarks, KeyTable } from '../windows/key-table.ts'
import type { KnownStart, SessionSpan } from '../windows/session.ts'
import type { OpenSpans } from './partials.ts'

export class OpenMirror {
  readonly #keys: KeyTable
  readonly #open = new Map<number, SessionSpan[]>()

  constructor(keys: KeyTable) {
    this.#keys = keys
  }

  add({ keys, counts, starts }: OpenSpans): void {
    let session = 0
    let at = 0
    this.#keys.unpack(keys, (key) => {
      const known: KnownStart[] = []
      for (let i = 0; i < counts[session]!; i++, at += 2) known.push({ start: starts[at]!, knownAt: starts[at + 1]! })
      session++
      this.#add(key, known)
    })
  }

  #add(key: number, starts: readonly KnownStart[]): void {
    const start = Math.min(...starts.map((known) => known.start))
    const span = { start, end: Number.POSITIVE_INFINITY, starts }
    const open = this.#open.get(key)
    if (open === undefined) this.#open.set(key, [span])
    else this.#open.set(key, [...open.filter((other) => other.start !== start), span])
  }

  /** The lane has given a session: what was open and lies in it is open no more. */
  given(key: number, start: number, end: number): void {
    const open = this.#open.get(key)
    if (open === undefined) return
    const rest = open.filter((span) => span.start < start || span.start > end)
    if (rest.length > 0) this.#open.set(key, rest)
    else this.#open.delete(key)
  }

  of(key: number): readonly SessionSpan[] {
    return this.#open.get(key) ?? none
  }

  markKeys(marks: KeyMarks): void {
    for (const key of this.#open.keys()) marks.mark(key)
  }

  save(): OpenSpans {
    const open = [...this.#open].flatMap(([key, spans]) => spans.map(({ starts }) => ({ key, starts })))
    return {
      keys: this.#keys.pack(open.map(({ key }) => key)),
      counts: Uint32Array.from(open, ({ starts }) => starts.length),
      starts: Float64Array.from(open.flatMap(({ starts }) => starts.flatMap(({ start, knownAt }) => [start, knownAt]))),
    }
  }
}

const none: readonly SessionSpan[] = []
