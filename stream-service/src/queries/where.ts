// Conditions on records. Comparisons never convert: a value of another type, or a missing one, compares false. `ne` is the
// negation of equality, so it is true for a missing field; equality with null means null or missing.
import { type FieldPlan, type Fields, isText } from '../records/fields.ts'

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

export type Predicate = (fields: Fields) => boolean

export function compileCondition(condition: Condition, plan: FieldPlan): Predicate {
  const parts: Predicate[] = []
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

function combine(how: 'and' | 'or' | 'not', parts: readonly Predicate[]): Predicate {
  if (how === 'and' && parts.length === 1) return parts[0]!
  switch (how) {
    case 'and':
      return (fields) => parts.every((part) => part(fields))
    case 'or':
      return (fields) => parts.some((part) => part(fields))
    case 'not':
      return (fields) => !parts.some((part) => part(fields))
  }
}

function compileField(slot: number, wanted: Scalar | Comparison): Predicate[] {
  if (wanted === null || typeof wanted !== 'object') return [equals(slot, wanted)]
  return Object.entries(wanted).map(([operator, operand]) => {
    if (operator === 'ne') {
      const equal = equals(slot, operand as Scalar)
      return (fields) => !equal(fields)
    }
    if (operator === 'in') {
      const tests = (operand as readonly Scalar[]).map((value) => equals(slot, value))
      return (fields) => tests.some((test) => test(fields))
    }
    if (operator === 'prefix') return beginsWith(slot, operand as string)
    const test = compileComparison(operator as Exclude<keyof Comparison, 'ne' | 'in'>, operand)
    return (fields) => test(fields.value(slot))
  })
}

function equals(slot: number, wanted: Scalar): Predicate {
  if (typeof wanted === 'string') {
    const bytes = textOf(wanted)
    return (fields) =>
      fields.kinds[fields.base + slot] === isText
        ? fields.lengths[fields.base + slot] === bytes.length && hasBytes(fields, slot, bytes)
        : fields.value(slot) === wanted
  }
  const test = equalTo(wanted)
  return (fields) => test(fields.value(slot))
}

function beginsWith(slot: number, prefix: string): Predicate {
  const bytes = textOf(prefix)
  const test = compileComparison('prefix', prefix)
  return (fields) =>
    fields.kinds[fields.base + slot] === isText
      ? fields.lengths[fields.base + slot]! >= bytes.length && hasBytes(fields, slot, bytes)
      : test(fields.value(slot))
}

/** UTF-8 has no lone surrogates, and so has no text in a record's bytes: a zero byte, which JSON escapes, is in none either. */
function textOf(wanted: string): Uint8Array {
  return Buffer.from(wanted.isWellFormed() ? wanted : '\0')
}

/** Whether the text in a slot begins with these bytes, as many of which it has at least. */
function hasBytes(fields: Fields, slot: number, bytes: Uint8Array): boolean {
  const { view } = fields
  const start = fields.starts[fields.base + slot]!
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
