// A state as JSON and binary sections. Arrays of numbers are hoisted out of the tree; where one was, its section is named:
//
//   { keys: Uint8Array, n: 3 }   ->   {"keys":{"$":[0,"u8",5]},"n":3}   and a section of 5 elements at byte 0
//   { "$": 1 }                   ->   {"$":{"$":1}}                     an object of that form is wrapped, and so never mistaken
//
// Sections begin at multiples of eight and are as the machine has them, which is little-endian wherever Node.js runs.
import type { SnapshotArray, SnapshotValue } from '../aggregates/snapshot-value.ts'

const kinds = { u8: Uint8Array, f64: Float64Array, u32: Uint32Array, i32: Int32Array } as const
type Kind = keyof typeof kinds

export interface PackedTree {
  /** The JSON, filled up to a multiple of eight bytes, and the sections. */
  readonly bytes: Buffer
  readonly jsonBytes: number
}

export function packTree(value: SnapshotValue): PackedTree {
  const sections: SnapshotArray[] = []
  let sectionBytes = 0
  const hoist = (array: SnapshotArray) => {
    const place = [sectionBytes, kindOf(array), array.length]
    sections.push(array)
    sectionBytes += paddedLength(array.byteLength)
    return { $: place }
  }
  const json = JSON.stringify(hoisted(value, hoist))
  const jsonBytes = Buffer.byteLength(json)
  const bytes = Buffer.allocUnsafe(paddedLength(jsonBytes) + sectionBytes)
  let end = bytes.write(json)
  const fillUp = () => {
    const padded = paddedLength(end)
    while (end < padded) bytes[end++] = 0
  }
  fillUp()
  for (const { buffer, byteOffset, byteLength } of sections) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), end)
    end += byteLength
    fillUp()
  }
  return { bytes, jsonBytes }
}

/** The value again. Its arrays are copies: none keeps the memory of the whole snapshot. */
export function unpackTree({ bytes, jsonBytes }: PackedTree): SnapshotValue {
  const sections = bytes.subarray(paddedLength(jsonBytes))
  return lowered(JSON.parse(bytes.toString('utf8', 0, jsonBytes)), (offset, kind, length) => {
    const array = kinds[kind]
    const start = sections.byteOffset + offset
    const size = length * array.BYTES_PER_ELEMENT
    if (offset + size > sections.length)
      throw new RangeError(`section ${kind} at ${offset} is longer than what is there`)
    return new array(sections.buffer.slice(start, start + size) as ArrayBuffer)
  })
}

/** From one section's beginning to the next. */
function paddedLength(bytes: number): number {
  return (bytes + 7) & ~7
}

/** The value with `hoist`'s answer in place of each array of numbers. What holds none is not copied. */
function hoisted(value: SnapshotValue, hoist: (array: SnapshotArray) => unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (ArrayBuffer.isView(value)) return hoist(value as SnapshotArray)
  if (Array.isArray(value)) {
    let copy: unknown[] | undefined
    for (let i = 0; i < value.length; i++) {
      const item = hoisted(value[i], hoist)
      if (copy === undefined && item !== value[i]) copy = value.slice(0, i)
      copy?.push(item)
    }
    return copy ?? value
  }
  const object = value as { readonly [name: string]: SnapshotValue }
  let copy: Record<string, unknown> | undefined
  for (const name in object) {
    const item = hoisted(object[name]!, hoist)
    if (item === object[name]) continue
    copy ??= { ...object }
    set(copy, name, item)
  }
  return isReserved(object) ? { $: copy ?? object } : (copy ?? object)
}

function lowered(
  value: unknown,
  section: (offset: number, kind: Kind, length: number) => SnapshotArray,
): SnapshotValue {
  if (typeof value !== 'object' || value === null) return value as SnapshotValue
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = lowered(value[i], section)
    return value
  }
  const object = value as Record<string, unknown>
  if (isReserved(object)) {
    const inner = object.$
    if (Array.isArray(inner)) return section(...(inner as [number, Kind, number]))
    return loweredMembers(inner as Record<string, unknown>, section)
  }
  return loweredMembers(object, section)
}

function loweredMembers(
  object: Record<string, unknown>,
  section: (offset: number, kind: Kind, length: number) => SnapshotArray,
): SnapshotValue {
  for (const name of Object.keys(object)) {
    const item = object[name]
    if (typeof item === 'object' && item !== null) set(object, name, lowered(item, section))
  }
  return object as SnapshotValue
}

/** An object that could be mistaken for what stands for another thing. */
function isReserved(object: object): boolean {
  return Object.hasOwn(object, '$') && Object.keys(object).length === 1
}

/** As JSON has it: `__proto__` is a name like any other. */
function set(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') {
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
  } else object[name] = value
}

function kindOf(array: SnapshotArray): Kind {
  for (const [kind, type] of Object.entries(kinds)) if (array instanceof type) return kind as Kind
  throw new TypeError(`a snapshot cannot hold a ${(array as object).constructor.name}`)
}
