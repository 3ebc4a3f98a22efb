// Chance that can be repeated: each number is a function of the seed and of what it is for, not of how many were drawn
// before. So a history with one event less runs as before up to there, and shrinking gets somewhere.

/** Mixes whole numbers to 32 bits (the finalizer of MurmurHash3 over each). */
export function mix(...parts: readonly number[]): number {
  let h = 0x9e3779b9
  for (const part of parts) {
    h = Math.imul(h ^ (part >>> 0), 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    h ^= h >>> 16
  }
  return h >>> 0
}

/** FNV-1a of a text's UTF-16 units, going on from `h`. */
export function hashText(text: string, h = 0x811c9dc5): number {
  let hash = h
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** A stream of numbers in [0, 1) for one purpose. */
export class Chance {
  readonly #seed: number
  #drawn = 0

  constructor(...parts: readonly number[]) {
    this.#seed = mix(...parts)
  }

  next = (): number => mix(this.#seed, ++this.#drawn) / 2 ** 32

  /** A whole number from `least` to `greatest`. */
  between(least: number, greatest: number): number {
    return least + Math.floor(this.next() * (greatest - least + 1))
  }

  happens(probability: number): boolean {
    return this.next() < probability
  }
}
