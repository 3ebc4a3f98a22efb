// How windows on a grid share their records. Hopping and cumulative windows overlap: where their ends and starts lie on a
// grid that is not much finer than they are, a record goes into one *slice* of that grid only, and a window is put together
// from its slices when it fires (J. Li, D. Maier, K. Tufte, V. Papadimos, P. Tucker 2005, "No pane, no gain: efficient
// evaluation of sliding-window aggregates over data streams", where slices are called panes).
//
//   hopping 10/4   |----|----|--              windows of 10 every 4
//                       |----|----|--
//   slices of 2    |--|--|--|--|--|--|--|
import { type AlignedWindows, alignedWindows } from './aligned.ts'
import type { AlignedWindowSpec } from './window-spec.ts'

/** A finer grid than so many slices between two windows costs more than it saves: keys repeat in every slice. */
const maxSlicesPerStep = 4

export interface Slicing {
  readonly windows: AlignedWindows
  /** The width of a slice; undefined when windows do not share records, and each window is a slice of its own. */
  readonly sliceMs: number | undefined
  /** The end of the slice that holds an instant. Only with `sliceMs`. */
  sliceEnd(at: number): number
}

export function slicing(spec: AlignedWindowSpec): Slicing {
  const windows = alignedWindows(spec)
  const sliceMs = sliceWidth(spec)
  if (sliceMs === undefined) return { windows, sliceMs, sliceEnd: () => Number.NaN }
  const { offsetMs } = spec
  return {
    windows,
    sliceMs,
    sliceEnd: (at) => Math.floor((at - offsetMs) / sliceMs) * sliceMs + offsetMs + sliceMs,
  }
}

function sliceWidth(spec: AlignedWindowSpec): number | undefined {
  switch (spec.type) {
    case 'tumbling':
      return spec.sizeMs
    case 'cumulative':
      return spec.stepMs
    case 'hopping': {
      const { sizeMs, everyMs } = spec
      const width = greatestCommonDivisor(sizeMs, everyMs)
      return Math.min(sizeMs, everyMs) <= maxSlicesPerStep * width ? width : undefined
    }
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
