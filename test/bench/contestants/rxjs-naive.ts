// The queries as a user of RxJS writes them today: groupBy window, closed by a stream of watermarks, groupBy key in it, and
// reduce. RxJS's own windows go by the wall clock, so event time has to come from groupBy's `duration`. (Grouping by window
// and key at once would be quadratic: every group is one more subscriber of the watermarks.) Sessions have no operator to
// start from, so there is no Q5.
import { filter, from, groupBy, map, mergeMap, type Observable, reduce, Subject, take, tap, toArray } from 'rxjs'
import { forEachLine, LineWriter } from '../lines.ts'
import { byQuery, contest } from './contest.ts'

interface Event {
  readonly page: string
  readonly userId: string
  readonly value: number
  readonly ts: number
}

const outOfOrdernessMs = 5_000
/** Watermarks go by once a second of event time. */
const watermarkEveryMs = 1_000

interface Windows {
  readonly size: number
  readonly every: number
}

function query(
  { size, every }: Windows,
  keyOf: (event: Event) => string,
  summarize: (events: Observable<Event>) => Observable<object>,
) {
  return (input: string, output: string): number => {
    const file = new LineWriter(output)
    const lines = new Subject<string>()
    const watermarks = new Subject<number>()
    let watermark = Number.NEGATIVE_INFINITY
    let newest = Number.NEGATIVE_INFINITY

    lines
      .pipe(
        map((line) => JSON.parse(line) as Event),
        tap(({ ts }) => {
          newest = Math.max(newest, ts)
        }),
        mergeMap((event) => startsOf(event.ts, { size, every }).map((start) => ({ start, event }))),
        groupBy(({ start }) => start, {
          element: ({ event }) => event,
          duration: ({ key: start }) =>
            watermarks.pipe(
              filter((passed) => start + size - 1 <= passed),
              take(1),
            ),
        }),
        mergeMap((window) =>
          window.pipe(
            groupBy(keyOf),
            mergeMap((group) =>
              group.pipe(
                summarize,
                map((values) => ({ key: group.key, windowStart: window.key, windowEnd: window.key + size, ...values })),
              ),
            ),
          ),
        ),
      )
      .subscribe((result) => file.write(JSON.stringify(result)))

    const records = forEachLine(input, (line) => {
      lines.next(line)
      const trailing = newest - outOfOrdernessMs - 1
      if (trailing < watermark + watermarkEveryMs) return
      watermark = trailing
      watermarks.next(watermark)
    })
    lines.complete()
    file.close()
    return records
  }
}

function startsOf(ts: number, { size, every }: Windows): number[] {
  const starts: number[] = []
  for (let start = ts - (ts % every); start + size > ts; start -= every) starts.push(start)
  return starts
}

const nothing = { count: 0, sum: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY }

const count = reduce(({ count }: { count: number }, _: Event) => ({ count: count + 1 }), { count: 0 })
const countAndSum = reduce(
  ({ count, sum }: { count: number; sum: number }, { value }: Event) => ({ count: count + 1, sum: sum + value }),
  { count: 0, sum: 0 },
)
const statistics = (events: Observable<Event>) =>
  events.pipe(
    reduce(
      ({ count, sum, min, max }, { value }) => ({
        count: count + 1,
        sum: sum + value,
        min: Math.min(min, value),
        max: Math.max(max, value),
      }),
      nothing,
    ),
    map((all) => ({ ...all, avg: all.sum / all.count })),
  )
/** Percentiles and distinct counts have no operator either: all events of a group are kept. */
const everything = (events: Observable<Event>) =>
  events.pipe(
    toArray(),
    mergeMap((all) =>
      statistics(from(all)).pipe(
        map((values) => ({
          ...values,
          p95: all.map(({ value }) => value).sort((a, b) => a - b)[Math.floor(0.95 * (all.length - 1))],
          distinctUsers: new Set(all.map(({ userId }) => userId)).size,
        })),
      ),
    ),
  )

const byPage = ({ page }: Event) => page
const byUser = ({ userId }: Event) => userId
const minute = { size: 60_000, every: 60_000 }

await contest(
  byQuery({
    Q1: query(minute, byPage, statistics),
    Q2: query(minute, byPage, everything),
    Q3: query({ size: 10_000, every: 10_000 }, byUser, count),
    Q4: query({ size: 60_000, every: 10_000 }, byPage, countAndSum),
  }),
)
