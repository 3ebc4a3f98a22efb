// The part of CBOR (RFC 8949) that the Kinesis protocol `application/x-amz-cbor-1.1` needs; Java's clients speak it by
// default. Instants are tag 1 with epoch milliseconds, as AWS has it, where the RFC would have seconds. They are plain
// numbers on this side: a member whose name ends in `Timestamp` is written with the tag, and reading drops tags.

const MAJOR_UNSIGNED = 0
const MAJOR_NEGATIVE = 1
const MAJOR_BYTES = 2
const MAJOR_TEXT = 3
const MAJOR_LIST = 4
const MAJOR_MAP = 5
const MAJOR_TAG = 6
const INDEFINITE = 31
const BREAK = 0xff
const DEPTH_MAX = 32
const TAG_INSTANT = 0xc1

/** Encodes plain objects, arrays, strings, numbers, booleans, null and bytes; undefined members are left out. */
export function encodeCbor(value: unknown): Buffer {
  const parts: Buffer[] = []
  write(value, '', parts)
  return Buffer.concat(parts)
}

function write(value: unknown, name: string, parts: Buffer[]): void {
  if (typeof value === 'string') {
    const bytes = Buffer.from(value)
    parts.push(head(MAJOR_TEXT, bytes.length), bytes)
  } else if (typeof value === 'number') {
    if (name.endsWith('Timestamp')) parts.push(Buffer.of(TAG_INSTANT))
    if (!Number.isSafeInteger(value)) parts.push(double(value))
    else parts.push(value >= 0 ? head(MAJOR_UNSIGNED, value) : head(MAJOR_NEGATIVE, -1 - value))
  } else if (typeof value === 'boolean') {
    parts.push(Buffer.of(value ? 0xf5 : 0xf4))
  } else if (value === null || value === undefined) {
    parts.push(Buffer.of(0xf6))
  } else if (value instanceof Uint8Array) {
    parts.push(head(MAJOR_BYTES, value.byteLength), Buffer.from(value.buffer, value.byteOffset, value.byteLength))
  } else if (Array.isArray(value)) {
    parts.push(head(MAJOR_LIST, value.length))
    for (const item of value) write(item, '', parts)
  } else {
    const members = Object.entries(value).filter(([, member]) => member !== undefined)
    parts.push(head(MAJOR_MAP, members.length))
    for (const [key, member] of members) {
      write(key, '', parts)
      write(member, key, parts)
    }
  }
}

function head(major: number, value: number): Buffer {
  const lead = major << 5
  if (value < 24) return Buffer.of(lead | value)
  if (value < 0x100) return Buffer.of(lead | 24, value)
  const wide = value < 0x10000 ? 2 : value < 0x100000000 ? 4 : 8
  const bytes = Buffer.allocUnsafe(1 + wide)
  bytes[0] = lead | (wide === 2 ? 25 : wide === 4 ? 26 : 27)
  if (wide === 8) bytes.writeBigUInt64BE(BigInt(value), 1)
  else bytes.writeUIntBE(value, 1, wide)
  return bytes
}

function double(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(9)
  bytes[0] = 0xfb
  bytes.writeDoubleBE(value, 1)
  return bytes
}

/** Decodes one item that fills the whole input. Throws an Error that says where the input is broken. */
export function decodeCbor(bytes: Buffer): unknown {
  const reader = new CborReader(bytes)
  const value = reader.item(0)
  if (!reader.isAtEnd) throw new Error(`CBOR goes on after its end, at byte ${reader.position}`)
  return value
}

class CborReader {
  readonly #bytes: Buffer
  #position = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get position(): number {
    return this.#position
  }

  get isAtEnd(): boolean {
    return this.#position === this.#bytes.length
  }

  item(depth: number): unknown {
    if (depth > DEPTH_MAX) throw new Error(`CBOR nests deeper than ${DEPTH_MAX} levels`)
    const lead = this.#byte()
    const major = lead >> 5
    const info = lead & 31
    switch (major) {
      case MAJOR_UNSIGNED:
        return this.#argument(info)
      case MAJOR_NEGATIVE:
        return -1 - this.#argument(info)
      case MAJOR_BYTES:
        return info === INDEFINITE ? Buffer.concat(this.#chunks()) : this.#take(this.#argument(info))
      case MAJOR_TEXT:
        return (info === INDEFINITE ? Buffer.concat(this.#chunks()) : this.#take(this.#argument(info))).toString()
      case MAJOR_LIST:
        return this.#list(info, depth)
      case MAJOR_MAP:
        return this.#map(info, depth)
      case MAJOR_TAG:
        this.#argument(info)
        return this.item(depth + 1)
      default:
        return this.#simple(info)
    }
  }

  #list(info: number, depth: number): unknown[] {
    const items: unknown[] = []
    const count = info === INDEFINITE ? Infinity : this.#argument(info)
    while (items.length < count && !this.#takesBreak(info)) items.push(this.item(depth + 1))
    return items
  }

  #map(info: number, depth: number): Record<string, unknown> {
    const members: Record<string, unknown> = Object.create(null)
    const count = info === INDEFINITE ? Infinity : this.#argument(info)
    for (let read = 0; read < count && !this.#takesBreak(info); read++) {
      const key = this.item(depth + 1)
      if (typeof key !== 'string') throw new Error(`CBOR map key is no text, before byte ${this.#position}`)
      members[key] = this.item(depth + 1)
    }
    return members
  }

  /** The parts of a string of indefinite length. */
  #chunks(): Buffer[] {
    const chunks: Buffer[] = []
    while (!this.#takesBreak(INDEFINITE)) chunks.push(this.#take(this.#argument(this.#byte() & 31)))
    return chunks
  }

  #takesBreak(info: number): boolean {
    if (info !== INDEFINITE || this.#bytes[this.#position] !== BREAK) return false
    this.#position++
    return true
  }

  #simple(info: number): unknown {
    if (info === 20 || info === 21) return info === 21
    if (info === 22 || info === 23) return null
    if (info === 26) return this.#take(4).readFloatBE()
    if (info === 27) return this.#take(8).readDoubleBE()
    throw new Error(`CBOR simple value ${info} is not supported, before byte ${this.#position}`)
  }

  #argument(info: number): number {
    if (info < 24) return info
    if (info === 24) return this.#byte()
    if (info === 25) return this.#take(2).readUInt16BE()
    if (info === 26) return this.#take(4).readUInt32BE()
    if (info === 27) return Number(this.#take(8).readBigUInt64BE())
    throw new Error(`CBOR length ${info} is not defined, before byte ${this.#position}`)
  }

  #byte(): number {
    return this.#take(1)[0]!
  }

  #take(count: number): Buffer {
    const end = this.#position + count
    if (end > this.#bytes.length)
      throw new Error(`CBOR ends at byte ${this.#bytes.length}, ${count} more were announced`)
    const taken = this.#bytes.subarray(this.#position, end)
    this.#position = end
    return taken
  }
}
