// How fast JavaScript gets with JSON.parse when each query is a loop of its own, written by hand: nothing is general, nothing
// can be late, lost or explained.
import { forEachLine, LineWriter } from '../lines.ts'
import { byQuery, contest } from './contest.ts'
import { Distinct, Quantile } from './sketches.ts'

interface Event {
  readonly page: string
  readonly userId: string
  readonly value: number
  readonly ts: number
}

type ReplayFile = (input: string, output: string) => number

/** How far the watermark trails the newest event. A window is over once an event comes this long after its end. */
const outOfOrdernessMs = 5_000

class Statistics {
  count = 0
  sum = 0
  min = Number.POSITIVE_INFINITY
  max = Number.NEGATIVE_INFINITY

  add({ value }: Event): void {
    this.count++
    this.sum += value
    if (value < this.min) this.min = value
    if (value > this.max) this.max = value
  }

  write(): string {
    return `"count":${this.count},"sum":${this.sum},"min":${this.min},"max":${this.max},"avg":${this.sum / this.count}`
  }
}

class StatisticsAndSketches {
  readonly #statistics = new Statistics()
  readonly #values = new Quantile()
  readonly #users = new Distinct()

  add(event: Event): void {
    this.#statistics.add(event)
    this.#values.add(event.value)
    this.#users.add(event.userId)
  }

  write(): string {
    return `${this.#statistics.write()},"p95":${this.#values.at(0.95)},"distinctUsers":${this.#users.count()}`
  }
}

class Count {
  count = 0

  add(_event: Event): void {
    this.count++
  }

  write(): string {
    return `"count":${this.count}`
  }
}

class CountAndSum {
  count = 0
  sum = 0

  add({ value }: Event): void {
    this.count++
    this.sum += value
  }

  write(): string {
    return `"count":${this.count},"sum":${this.sum}`
  }
}

function lineOf(key: string, start: number, end: number, values: string): string {
  return `{"key":"${key}","windowStart":${start},"windowEnd":${end},${values}}`
}

/** A map of keys for each open window, of which there are one or two. */
function tumbling(
  size: number,
  keyOf: (event: Event) => string,
  create: () => { add(event: Event): void; write(): string },
): ReplayFile {
  return (input, output) => {
    const file = new LineWriter(output)
    const windows = new Map<number, Map<string, ReturnType<typeof create>>>()
    /** The window of the event before, and its keys: most events are in the same one. */
    let start = Number.NaN
    let keys = new Map<string, ReturnType<typeof create>>()
    let nextOverAt = Number.POSITIVE_INFINITY

    const closeUntil = (newest: number) => {
      nextOverAt = Number.POSITIVE_INFINITY
      for (const [first, closing] of [...windows].sort(([a], [b]) => a - b)) {
        const end = first + size
        if (newest < end + outOfOrdernessMs) {
          nextOverAt = Math.min(nextOverAt, end + outOfOrdernessMs)
          continue
        }
        for (const [key, state] of closing) file.write(lineOf(key, first, end, state.write()))
        windows.delete(first)
      }
      start = Number.NaN
    }

    const records = forEachLine(input, (line) => {
      const event: Event = JSON.parse(line)
      const { ts } = event
      const first = ts - (ts % size)
      if (first !== start) {
        start = first
        const known = windows.get(first)
        if (known === undefined) {
          keys = new Map()
          windows.set(first, keys)
          nextOverAt = Math.min(nextOverAt, first + size + outOfOrdernessMs)
        } else keys = known
      }
      const key = keyOf(event)
      let state = keys.get(key)
      if (state === undefined) {
        state = create()
        keys.set(key, state)
      }
      state.add(event)
      if (ts >= nextOverAt) closeUntil(ts)
    })
    closeUntil(Number.POSITIVE_INFINITY)
    file.close()
    return records
  }
}

/** Slices as long as the hop; a window that is over is the sum of its slices. */
function hoppingByPage(size: number, every: number): ReplayFile {
  return (input, output) => {
    const file = new LineWriter(output)
    const slices = new Map<number, Map<string, CountAndSum>>()
    let start = Number.NaN
    let keys = new Map<string, CountAndSum>()
    let nextEnd = Number.POSITIVE_INFINITY
    let lastSlice = Number.NEGATIVE_INFINITY

    const closeUntil = (newest: number) => {
      for (; newest >= nextEnd + outOfOrdernessMs && nextEnd - size <= lastSlice; nextEnd += every) {
        const totals = new Map<string, CountAndSum>()
        for (let slice = nextEnd - size; slice < nextEnd; slice += every) {
          for (const [key, { count, sum }] of slices.get(slice) ?? []) {
            let total = totals.get(key)
            if (total === undefined) {
              total = new CountAndSum()
              totals.set(key, total)
            }
            total.count += count
            total.sum += sum
          }
        }
        for (const [key, total] of totals) file.write(lineOf(key, nextEnd - size, nextEnd, total.write()))
        slices.delete(nextEnd - size)
      }
      start = Number.NaN
    }

    const records = forEachLine(input, (line) => {
      const event: Event = JSON.parse(line)
      const { ts } = event
      const first = ts - (ts % every)
      if (first !== start) {
        start = first
        const known = slices.get(first)
        if (known === undefined) {
          keys = new Map()
          slices.set(first, keys)
          nextEnd = Math.min(nextEnd, first + every)
          lastSlice = Math.max(lastSlice, first)
        } else keys = known
      }
      let state = keys.get(event.page)
      if (state === undefined) {
        state = new CountAndSum()
        keys.set(event.page, state)
      }
      state.add(event)
      if (ts >= nextEnd + outOfOrdernessMs) closeUntil(ts)
    })
    closeUntil(Number.POSITIVE_INFINITY)
    file.close()
    return records
  }
}

interface Session {
  first: number
  last: number
  count: number
}

/** The open sessions of each user, looked at again in the second in which they may be over. */
function sessionsByUser(gap: number): ReplayFile {
  return (input, output) => {
    const file = new LineWriter(output)
    const users = new Map<string, Session[]>()
    const dueInSecond = new Map<number, string[]>()
    let second = Number.NaN

    const lookAgain = (user: string, at: number) => {
      const due = Math.floor(at / 1_000) + 1
      const list = dueInSecond.get(due)
      if (list === undefined) dueInSecond.set(due, [user])
      else list.push(user)
    }
    const write = (user: string, { first, last, count }: Session) =>
      file.write(lineOf(user, first, last + gap, `"count":${count}`))
    const closeUntil = (newest: number) => {
      for (const now = Math.floor(newest / 1_000); second <= now; second++) {
        const due = dueInSecond.get(second)
        if (due === undefined) continue
        dueInSecond.delete(second)
        for (const user of due) {
          const open: Session[] = []
          for (const session of users.get(user) ?? []) {
            const overAt = session.last + gap + outOfOrdernessMs
            if (overAt <= newest) write(user, session)
            else {
              open.push(session)
              lookAgain(user, overAt)
            }
          }
          if (open.length > 0) users.set(user, open)
          else users.delete(user)
        }
      }
    }

    const records = forEachLine(input, (line) => {
      const { ts, userId }: Event = JSON.parse(line)
      if (Number.isNaN(second)) second = Math.floor(ts / 1_000) - 10
      const open = users.get(userId)
      const touched = open?.filter(({ first, last }) => first <= ts + gap && ts <= last + gap)
      if (open === undefined || touched!.length === 0) {
        const session = { first: ts, last: ts, count: 1 }
        if (open === undefined) users.set(userId, [session])
        else open.push(session)
        lookAgain(userId, ts + gap + outOfOrdernessMs)
      } else {
        const [session, ...others] = touched as [Session, ...Session[]]
        session.count++
        session.first = Math.min(session.first, ts)
        session.last = Math.max(session.last, ts)
        for (const other of others) {
          session.count += other.count
          session.first = Math.min(session.first, other.first)
          session.last = Math.max(session.last, other.last)
          open.splice(open.indexOf(other), 1)
        }
      }
      if (ts >= (second + 1) * 1_000) closeUntil(ts)
    })
    for (const [user, open] of users) for (const session of open) write(user, session)
    file.close()
    return records
  }
}

const byPage = ({ page }: Event) => page
const byUser = ({ userId }: Event) => userId

await contest(
  byQuery({
    Q1: tumbling(60_000, byPage, () => new Statistics()),
    Q2: tumbling(60_000, byPage, () => new StatisticsAndSketches()),
    Q3: tumbling(10_000, byUser, () => new Count()),
    Q4: hoppingByPage(60_000, 10_000),
    Q5: sessionsByUser(30_000),
  }),
)
