// Reading untrusted objects field by field: what is wrong is collected with its path, so that a user hears of all faults of
// a query at once, and a misspelled name comes with the nearest valid one.

export interface Fault {
  /** Where: `window.size`, `aggregates.p95.q`; empty for the query itself. */
  readonly path: string
  readonly message: string
}

export class Faults {
  readonly list: Fault[] = []

  add(path: string, message: string): undefined {
    this.list.push({ path, message })
    return undefined
  }

  /** An object's properties, or undefined (with a fault) when `value` is no plain object. */
  object(value: unknown, path: string): ObjectReader | undefined {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return this.add(path, `must be an object, not ${show(value)}`)
    }
    return new ObjectReader(value as Record<string, unknown>, path, this)
  }
}

export class ObjectReader {
  readonly path: string
  readonly #object: Record<string, unknown>
  readonly #faults: Faults
  readonly #asked: string[] = []

  constructor(object: Record<string, unknown>, path: string, faults: Faults) {
    this.#object = object
    this.path = path
    this.#faults = faults
  }

  get names(): string[] {
    return Object.keys(this.#object)
  }

  pathOf(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`
  }

  /** The property's value, undefined when it is absent; asking for a name makes it a known one. */
  get(name: string): unknown {
    this.#asked.push(name)
    return Object.hasOwn(this.#object, name) ? this.#object[name] : undefined
  }

  /** Reads a property with `read`, which returns undefined for a value that is not `expected`. */
  optional<Value>(name: string, expected: string, read: (value: unknown) => Value | undefined): Value | undefined {
    const value = this.get(name)
    if (value === undefined) return undefined
    return read(value) ?? this.#faults.add(this.pathOf(name), `must be ${expected}, not ${show(value)}`)
  }

  required<Value>(name: string, expected: string, read: (value: unknown) => Value | undefined): Value | undefined {
    if (this.get(name) === undefined) return this.#faults.add(this.pathOf(name), `is missing; it must be ${expected}`)
    return this.optional(name, expected, read)
  }

  /** Refuses every property that nobody asked for. */
  refuseOthers(): void {
    for (const name of this.names) {
      if (this.#asked.includes(name)) continue
      const near = nearest(name, this.#asked)
      this.#faults.add(
        this.pathOf(name),
        `is no property here${near === undefined ? '' : `; did you mean '${near}'?`} (known: ${[...new Set(this.#asked)].join(', ')})`,
      )
    }
  }
}

/** A value as it would stand in JSON, short enough for a message. */
export function show(value: unknown): string {
  const text = typeof value === 'function' ? 'a function' : (JSON.stringify(value) ?? String(value))
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

/** The candidate with the smallest edit distance (V. Levenshtein, 1966), undefined when none is near. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(name.length / 2)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(substitution, previous[j]! + 1, current[j - 1]! + 1))
    }
    previous = current
  }
  return previous[b.length]!
}
