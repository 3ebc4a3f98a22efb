// The two sketches of node-tight, as small as they can be: the 95th percentile and the distinct users of one page and minute.

/** Up to so many values are kept as they are. */
const keptValues = 64
/** Bins grow by 2 %, so that the middle of a bin is within 1 % of all in it (DDSketch; Masson, Rim and Lee, 2019). */
const growth = 1.02
const binsPerUnit = 1 / Math.log(growth)
/** The bin of 1. The smallest value with a bin of its own is about 0.002, the largest 4 * 10^8. */
const binOfOne = 320
const bins = 1_320

export class Quantile {
  #kept: number[] = []
  #bins: Uint32Array | undefined
  #count = 0

  add(value: number): void {
    this.#count++
    if (this.#bins !== undefined) this.#bins[binOf(value)]!++
    else if (this.#kept.push(value) > keptValues) {
      this.#bins = new Uint32Array(bins)
      for (const kept of this.#kept) this.#bins[binOf(kept)]!++
      this.#kept = []
    }
  }

  at(q: number): number {
    const rank = Math.floor(q * (this.#count - 1))
    if (this.#bins === undefined) return this.#kept.sort((a, b) => a - b)[rank]!
    let bin = 0
    for (let seen = this.#bins[0]!; seen <= rank; seen += this.#bins[bin]!) bin++
    return (2 * growth ** (bin - binOfOne)) / (1 + growth)
  }
}

function binOf(value: number): number {
  return Math.min(bins - 1, Math.max(0, Math.ceil(Math.log(value) * binsPerUnit) + binOfOne))
}

const keptHashes = 256
const registers = 1 << 14

/** HyperLogLog (Flajolet, Fusy, Gandouet and Meunier, 2007) over 32-bit hashes, with linear counting for small counts. */
export class Distinct {
  #kept: Set<number> = new Set()
  #registers: Uint8Array | undefined

  add(text: string): void {
    const hash = hashOf(text)
    if (this.#registers !== undefined) mark(this.#registers, hash)
    else if (this.#kept.add(hash).size > keptHashes) {
      this.#registers = new Uint8Array(registers)
      for (const kept of this.#kept) mark(this.#registers, kept)
      this.#kept = new Set()
    }
  }

  count(): number {
    if (this.#registers === undefined) return this.#kept.size
    let sum = 0
    let empty = 0
    for (const register of this.#registers) {
      sum += 2 ** -register
      if (register === 0) empty++
    }
    const estimate = ((0.7213 / (1 + 1.079 / registers)) * registers ** 2) / sum
    return Math.round(estimate <= 2.5 * registers && empty > 0 ? registers * Math.log(registers / empty) : estimate)
  }
}

function mark(to: Uint8Array, hash: number): void {
  const register = hash & (registers - 1)
  const zeros = Math.min(Math.clz32(hash), 18) + 1
  if (zeros > to[register]!) to[register] = zeros
}

/** FNV-1a, its bits mixed once more so that both ends of the hash are good. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
