// Conditions on records. Comparisons never convert: a value of another type, or a missing one, compares false. `ne` is the
// negation of equality, so it is true for a missing field; equality with null means null or missing.
import { type FieldPlan, type Fields, isText } from '../records/fields.ts'
import { hashText, readerMarginBytes } from '../records/text-hash.ts'

export type Scalar = string | number | boolean | null

export interface Comparison {
  readonly ne?: Scalar
  readonly lt?: number | string
  readonly lte?: number | string
  readonly gt?: number | string
  readonly gte?: number | string
  readonly in?: readonly Scalar[]
  readonly exists?: boolean
  readonly prefix?: string
}

/** All of its parts hold: a field equals a value or passes its comparisons; `and`, `or` and `not` take lists of conditions. */
export interface Condition {
  readonly and?: readonly Condition[]
  readonly or?: readonly Condition[]
  /** None of them holds. */
  readonly not?: readonly Condition[]
  readonly [field: string]: Scalar | Comparison | readonly Condition[] | undefined
}

/** A condition that is ready to be asked of records. */
export interface Filter {
  /** Whether the chosen row of the fields has it. */
  holds(fields: Fields): boolean
  /** Leaves those of `rows[0, count)` that have it, at the beginning, and returns how many. */
  keep(fields: Fields, rows: Int32Array, count: number): number
}

export function compileCondition(condition: Condition, plan: FieldPlan): Filter {
  const parts: Filter[] = []
  for (const [name, wanted] of Object.entries(condition)) {
    if (name === 'and' || name === 'or' || name === 'not') {
      parts.push(
        combine(
          name,
          (wanted as readonly Condition[]).map((part) => compileCondition(part, plan)),
        ),
      )
    } else {
      parts.push(...compileField(plan.slotOf(name), wanted as Scalar | Comparison))
    }
  }
  return combine('and', parts)
}

function combine(how: 'and' | 'or' | 'not', parts: readonly Filter[]): Filter {
  if (how === 'and') return parts.length === 1 ? parts[0]! : new All(parts)
  const isAny = (fields: Fields) => parts.some((part) => part.holds(fields))
  return new OneByOne(how === 'or' ? isAny : (fields) => !isAny(fields))
}

function compileField(slot: number, wanted: Scalar | Comparison): Filter[] {
  if (wanted === null || typeof wanted !== 'object') return [equals(slot, wanted)]
  return Object.entries(wanted).map(([operator, operand]) => {
    if (operator === 'ne') {
      const equal = equals(slot, operand as Scalar)
      return new OneByOne((fields) => !equal.holds(fields))
    }
    if (operator === 'in') return oneOf(slot, operand as readonly Scalar[])
    if (operator === 'prefix') return new Beginning(slot, operand as string)
    const test = compileComparison(operator as Exclude<keyof Comparison, 'ne' | 'in'>, operand)
    return new OneByOne((fields) => test(fields.value(slot)))
  })
}

function oneOf(slot: number, wanted: readonly Scalar[]): Filter {
  if (wanted.every((value) => typeof value === 'string')) return new Texts(slot, wanted)
  const tests = wanted.map((value) => equals(slot, value))
  return new OneByOne((fields) => tests.some((test) => test.holds(fields)))
}

function equals(slot: number, wanted: Scalar): Filter {
  if (typeof wanted === 'string') return new Texts(slot, [wanted])
  const test = equalTo(wanted)
  return new OneByOne((fields) => test(fields.value(slot)))
}

/** Any condition, asked of one row after the other. */
export class OneByOne implements Filter {
  readonly holds: (fields: Fields) => boolean

  constructor(holds: (fields: Fields) => boolean) {
    this.holds = holds
  }

  keep(fields: Fields, rows: Int32Array, count: number): number {
    let kept = 0
    for (let i = 0; i < count; i++) {
      const row = rows[i]!
      fields.moveTo(row)
      if (this.holds(fields)) rows[kept++] = row
    }
    return kept
  }
}

class All implements Filter {
  readonly #parts: readonly Filter[]

  constructor(parts: readonly Filter[]) {
    this.#parts = parts
  }

  holds(fields: Fields): boolean {
    return this.#parts.every((part) => part.holds(fields))
  }

  keep(fields: Fields, rows: Int32Array, count: number): number {
    return this.#parts.reduce((kept, part) => part.keep(fields, rows, kept), count)
  }
}

/** The field is one of these strings. */
class Texts implements Filter {
  readonly #slot: number
  readonly #wanted: readonly string[]
  readonly #texts: readonly KnownText[]

  constructor(slot: number, wanted: readonly string[]) {
    this.#slot = slot
    this.#wanted = wanted
    this.#texts = wanted.map(knownText)
  }

  holds(fields: Fields): boolean {
    const at = fields.base + this.#slot
    if (fields.kinds[at] !== isText) return this.#wanted.includes(fields.value(this.#slot) as string)
    const texts = this.#texts
    const hash = fields.hashes[at]
    for (let i = 0; i < texts.length; i++) {
      const text = texts[i]!
      if (text.hash !== hash) continue
      if (fields.lengths[at] === text.bytes.length && hasBytes(fields, at, text.bytes)) return true
    }
    return false
  }

  keep(fields: Fields, rows: Int32Array, count: number): number {
    let kept = 0
    for (let i = 0; i < count; i++) {
      const row = rows[i]!
      fields.moveTo(row)
      if (this.holds(fields)) rows[kept++] = row
    }
    return kept
  }
}

/** The field is a string that begins like this. */
class Beginning implements Filter {
  readonly #slot: number
  readonly #bytes: Uint8Array
  readonly #test: Test

  constructor(slot: number, prefix: string) {
    this.#slot = slot
    this.#bytes = knownText(prefix).bytes
    this.#test = compileComparison('prefix', prefix)
  }

  holds(fields: Fields): boolean {
    const at = fields.base + this.#slot
    if (fields.kinds[at] !== isText) return this.#test(fields.value(this.#slot))
    return fields.lengths[at]! >= this.#bytes.length && hasBytes(fields, at, this.#bytes)
  }

  keep(fields: Fields, rows: Int32Array, count: number): number {
    let kept = 0
    for (let i = 0; i < count; i++) {
      const row = rows[i]!
      fields.moveTo(row)
      if (this.holds(fields)) rows[kept++] = row
    }
    return kept
  }
}

interface KnownText {
  readonly bytes: Uint8Array
  /** As in `text-hash.ts`. */
  readonly hash: number
}

/** UTF-8 has no lone surrogates, and so has no text in a record's bytes: a zero byte, which JSON escapes, is in none either. */
function knownText(wanted: string): KnownText {
  const text = wanted.isWellFormed() ? wanted : '\0'
  const bytes = Buffer.from(text)
  const padded = Buffer.alloc(bytes.length + readerMarginBytes)
  padded.set(bytes)
  const view = new DataView(padded.buffer, padded.byteOffset, padded.length)
  return { bytes, hash: hashText(view, 0, bytes.length) }
}

/** Whether the text at a place of the fields begins with these bytes, as many of which it has at least. */
function hasBytes(fields: Fields, at: number, bytes: Uint8Array): boolean {
  const { view } = fields
  const start = fields.starts[at]!
  for (let i = 0; i < bytes.length; i++) if (view.getUint8(start + i) !== bytes[i]) return false
  return true
}

type Test = (value: unknown) => boolean

function equalTo(wanted: Scalar): Test {
  return wanted === null ? (value) => value === null || value === undefined : (value) => value === wanted
}

function compileComparison(operator: Exclude<keyof Comparison, 'ne' | 'in'>, operand: unknown): Test {
  switch (operator) {
    case 'exists':
      return operand === true
        ? (value) => value !== undefined && value !== null
        : (value) => value === undefined || value === null
    case 'prefix':
      return (value) => typeof value === 'string' && value.startsWith(operand as string)
    default:
      return ordered(operator, operand as number | string)
  }
}

function ordered(operator: 'lt' | 'lte' | 'gt' | 'gte', operand: number | string): Test {
  const type = typeof operand
  switch (operator) {
    case 'lt':
      return (value) => typeof value === type && (value as typeof operand) < operand
    case 'lte':
      return (value) => typeof value === type && (value as typeof operand) <= operand
    case 'gt':
      return (value) => typeof value === type && (value as typeof operand) > operand
    case 'gte':
      return (value) => typeof value === type && (value as typeof operand) >= operand
  }
}
