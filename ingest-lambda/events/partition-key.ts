// Which partition key an event gets, and so which shard. Events of one key keep their order: what belongs together must
// have one key, and what does not should have many.
import { createHash } from 'node:crypto'
import { type CheckedEvent, isObject } from './check-event.ts'

export interface PartitionKeyOptions {
  /** What the request asks for, for all its events. */
  readonly requested: string | undefined
  /** The path of the field that holds the key. */
  readonly field: readonly string[] | undefined
}

/**
 * The first of these that there is: the requested key; the event's field, when it holds text, a number or a boolean; the
 * event's id. One that Kinesis would not take, over 256 characters or with half a surrogate pair, is replaced by its
 * SHA-256, so that equal keys stay equal.
 */
export function partitionKeyOf(event: CheckedEvent, { requested, field }: PartitionKeyOptions): string {
  const key = requested || keyText(field && valueAt(event.fields, field)) || event.id
  return key.isWellFormed() && !isLongerThan(key, 256) ? key : createHash('sha256').update(utf16(key)).digest('hex')
}

function valueAt(fields: object, path: readonly string[]): unknown {
  let value: unknown = fields
  for (const name of path) value = isObject(value) ? value[name] : undefined
  return value
}

/** What objects inherit is never text, so that a path of `constructor` finds none. */
function keyText(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
}

/** Kinesis counts Unicode characters, not UTF-16 units. */
function isLongerThan(text: string, characters: number): boolean {
  return text.length > characters && [...text].length > characters
}

/** In UTF-8 all half surrogates would become the same replacement character. */
function utf16(text: string): Buffer {
  return Buffer.from(text, 'utf16le')
}
