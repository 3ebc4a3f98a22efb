// Counts of numbers in logarithmic bins, as DDSketch has them (C. Masson, J. Rim, H. Lee 2019, "DDSketch: a fast and
// fully-mergeable quantile sketch with relative-error guarantees"), so that one number stands for all of a bin within 1 %.
// A key orders the bins as their values:
//
//   key:   … -(bin + offset) …        0        … bin + offset …
//          negative numbers         zeros      positive numbers
//
// At most 2,048 bins have a count. Should more be needed, all bins join in pairs, as in UDDSketch (I. Epicoco et al. 2020,
// "UDDSketch: accurate tracking of quantiles in data streams"). The times that happened are the least at which the values
// fit, and neither a further value nor a further partial ever lowers that number: so the bins are a function of the values
// alone. Joining only the lowest bins, as DDSketch does, would let the order of arrival show.
import { binOf, middleOf } from './log-scale.ts'

/** Makes the keys of all positive doubles positive: see `binOf`. */
const offset = 40_000
/** Positive numbers from 1 to 10^17 fit without joining; all doubles there are need seven joinings. */
const maxBins = 2048

// Counts lie in pages of eight neighbouring bins, sorted. Values of one field are mostly of a few orders of magnitude, so
// most pages follow one another, and the place of one is told from the place of the page that was last looked for.
const pageBits = 3
const pageBins = 1 << pageBits

/** What a snapshot keeps: `bins` are pairs of a key's distance from the one before and its count. */
export type EncodedBins = {
  readonly joined: number
  readonly min: number
  readonly max: number
  readonly bins: readonly number[]
}

export class LogBins {
  // In the snapshot.
  /** How many times bins have joined in pairs. */
  #joined = 0
  #min = Number.POSITIVE_INFINITY
  #max = Number.NEGATIVE_INFINITY
  #pages: number[] = []
  #counts = new Float64Array(4 * pageBins)
  // Rebuilt on start.
  #values = 0
  #used = 0
  /** Number minus place of the page that was last looked for. */
  #shift = 0

  /** Takes in one finite number. */
  add(value: number): void {
    if (value < this.#min) this.#min = value
    if (value > this.#max) this.#max = value
    this.#put(raised(keyOf(value), this.#joined), 1)
  }

  /** Adds the counts of another; its own stay as they are. */
  merge(other: LogBins): void {
    if (other.#min < this.#min) this.#min = other.#min
    if (other.#max > this.#max) this.#max = other.#max
    while (this.#joined < other.#joined) this.#join()
    const end = other.#end()
    for (let i = 0; i < end; i++) {
      const count = other.#counts[i]!
      if (count > 0) this.#put(raised(other.#keyAt(i), this.#joined - other.#joined), count)
    }
  }

  /**
   * A number within 1 % of the element at index floor(q * (n - 1)) of the n sorted values, never outside of what was
   * added. The bound doubles, nearly, each time that bins join.
   */
  quantile(q: number): number {
    let above = Math.floor(q * (this.#values - 1))
    let i = 0
    while (above >= this.#counts[i]!) above -= this.#counts[i++]!
    return Math.min(Math.max(this.#middle(this.#keyAt(i)), this.#min), this.#max)
  }

  copy(): LogBins {
    const copy = new LogBins()
    copy.#joined = this.#joined
    copy.#min = this.#min
    copy.#max = this.#max
    copy.#pages = this.#pages.slice()
    copy.#counts = this.#counts.slice(0, this.#end())
    copy.#values = this.#values
    copy.#used = this.#used
    return copy
  }

  encode(): EncodedBins {
    const bins: number[] = []
    let before = 0
    const end = this.#end()
    for (let i = 0; i < end; i++) {
      const count = this.#counts[i]!
      if (count === 0) continue
      const key = this.#keyAt(i)
      bins.push(key - before, count)
      before = key
    }
    return { joined: this.#joined, min: this.#min, max: this.#max, bins }
  }

  static decode({ joined, min, max, bins }: EncodedBins): LogBins {
    const decoded = new LogBins()
    decoded.#joined = joined
    decoded.#min = min
    decoded.#max = max
    let key = 0
    for (let i = 0; i < bins.length; i += 2) {
      key += bins[i]!
      decoded.#put(key, bins[i + 1]!)
    }
    return decoded
  }

  #put(key: number, amount: number): void {
    const pages = this.#pages
    const page = key >> pageBits
    let place = page - this.#shift
    if (place < 0 || place >= pages.length || pages[place] !== page) place = this.#pagePlace(page)
    const at = (place << pageBits) | (key & (pageBins - 1))
    const before = this.#counts[at]!
    this.#counts[at] = before + amount
    this.#values += amount
    if (before === 0 && ++this.#used > maxBins) this.#join()
  }

  /** Where a page stands; a new one is put in its place among the others. */
  #pagePlace(page: number): number {
    const pages = this.#pages
    let low = 0
    let high = pages.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (pages[middle]! < page) low = middle + 1
      else high = middle
    }
    this.#shift = page - low
    if (pages[low] === page) return low
    const end = this.#end()
    if (end === this.#counts.length) {
      const grown = new Float64Array((pages.length + 2 + (pages.length >> 1)) << pageBits)
      grown.set(this.#counts)
      this.#counts = grown
    }
    const start = low << pageBits
    this.#counts.copyWithin(start + pageBins, start, end)
    this.#counts.fill(0, start, start + pageBins)
    pages.splice(low, 0, page)
    return low
  }

  /** Joins all bins in pairs. */
  #join(): void {
    const { bins } = this.encode()
    this.#joined++
    this.#pages = []
    this.#counts = new Float64Array(4 * pageBins)
    this.#values = 0
    this.#used = 0
    let key = 0
    for (let i = 0; i < bins.length; i += 2) {
      key += bins[i]!
      this.#put(raised(key, 1), bins[i + 1]!)
    }
  }

  /** The number that stands for a key: the middle of the 1, 2, 4, … bins that are one by now. */
  #middle(key: number): number {
    if (key === 0) return 0
    const bins = 1 << this.#joined
    const last = Math.abs(key) * bins - offset
    return Math.sign(key) * middleOf(last - bins + 1, last)
  }

  #keyAt(index: number): number {
    return (this.#pages[index >> pageBits]! << pageBits) | (index & (pageBins - 1))
  }

  /** The end of the counts in use. */
  #end(): number {
    return this.#pages.length << pageBits
  }
}

function keyOf(value: number): number {
  if (value > 0) return binOf(value) + offset
  return value < 0 ? -(binOf(-value) + offset) : 0
}

/** The key of the bin that holds this one after its bins have joined so many times. */
function raised(key: number, times: number): number {
  if (times === 0) return key
  const round = (1 << times) - 1
  return key > 0 ? (key + round) >> times : -((round - key) >> times)
}
