// The key that groups records: one value per `keyBy` field. Inside, a key is one Map key: the value itself for a single
// field (Map tells 5 from "5"), an unambiguous string for several fields, and '' where a query has no key.
import type { Fields } from '../records/fields.ts'

export type KeyValue = string | number | boolean
/** A key as the pane stores use it. */
export type MapKey = KeyValue

export interface GroupKey {
  /** The record's key, undefined when one of its values is missing or is not a string, finite number or boolean. */
  read(values: readonly unknown[]): MapKey | undefined
  /** What is wrong with a record that has no key. */
  fault(values: readonly unknown[]): string
  /** The values of a key in `keyBy` order. */
  valuesOf(key: MapKey): readonly KeyValue[]
}

/**
 * A key that can be written out. Lone surrogates cannot be percent-encoded, so two keys that differ only in them are one
 * key, with U+FFFD in their place. Stores ask only when they meet a key for the first time.
 */
export function wellFormedKey(key: MapKey): MapKey {
  return typeof key === 'string' && !key.isWellFormed() ? key.toWellFormed() : key
}

export function groupKey(fields: readonly string[], slots: readonly number[]): GroupKey {
  const fault = (values: Fields['values']): string => {
    for (let i = 0; i < fields.length; i++) {
      const value = values[slots[i]!]
      if (scalar(value) === undefined)
        return `key field '${fields[i]}' is ${describe(value)}; a key is a string, number or boolean`
    }
    return 'the key is valid'
  }
  if (fields.length === 0) return { read: () => '', fault, valuesOf: () => [] }
  if (fields.length === 1) {
    const slot = slots[0]!
    return { read: (values) => scalar(values[slot]), fault, valuesOf: (key) => [key] }
  }
  return {
    read(values) {
      let key = ''
      for (let i = 0; i < slots.length; i++) {
        const value = scalar(values[slots[i]!])
        if (value === undefined) return undefined
        key +=
          typeof value === 'string'
            ? `${value.length}:${value}`
            : typeof value === 'number'
              ? `n${value};`
              : value
                ? 't'
                : 'f'
      }
      return key
    },
    fault,
    valuesOf: (key) => splitComposite(key as string),
  }
}

function scalar(value: unknown): KeyValue | undefined {
  if (typeof value === 'string' || typeof value === 'boolean') return value
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

function describe(value: unknown): string {
  if (value === undefined) return 'missing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `${String(value)}`
}

function splitComposite(key: string): KeyValue[] {
  const values: KeyValue[] = []
  for (let at = 0; at < key.length; ) {
    const tag = key[at]!
    if (tag === 't' || tag === 'f') {
      values.push(tag === 't')
      at++
    } else if (tag === 'n') {
      const end = key.indexOf(';', at)
      values.push(Number(key.slice(at + 1, end)))
      at = end + 1
    } else {
      const colon = key.indexOf(':', at)
      const end = colon + 1 + Number(key.slice(at, colon))
      values.push(key.slice(colon + 1, end))
      at = end
    }
  }
  return values
}
