// All of a pane's line that does not depend on its key, revision and values, written out. The panes of one window share a
// frame; sessions, which have a window each, change the digits in theirs.

import type { Timing } from './emission.ts'
import { encodeIdPart } from './key-writer.ts'
import { FixedText } from './line-writer.ts'

/** What the panes of one firing have in common. */
export interface PaneHeader {
  readonly start: number
  readonly end: number
  readonly timing: Timing
  readonly final: boolean
  readonly closedByIdle: boolean
}

/** Instants from 2001 to 2286 have 13 digits. */
const usualDigits = 13
const usualFrom = 10 ** (usualDigits - 1)
const usualBelow = 10 ** usualDigits

export class PaneFrame {
  /** From the end of the key in the id to the `key` object, from there to the revision, and from there to the values. */
  afterId = noText
  beforeIndex = noText
  afterIndex = noText
  /** In bytes, with room for words. */
  length = 0
  readonly #query: string
  #timing: Timing | undefined
  #final = false
  #closedByIdle = false
  /** The frame is of a window between two instants of the usual number of digits. */
  #isUsual = false

  constructor(query: string) {
    this.#query = `","query":${JSON.stringify(query)},"key":`
  }

  /** Makes this the frame of a window's panes. */
  setWindow({ start, end, timing, final, closedByIdle }: PaneHeader): void {
    if (this.#isUsual && this.#timing === timing && this.#final === final && this.#closedByIdle === closedByIdle) {
      if (start >= usualFrom && start < usualBelow && end >= usualFrom && end < usualBelow) {
        setDigits(this.afterId, idStartAt, start)
        setDigits(this.afterId, idEndAt, end)
        setDigits(this.beforeIndex, startAt, start)
        setDigits(this.beforeIndex, endAt, end)
        return
      }
    }
    this.#isUsual = start >= usualFrom && end < usualBelow
    this.#set(`/${start}-${end}`, { start, end, timing, final, closedByIdle })
  }

  /** Makes this the frame of the n-th count window of a key in a lane, n from 0. */
  setCount(shardId: string, n: number, header: PaneHeader): void {
    this.#isUsual = false
    this.#set(`/${encodeIdPart(shardId)}#${n}`, header)
  }

  #set(idEnd: string, { start, end, timing, final, closedByIdle }: PaneHeader): void {
    const closedBy = closedByIdle ? ',"closedBy":"idle"' : ''
    this.#timing = timing
    this.#final = final
    this.#closedByIdle = closedByIdle
    this.afterId = new FixedText(idEnd + this.#query)
    this.beforeIndex = new FixedText(`${beforeStart}${start}${beforeEnd}${end}},"pane":{"index":`)
    this.afterIndex = new FixedText(`,"timing":"${timing}","final":${final}${closedBy}},"values":{`)
    this.length = this.afterId.length + this.beforeIndex.length + this.afterIndex.length
  }
}

const noText = new FixedText('')
const beforeStart = ',"window":{"start":'
const beforeEnd = ',"end":'
const idStartAt = 1
const idEndAt = idStartAt + usualDigits + 1
const startAt = beforeStart.length
const endAt = startAt + usualDigits + beforeEnd.length

/** Writes an instant of the usual number of digits. */
function setDigits({ bytes }: FixedText, at: number, instant: number): void {
  const seconds = Math.floor(instant / 1_000)
  let millis = (instant - seconds * 1_000) | 0
  for (let to = at + 12; to >= at + 10; to--) {
    const next = (millis / 10) | 0
    bytes[to] = 0x30 + millis - 10 * next
    millis = next
  }
  // Ten digits do not fit into 31 bits.
  const high = Math.floor(seconds / 100_000)
  writeFive(bytes, at + 5, (seconds - high * 100_000) | 0)
  writeFive(bytes, at, high | 0)
}

function writeFive(bytes: Uint8Array, at: number, value: number): void {
  let rest = value
  for (let to = at + 4; to >= at; to--) {
    const next = (rest / 10) | 0
    bytes[to] = 0x30 + rest - 10 * next
    rest = next
  }
}
