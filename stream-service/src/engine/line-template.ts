// Most lines of a query differ in their key, their window's bounds and their values only, and have those in the same places:
// such a line is a copy of a template, with key and bounds put in. Bounds are instants of 13 digits, from 2001 to 2286.

import type { KeyForms } from './key-forms.ts'
import { lineParts, type PaneHeader } from './pane-line.ts'

const digits = 13
const from = 10 ** (digits - 1)
const below = 10 ** digits

/** Whether a line with this header can be a copy of a template. */
export function fitsTemplate({ start, end, count }: PaneHeader): boolean {
  return start >= from && start < below && end >= from && end < below && count === undefined
}

export class LineTemplate {
  /** Up to the first value. */
  readonly bytes: Buffer
  readonly idAt: number
  readonly idStartAt: number
  readonly idEndAt: number
  readonly jsonAt: number
  readonly startAt: number
  readonly endAt: number

  constructor(query: string, forms: KeyForms, firstName: string, header: PaneHeader) {
    const parts = lineParts(query, forms, firstName, header)
    const quote = forms.isQuoted ? '"' : ''
    let text = ''
    const place = (before: string, length: number) => {
      text += before
      const at = Buffer.byteLength(text)
      text += '0'.repeat(length)
      return at
    }
    this.idAt = place(parts.beforeId, forms.idLength)
    this.idStartAt = place('/', digits)
    this.idEndAt = place('-', digits)
    this.jsonAt = place(parts.beforeKey + quote, forms.jsonLength)
    this.startAt = place(quote + parts.beforeStart, digits)
    this.endAt = place(parts.beforeEnd, digits)
    text += `${parts.beforeIndex}0${parts.beforeValues}`
    this.bytes = Buffer.from(text)
  }
}

/** The 13 digits of an instant as two doubles, of the first and the last eight of them. */
export class InstantDigits {
  first8 = 0.5
  last8 = 0.5
  readonly #bytes = Buffer.alloc(16)
  readonly #view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, 16)
  #instant = Number.NaN

  set(instant: number): void {
    if (instant === this.#instant) return
    this.#instant = instant
    // Only 31 bits are divided as integers.
    const high = Math.floor(instant / 10_000_000)
    this.#write(0, 6, high)
    this.#write(6, 7, instant - high * 10_000_000)
    this.first8 = this.#view.getFloat64(0, true)
    this.last8 = this.#view.getFloat64(digits - 8, true)
  }

  #write(start: number, count: number, value: number): void {
    let rest = value | 0
    for (let at = start + count - 1; at >= start; at--) {
      const next = (rest / 10) | 0
      this.#bytes[at] = 0x30 + rest - 10 * next
      rest = next
    }
  }

  /** Writes the digits, wherever they go. */
  put(view: DataView, at: number): void {
    view.setFloat64(at, this.first8, true)
    view.setFloat64(at + digits - 8, this.last8, true)
  }
}
