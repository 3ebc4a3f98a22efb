// Seeded chance for the generators: the same numbers on every machine, since a workload has to be the same bytes.

/** Xoshiro128** (Blackman and Vigna, 2018), its 128 bits of state filled from the seed by a SplitMix generator. */
export class Random {
  readonly #state: Uint32Array

  constructor(seed: number) {
    let state = seed | 0
    this.#state = Uint32Array.from({ length: 4 }, () => {
      state = (state + 0x9e3779b9) | 0
      let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
      return mixed ^ (mixed >>> 15)
    })
  }

  /** A number from 0 to below 1, of 32 bits. */
  uniform(): number {
    const state = this.#state
    const [a, b, c, d] = state as unknown as [number, number, number, number]
    const turned = Math.imul(b, 5)
    const result = Math.imul((turned << 7) | (turned >>> 25), 9) >>> 0
    const third = c ^ a
    const fourth = d ^ b
    state[0] = a ^ fourth
    state[1] = b ^ third
    state[2] = third ^ (b << 9)
    state[3] = (fourth << 11) | (fourth >>> 21)
    return result / 2 ** 32
  }

  /** A whole number from 0 to below n. */
  below(n: number): number {
    return Math.floor(this.uniform() * n)
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }
}
