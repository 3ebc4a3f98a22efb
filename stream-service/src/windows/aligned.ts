// Windows on a grid: tumbling, hopping and cumulative. Each is known by its end, since no two windows of one query share
// one. All intervals are [start, end), in epoch milliseconds, and starts may lie before 1970.
//
//   tumbling 10    |----------|----------|        one window per instant
//   hopping 10/5   |----------|                   size / every windows per instant; with every > size, some have none
//                       |----------|
//   cumulative 9/3 |---|                          the windows of one period share its start
//                  |------|
//                  |---------|
import type { AlignedWindowSpec } from './window-spec.ts'

export interface AlignedWindows {
  /** The distance between the ends of consecutive windows. */
  readonly stepMs: number
  /** The first and last end of the windows that hold an instant; when first > last, none does. */
  firstEnd(at: number): number
  lastEnd(at: number): number
  startOf(end: number): number
}

export function alignedWindows(spec: AlignedWindowSpec): AlignedWindows {
  const { sizeMs: size, offsetMs: offset } = spec
  const periodStart = (at: number, period: number) => Math.floor((at - offset) / period) * period + offset
  switch (spec.type) {
    case 'tumbling': {
      const end = (at: number) => periodStart(at, size) + size
      return { stepMs: size, firstEnd: end, lastEnd: end, startOf: (windowEnd) => windowEnd - size }
    }
    case 'hopping': {
      const every = spec.everyMs
      return {
        stepMs: every,
        // Starts are offset + k * every, and [start, start + size) holds `at` while start > at - size.
        firstEnd: (at) => periodStart(at - size, every) + every + size,
        lastEnd: (at) => periodStart(at, every) + size,
        startOf: (end) => end - size,
      }
    }
    case 'cumulative': {
      const step = spec.stepMs
      return {
        stepMs: step,
        firstEnd: (at) => periodStart(at, step) + step,
        lastEnd: (at) => periodStart(at, size) + size,
        startOf: (end) => periodStart(end - 1, size),
      }
    }
  }
}
