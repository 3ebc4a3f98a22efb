// The windows a query can ask for, with every duration in milliseconds.

export type WindowSpec =
  | { readonly type: 'tumbling'; readonly sizeMs: number; readonly offsetMs: number }
  | { readonly type: 'hopping'; readonly sizeMs: number; readonly everyMs: number; readonly offsetMs: number }
  | { readonly type: 'cumulative'; readonly sizeMs: number; readonly stepMs: number; readonly offsetMs: number }
  | { readonly type: 'session'; readonly gapMs: number }
  | { readonly type: 'count'; readonly size: number }

/** The kinds whose windows lie on a grid of event time, the same for every key. */
export type AlignedWindowSpec = Extract<WindowSpec, { type: 'tumbling' | 'hopping' | 'cumulative' }>
