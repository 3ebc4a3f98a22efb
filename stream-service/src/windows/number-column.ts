// Numbers that come one by one and are wanted as one array. (`Float64Array.from` asks an iterator for each, which takes ten
// times as long.)

export class NumberColumn {
  #numbers: Float64Array<ArrayBuffer>
  length = 0

  /** Room for as many as are expected; more may come. */
  constructor(capacity: number) {
    this.#numbers = new Float64Array(capacity)
  }

  push(value: number): void {
    if (this.length === this.#numbers.length) {
      const larger = new Float64Array(2 * this.length + 64)
      larger.set(this.#numbers)
      this.#numbers = larger
    }
    this.#numbers[this.length++] = value
  }

  addToLast(value: number): void {
    this.#numbers[this.length - 1]! += value
  }

  /** All of them, in memory that lasts until the next `push`. */
  get all(): Float64Array {
    return this.#numbers.subarray(0, this.length)
  }

  /** All of them, in memory of just that size, which a further `push` may change. */
  toFloats(): Float64Array {
    return this.length === this.#numbers.length ? this.#numbers : this.#numbers.slice(0, this.length)
  }

  toCounts(): Uint32Array {
    const counts = new Uint32Array(this.length)
    for (let i = 0; i < counts.length; i++) counts[i] = this.#numbers[i]!
    return counts
  }

  toFlags(): Uint8Array {
    const flags = new Uint8Array(this.length)
    for (let i = 0; i < flags.length; i++) flags[i] = this.#numbers[i]!
    return flags
  }
}
