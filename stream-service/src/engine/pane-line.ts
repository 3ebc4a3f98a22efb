// A pane as it goes over the wire, but for its values: one JSON line. The id names a pane for ever (query/key/start-end, or
// query/key/lane#n for count windows); `pane.index` is its revision.
//
//   {"id":"q/page=%2Fp/0-10","query":"q","key":{"page":"/p"},"window":{"start":0,"end":10},"pane":{"index":0,…},"values":{"n":
import type { Timing } from './emission.ts'
import { encodeIdPart, type KeyForms } from './key-forms.ts'

/** What the panes of one firing have in common. */
export interface PaneHeader {
  readonly start: number
  readonly end: number
  readonly timing: Timing
  readonly final: boolean
  readonly closedByIdle: boolean
  /** Of count windows: the lane, and which of its key's windows this is, from 0. */
  readonly count?: { readonly shardId: string; readonly n: number }
}

/** The line's parts around the key's two forms, the window's bounds and the revision. */
export interface LineParts {
  readonly beforeId: string
  /** Behind the id, to the `key` object's first value. */
  readonly beforeKey: string
  readonly beforeStart: string
  readonly beforeEnd: string
  readonly beforeIndex: string
  /** Behind the revision, to the first value. */
  readonly beforeValues: string
}

export function lineParts(
  query: string,
  forms: KeyForms,
  firstName: string,
  { timing, final, closedByIdle }: PaneHeader,
): LineParts {
  const closedBy = closedByIdle ? ',"closedBy":"idle"' : ''
  return {
    beforeId: `{"id":"${encodeIdPart(query)}/${forms.idStart}`,
    beforeKey: `","query":${JSON.stringify(query)},"key":${forms.jsonStart}`,
    beforeStart: '},"window":{"start":',
    beforeEnd: ',"end":',
    beforeIndex: '},"pane":{"index":',
    beforeValues: `,"timing":"${timing}","final":${final}${closedBy}},"values":{${firstName}`,
  }
}

/** What stands behind the key in the id. */
export function idEnd({ start, end, count }: Pick<PaneHeader, 'start' | 'end' | 'count'>): string {
  return count === undefined ? `/${start}-${end}` : `/${encodeIdPart(count.shardId)}#${count.n}`
}
