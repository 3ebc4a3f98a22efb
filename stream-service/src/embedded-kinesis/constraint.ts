// Checks of a request's shape, worded as Kinesis words them, so that what a client learns here holds on AWS:
//
//   1 validation error detected: Value '' at 'records.1.member.partitionKey' failed to satisfy constraint: Member must
//   have length greater than or equal to 1
//
// A value of the wrong type ends the check at once (SerializationException); values out of bounds are all told together
// (ValidationException).
import { KinesisApiError } from './errors.ts'
import { payloadBytes } from './payload.ts'

/** Adds what is wrong with a value at a path to `faults`. Absent values are never asked about. */
export type Constraint = ((value: unknown, path: string, faults: string[]) => void) & { readonly isRequired?: boolean }

const FAULTS_MAX = 10
const SHOWN_MAX = 300
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

/** Checks a whole request. Members that are not named are ignored, as the service does. */
export function checkRequest(request: unknown, constraint: Constraint): void {
  const faults: string[] = []
  constraint(request, '', faults)
  if (faults.length > 0) throw validationError(faults)
}

/** The ValidationException for faults that only the model can find, as `fault` words them. */
export function validationError(faults: readonly string[]): KinesisApiError {
  const told = faults.slice(0, FAULTS_MAX)
  const count = `${told.length} validation error${told.length > 1 ? 's' : ''} detected: `
  return new KinesisApiError('ValidationException', count + told.join('; '))
}

export function fault(path: string, value: string | undefined, must: string): string {
  return `Value ${value === undefined ? '' : `${value} `}at '${path}' failed to satisfy constraint: Member must ${must}`
}

export function required(constraint: Constraint): Constraint {
  return Object.assign((...call: Parameters<Constraint>) => constraint(...call), { isRequired: true })
}

export function structure(members: Record<string, Constraint>): Constraint {
  const entries = Object.entries(members).map(([name, constraint]) => ({
    name,
    path: lowerFirst(name),
    constraint,
  }))
  return (value, path, faults) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongType(path, 'a structure', value)
    const prefix = path === '' ? '' : `${path}.`
    for (const entry of entries) {
      // The shape is what is being checked; until then nothing is known of the members.
      const member = (value as Record<string, unknown>)[entry.name] ?? undefined
      if (member !== undefined) entry.constraint(member, prefix + entry.path, faults)
      else if (entry.constraint.isRequired) faults.push(fault(prefix + entry.path, 'null', 'not be null'))
    }
  }
}

export function list(of: Constraint, bounds: { min: number; max: number }): Constraint {
  return (value, path, faults) => {
    if (!Array.isArray(value)) throw wrongType(path, 'a list', value)
    checkLength(value, value.length, path, bounds, faults)
    for (let index = 0; index < value.length; index++) of(value[index], `${path}.${index + 1}.member`, faults)
  }
}

export function text(bounds: { min?: number; max?: number; pattern?: string; oneOf?: readonly string[] }): Constraint {
  const pattern = bounds.pattern === undefined ? undefined : new RegExp(`^(?:${bounds.pattern})$`)
  return (value, path, faults) => {
    if (typeof value !== 'string') throw wrongType(path, 'a string', value)
    checkLength(value, value.length, path, bounds, faults)
    if (pattern !== undefined && !pattern.test(value)) {
      faults.push(fault(path, shown(value), `satisfy regular expression pattern: ${bounds.pattern}`))
    }
    if (bounds.oneOf !== undefined && !bounds.oneOf.includes(value)) {
      faults.push(fault(path, shown(value), `satisfy enum value set: [${bounds.oneOf.join(', ')}]`))
    }
  }
}

export function integer(bounds: { min: number; max: number }): Constraint {
  return (value, path, faults) => {
    if (typeof value !== 'number' || !Number.isInteger(value)) throw wrongType(path, 'an integer', value)
    if (value < bounds.min) {
      faults.push(fault(path, shown(value), `have value greater than or equal to ${bounds.min}`))
    }
    if (value > bounds.max) faults.push(fault(path, shown(value), `have value less than or equal to ${bounds.max}`))
  }
}

export function instant(): Constraint {
  return (value, path) => {
    if (typeof value !== 'number' || !Number.isFinite(value)) throw wrongType(path, 'a timestamp', value)
  }
}

/** Data: bytes, or the base64 text of bytes. */
export function blob(bounds: { maxBytes: number }): Constraint {
  return (value, path, faults) => {
    if (typeof value === 'string') {
      if (value.length % 4 !== 0 || !BASE64.test(value)) throw wrongType(path, 'base64 text', value)
    } else if (!(value instanceof Uint8Array)) {
      throw wrongType(path, 'base64 text', value)
    }
    if (payloadBytes(value) > bounds.maxBytes) {
      faults.push(fault(path, undefined, `have length less than or equal to ${bounds.maxBytes}`))
    }
  }
}

export function textMap(bounds: { max: number; key: Constraint; value: Constraint }): Constraint {
  return (value, path, faults) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongType(path, 'a map', value)
    const entries = Object.entries(value)
    checkLength(value, entries.length, path, bounds, faults)
    for (const [key, item] of entries) {
      bounds.key(key, `${path}.key`, faults)
      bounds.value(item, `${path}.${key}.member`, faults)
    }
  }
}

/** A member that would change what a call does, and that is not offered: better refused than ignored. */
export function unsupportedFlag(): Constraint {
  return (value, path, faults) => {
    if (value !== false) faults.push(fault(path, shown(value), 'be false: the embedded Kinesis does not offer it'))
  }
}

function checkLength(
  value: unknown,
  length: number,
  path: string,
  bounds: { min?: number; max?: number },
  faults: string[],
): void {
  if (bounds.min !== undefined && length < bounds.min) {
    faults.push(fault(path, shown(value), `have length greater than or equal to ${bounds.min}`))
  }
  if (bounds.max !== undefined && length > bounds.max) {
    faults.push(fault(path, shown(value), `have length less than or equal to ${bounds.max}`))
  }
}

function wrongType(path: string, wanted: string, value: unknown): KinesisApiError {
  return new KinesisApiError('SerializationException', `Expected ${wanted} at '${path}', found ${shown(value)}.`)
}

/** A value as messages show it; lists and structures by their kind, long texts by their beginning. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return `[${value.length} members]`
  if (typeof value === 'object' && value !== null) return `{${Object.keys(value).length} members}`
  const text = String(value)
  return `'${text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}...` : text}'`
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1)
}
