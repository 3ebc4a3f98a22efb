// From the moment when a window may fire to the arrival of its panes; and whether the panes are what was put.
import { statSync } from 'node:fs'
import { forEachLine } from '../lines.ts'
import type { PaneDue, WindowsPut } from './windows-put.ts'

interface Pane {
  readonly id: string
  readonly key: { readonly page: string }
  readonly window: { readonly end: number }
  readonly values: PaneDue
}

export interface PaneDelays {
  /** Of the panes of windows that end after the given time, in ascending order. */
  readonly delaysMs: Float64Array
  readonly faults: readonly string[]
}

export function delaysOf(options: {
  readonly panesFile: string
  readonly refusedFile: string
  /** By line of the panes. */
  readonly arrivedAt: Float64Array
  readonly windows: WindowsPut
  readonly after: number
}): PaneDelays {
  const { panesFile, refusedFile, arrivedAt, windows, after } = options
  const delays: number[] = []
  const seen = new Set<string>()
  let line = 0
  let wrong = 0
  let first = ''
  forEachLine(panesFile, (text) => {
    const { id, key, window, values } = JSON.parse(text) as Pane
    const wanted = windows.pane(window.end, key.page)
    const since = windows.mayFireSince(window.end)
    const at = arrivedAt[line++]
    if (since === undefined || at === undefined || seen.has(id) || !isEqual(values, wanted)) {
      wrong++
      first ||= `${text}, ${seen.has(id) ? 'twice' : `due is ${JSON.stringify(since && wanted)}`}`
      return
    }
    seen.add(id)
    if (window.end > after) delays.push(at - since)
  })
  const refusedBytes = statSync(refusedFile).size
  return {
    delaysMs: Float64Array.from(delays).sort(),
    faults: [
      ...(wrong === 0 ? [] : [`${wrong} wrong panes, first ${first}`]),
      ...(seen.size === windows.panesDue ? [] : [`${windows.panesDue} panes are due, ${seen.size} came`]),
      ...(refusedBytes === 0 ? [] : ['records were refused']),
      ...(windows.lastEnd > after ? [] : ['no window may fire after the warm-up']),
    ],
  }
}

function isEqual(values: PaneDue, wanted: PaneDue | undefined): boolean {
  return wanted !== undefined && values.count === wanted.count && Math.abs(values.sum - wanted.sum) <= 1e-6 * wanted.sum
}
