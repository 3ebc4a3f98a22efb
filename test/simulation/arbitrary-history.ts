// Random histories for fast-check.
import fc from 'fast-check'
import type { Happening, History, HistoryEvent, PlannedRecord } from './history.ts'
import { outOfOrdernessMs } from './queries.ts'
import { hashKeys } from './world/stream-model.ts'

const ms = (least: number, greatest: number) => fc.integer({ min: least, max: greatest })

const record: fc.Arbitrary<PlannedRecord> = fc.record({
  key: fc.constantFrom('a', 'b'),
  value: fc.integer({ min: -9, max: 9 }),
  hashKey: fc.nat(hashKeys - 1),
  behindMs: fc.oneof(
    { weight: 6, arbitrary: ms(0, outOfOrdernessMs - 1) },
    // Late for some windows, or for all.
    { weight: 1, arbitrary: ms(outOfOrdernessMs, 15_000) },
  ),
})

const put: fc.Arbitrary<Happening> = fc.record({
  does: fc.constant('put' as const),
  records: fc.array(record, { minLength: 1, maxLength: 6 }),
})

const reshard: fc.Arbitrary<Happening> = fc.record({ does: fc.constantFrom('split', 'merge'), which: fc.nat(5) })

const kill = (tasks: number): fc.Arbitrary<Happening> =>
  fc.record({
    does: fc.constant('kill' as const),
    task: fc.nat(tasks - 1),
    inOperations: fc.integer({ min: 1, max: 25 }),
    when: fc.constantFrom('before', 'after'),
    backAfterMs: ms(10, 9_000),
    keepsLeases: fc.boolean(),
  })

const pause = (tasks: number): fc.Arbitrary<Happening> =>
  fc.record({ does: fc.constant('pause' as const), task: fc.nat(tasks - 1), ms: ms(100, 9_000) })

const stop = (tasks: number): fc.Arbitrary<Happening> =>
  fc.record({
    does: fc.constant('stop' as const),
    task: fc.nat(tasks - 1),
    backAfterMs: ms(10, 6_000),
    deadlineMs: fc.constantFrom(50, 5_000),
  })

const fault = (...which: readonly (HistoryEvent & { readonly ms: number })['does'][]): fc.Arbitrary<Happening> =>
  fc.record({ does: fc.constantFrom(...which), ms: ms(100, 5_000) }) as fc.Arbitrary<Happening>

const lease: fc.Arbitrary<Happening> = fc.record({
  does: fc.constantFrom('revoke lease', 'hand over'),
  which: fc.nat(5),
})

const retention: fc.Arbitrary<Happening> = fc.record({
  does: fc.constant('retention' as const),
  keepsMs: ms(3_000, 8_000),
})

function inTime(what: Happening): Happening {
  if (what.does !== 'put') return what
  const records = what.records.map((record) => ({ ...record, behindMs: record.behindMs % outOfOrdernessMs }))
  return { ...what, records }
}

export interface Setting {
  /** Tasks there may be. */
  readonly tasks: number
  readonly partitions: number
  /** Mostly tasks that lose their leases and do not know. */
  readonly zombies?: boolean
  /** Retention takes records; none come too late, so that what is lost decides nothing about others. */
  readonly hasRetention?: boolean
}

export function histories({
  tasks,
  partitions,
  zombies = false,
  hasRetention = false,
}: Setting): fc.Arbitrary<History> {
  const happening = fc.oneof(
    { weight: 8, arbitrary: hasRetention ? put.map(inTime) : put },
    ...(hasRetention ? [{ weight: 2, arbitrary: retention }] : []),
    { weight: 2, arbitrary: reshard },
    { weight: 2, arbitrary: kill(tasks) },
    { weight: zombies ? 5 : 1, arbitrary: pause(tasks) },
    { weight: 1, arbitrary: stop(tasks) },
    { weight: zombies ? 4 : 1, arbitrary: lease },
    { weight: 2, arbitrary: fault('store fails', 'sinks are slow', 'sinks are silent', 'reads fail') },
    ...(tasks > 1
      ? [{ weight: 1, arbitrary: fc.record({ does: fc.constant('start' as const), task: fc.nat(tasks - 1) }) }]
      : []),
    ...(partitions > 0 ? [{ weight: 1, arbitrary: fault('exchange is flawed') }] : []),
  )
  const event = fc.tuple(happening, ms(0, 3_000)).map(([what, afterMs]): HistoryEvent => ({ ...what, afterMs }))
  return fc.record({
    seed: fc.nat(0xffff_ffff),
    shards: fc.integer({ min: 1, max: 3 }),
    tasks: zombies ? fc.constant(tasks) : fc.integer({ min: 1, max: tasks }),
    partitions: fc.constant(partitions),
    events: fc.array(event, { minLength: 1, maxLength: 18, size: 'max' }),
  })
}
