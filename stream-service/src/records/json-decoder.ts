// Bytes to fields by JSON.parse: the reference for what a record means. A record is valid JSON exactly when JSON.parse
// takes its text; a path goes through objects only (never into arrays or strings) and sees own properties only, so that
// `constructor` or `length` are fields like any other.
import { isUtf8 } from 'node:buffer'
import { type FieldPlan, Fields } from './fields.ts'

/** Why bytes are no record; undefined when they are one. */
export type DecodeFault = { readonly reason: 'invalid-json' | 'invalid-utf8'; readonly detail: string }

export class JsonDecoder {
  readonly fields: Fields
  readonly #paths: readonly (readonly string[])[]
  /** A property that every object inherits needs an ownership check; others cannot be inherited from a parsed object. */
  readonly #flatNames: readonly string[] | undefined
  readonly #keepsRecord: boolean

  /** `rows`: how many records `fields` have room for. */
  constructor(plan: FieldPlan, rows = 1) {
    this.#paths = plan.paths
    this.#keepsRecord = plan.needsWholeRecord
    this.fields = new Fields(plan.paths.length, rows)
    const plain = plan.paths.every((path) => path.length === 1 && !(path[0]! in Object.prototype))
    this.#flatNames = plain ? plan.paths.map((path) => path[0]!) : undefined
  }

  /**
   * Decodes the record in `bytes[start, end)` into `fields`, which are overwritten by the next call. Who has checked a
   * larger block that holds the record says so with `isKnownUtf8`.
   */
  decode(bytes: Buffer, start: number, end: number, isKnownUtf8: boolean): DecodeFault | undefined {
    if (!isKnownUtf8 && !isUtf8(bytes.subarray(start, end))) {
      return { reason: 'invalid-utf8', detail: 'the bytes are not valid UTF-8' }
    }
    let record: unknown
    try {
      record = JSON.parse(bytes.toString('utf8', start, end))
    } catch (error) {
      return { reason: 'invalid-json', detail: (error as Error).message }
    }
    const { fields } = this
    if (this.#keepsRecord) fields.record = record
    const names = this.#flatNames
    if (names !== undefined && isObject(record)) {
      for (let slot = 0; slot < names.length; slot++) fields.set(slot, record[names[slot]!])
    } else {
      for (let slot = 0; slot < fields.slots; slot++) fields.set(slot, valueAt(record, this.#paths[slot]!))
    }
    return undefined
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value at a path of own properties through objects; undefined where any step is missing. */
export function valueAt(record: unknown, path: readonly string[]): unknown {
  let value = record
  for (const name of path) {
    if (!isObject(value) || !Object.hasOwn(value, name)) return undefined
    value = value[name]
  }
  return value
}
