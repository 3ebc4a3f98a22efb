// The sample traffic of `dev` and `produce`: a small shop whose visitors view pages, click, search and buy. Pure: the same
// seed and number give the same event, but for its time.
import type { SampleEvent } from '@millrace/shared/events'

/** What the sample producer writes: the schema's fields and the browser. About 250 bytes as JSON. */
export interface ProducedEvent extends SampleEvent {
  readonly ua: string
}

export interface SampleEventAt {
  readonly seed: number
  /** The number of the event, from 0. */
  readonly index: number
  readonly nowMs: number
}

const users = 2_000
const products = 50
const countries = ['DE', 'US', 'FR', 'GB', 'IN', 'BR', 'JP', 'NL', 'PL', 'ZA']
const browsers = [
  'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148',
]

/**
 * The event with that number: 70 % page views, 15 % clicks, 10 % searches, 5 % purchases; pages and users by Zipf's law
 * (the n-th is asked for about 1/n as often as the first); latencies log-normal around 80 ms. Its time is `nowMs` less
 * a delay of 200 ms on average and 3 s at most, so that events come slightly out of order.
 */
export function sampleEvent({ seed, index, nowMs }: SampleEventAt): ProducedEvent {
  const random = randomFor(seed, index)
  const kind = random()
  const type = kind < 0.7 ? 'page_view' : kind < 0.85 ? 'click' : kind < 0.95 ? 'search' : 'purchase'
  const page = type === 'search' ? '/search' : `/p/${1 + zipf(random(), products)}`
  const price = 5 + Math.round(exponential(random(), 35) * 100) / 100
  return {
    eventId: `e-${seed.toString(36)}-${index.toString(36).padStart(7, '0')}`,
    type,
    userId: `u-${zipf(random(), users)}`,
    page,
    country: pick(countries, zipf(random(), countries.length)),
    value: type === 'purchase' ? price : 0,
    latencyMs: Math.round(80 * Math.exp(0.6 * normal(random(), random()))),
    ts: Math.round(nowMs - Math.min(3_000, exponential(random(), 200))),
    ua: pick(browsers, Math.floor(random() * browsers.length)),
  }
}

/** Mulberry32 (Ettinger, 2017): 32 bits of state, and streams of neighbouring seeds that look unrelated. */
function randomFor(seed: number, index: number): () => number {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A rank from 0 to `n - 1`, the k-th with a chance of about 1/k. */
function zipf(uniform: number, n: number): number {
  return Math.floor(Math.exp(uniform * Math.log(n + 1))) - 1
}

function exponential(uniform: number, mean: number): number {
  return -mean * Math.log(1 - uniform)
}

/** Box-Muller. */
function normal(first: number, second: number): number {
  return Math.sqrt(-2 * Math.log(1 - first)) * Math.cos(2 * Math.PI * second)
}

function pick<T>(list: readonly T[], at: number): T {
  return list[at] as T
}
