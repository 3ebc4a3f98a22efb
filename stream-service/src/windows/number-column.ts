// Numbers that come one by one and are wanted as one array. (`Float64Array.from` asks an iterator for each, which takes ten
// times as long.)

export class NumberColumn {
  #numbers: Float64Array<ArrayBuffer> = new Float64Array(64)
  length = 0

  push(value: number): void {
    if (this.length === this.#numbers.length) {
      const larger = new Float64Array(4 * this.length)
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

  /** A copy of its own size. */
  toFloats(): Float64Array {
    return this.#numbers.slice(0, this.length)
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
