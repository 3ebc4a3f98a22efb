// The workload of Q1 to Q5: visits to a shop, about 248 bytes each as JSON. Event time goes on by 1 ms a record, less a
// uniform delay below 5 s, so that no record is late for a watermark that trails by 5 s.
import { Random } from './random.ts'

const firstAt = 1_700_000_000_000
const disorderMs = 5_000
const pages = 10_000
const users = 100_000
/** Four of ten are page views. */
const types = [
  'page_view',
  'page_view',
  'page_view',
  'page_view',
  'click',
  'click',
  'click',
  'search',
  'search',
  'purchase',
]
const countries = ['DE', 'US', 'FR', 'BR', 'IN', 'JP', 'GB', 'NG', 'ES', 'PL']
const browsers = [
  'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0 Build/20261103-stable-desktop-en',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
]

/** A function that gives the records in order, one line without its end a call. */
export function shopEvents(seed: number): () => string {
  const random = new Random(seed)
  const chooseRank = zipf(pages)
  let n = 0
  return () => {
    const ts = firstAt + n - random.below(disorderMs)
    // Exponential around 40, in cents: most values are small, a few in the hundreds.
    const value = Math.round(50 - 4_000 * Math.log(1 - random.uniform())) / 100
    const eventId = `e${String(n++).padStart(14, '0')}`
    const userId = `u${String(random.below(users)).padStart(6, '0')}`
    const page = `/p/item-${String(chooseRank(random.uniform())).padStart(5, '0')}`
    return `{"eventId":"${eventId}","type":"${random.pick(types)}","userId":"${userId}","page":"${page}","country":"${random.pick(countries)}","value":${value},"ts":${ts},"ua":"${random.pick(browsers)}"}`
  }
}

/** From a uniform number to a rank from 0 to n - 1, where rank k is chosen 1 / (k + 1) times as often as rank 0. */
function zipf(n: number): (uniform: number) => number {
  const upTo = new Float64Array(n)
  let sum = 0
  for (let rank = 0; rank < n; rank++) {
    sum += 1 / (rank + 1)
    upTo[rank] = sum
  }
  return (uniform) => {
    const wanted = uniform * sum
    let low = 0
    let high = n - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (upTo[middle]! > wanted) high = middle
      else low = middle + 1
    }
    return low
  }
}
