// The workloads of the measurement of open windows: records of about 140 bytes, one a millisecond from midnight on, in order, so
// that a day's first 86,400,000 are in one window of a day. They differ in their keys only: every record has a new one, or
// all have the same.
import { Random } from './random.ts'

const midnight = 1_699_920_000_000
/** Keys have seven digits up to here; beyond, they grow longer. */
const shortKeys = 10_000_000
/** Has no factor in common with `shortKeys`, so that multiples of it are a permutation. */
const stride = 7_654_321

/** Every record has a key of its own. Keys come in no order, as users do. */
export function manyKeys(seed: number): () => string {
  return events(seed, (n) => n - (n % shortKeys) + (((n % shortKeys) * stride) % shortKeys))
}

/** All records have the same key. */
export function oneKey(seed: number): () => string {
  return events(seed, () => 1)
}

function events(seed: number, keyOf: (n: number) => number): () => string {
  const random = new Random(seed)
  let n = 0
  return () => {
    const value = Math.round(50 - 4_000 * Math.log(1 - random.uniform())) / 100
    const userId = `u${String(keyOf(n)).padStart(7, '0')}`
    const ts = midnight + n++
    return `{"eventId":"e${String(n).padStart(14, '0')}","type":"page_view","userId":"${userId}","page":"/p/item-00001","country":"DE","value":${value},"ts":${ts}}`
  }
}
