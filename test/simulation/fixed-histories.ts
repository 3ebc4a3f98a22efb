// A few histories in which much happens in a short time, for the crash sweep: a kill at each operation in turn.
import type { History, HistoryEvent, PlannedRecord } from './history.ts'

/** Records `every` ms apart are written as key, value and how far behind they are. */
function put(afterMs: number, ...records: readonly (readonly [string, number, number])[]): HistoryEvent {
  return {
    does: 'put',
    afterMs,
    records: records.map(
      ([key, value, behindMs], i): PlannedRecord => ({
        key,
        value,
        behindMs,
        hashKey: (20_000 * i + 7_001 * value) % 65_536,
      }),
    ),
  }
}

const few = [put(300, ['a', 1, 0], ['b', 2, 300], ['a', 3, 1_900]), put(1_200, ['a', 4, 100], ['b', 5, 5_000])]
const more = [put(1_500, ['b', 6, 0], ['a', 7, 700]), put(2_500, ['a', 8, 0], ['b', 9, 9_000])]

export const fixedHistories: readonly { readonly name: string; readonly history: History }[] = [
  {
    name: 'one task, a split',
    history: {
      seed: 1,
      shards: 1,
      tasks: 1,
      partitions: 0,
      events: [...few, { does: 'split', which: 0, afterMs: 200 }, ...more],
    },
  },
  {
    name: 'one task, a merge, and a sink that is slow',
    history: {
      seed: 2,
      shards: 2,
      tasks: 1,
      partitions: 0,
      events: [
        { does: 'sinks are slow', ms: 3_000, afterMs: 0 },
        ...few,
        { does: 'merge', which: 0, afterMs: 200 },
        ...more,
      ],
    },
  },
  {
    name: 'two tasks and an exchange, a split',
    history: {
      seed: 3,
      shards: 2,
      tasks: 2,
      partitions: 2,
      events: [...few, { does: 'split', which: 1, afterMs: 200 }, ...more],
    },
  },
]
