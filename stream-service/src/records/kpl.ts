// Records of the Kinesis Producer Library: many user records packed into one Kinesis record.
//   F3 89 9A C2 | protobuf message AggregatedRecord | MD5 of the message
// Source: amazon-kinesis-producer, aggregation-format.md. User records keep the sequence number of the whole, and their
// place in it, from 0, makes the position. Their data are ranges of the whole's bytes, not copies.
import { createHash } from 'node:crypto'
import type { StreamRecord } from './record.ts'

const magic = [0xf3, 0x89, 0x9a, 0xc2] as const
const digestBytes = 16

/** True when the data begin as an aggregate does. No text begins so: 0xF3 0x89 is no valid UTF-8 before 0x9A 0xC2. */
export function isAggregate(data: Uint8Array): boolean {
  return data[0] === magic[0] && data[1] === magic[1] && data[2] === magic[2] && data[3] === magic[3]
}

/** The user records of an aggregate in order, or a text that says why it is corrupt; then none of it may be used. */
export function splitAggregate(record: StreamRecord): readonly StreamRecord[] | string {
  const { data } = record
  if (data.length < magic.length + digestBytes) return `the aggregate is cut: it has ${data.length} bytes`
  const message = data.subarray(magic.length, data.length - digestBytes)
  const digest = createHash('md5').update(message).digest()
  if (!digest.equals(data.subarray(data.length - digestBytes)))
    return 'the MD5 checksum of the aggregate does not match'
  try {
    const { partitionKeys, records } = readMessage(message)
    return records.map(({ keyIndex, data: userData }, i) => {
      const partitionKey = partitionKeys[keyIndex]
      if (partitionKey === undefined)
        throw new RangeError(`user record ${i} names partition key ${keyIndex} of ${partitionKeys.length}`)
      return { position: `${record.position}:${i}`, partitionKey, arrivedAt: record.arrivedAt, data: userData }
    })
  } catch (error) {
    return `the aggregate's message is malformed: ${(error as Error).message}`
  }
}

interface UserRecord {
  readonly keyIndex: number
  readonly data: Uint8Array
}

function readMessage(message: Uint8Array): { readonly partitionKeys: string[]; readonly records: UserRecord[] } {
  const partitionKeys: string[] = []
  const records: UserRecord[] = []
  for (const { number, bytes } of fieldsOf(message)) {
    // Field 2 is the table of explicit hash keys, which nobody downstream needs.
    if (number === 1 && bytes !== undefined)
      partitionKeys.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'))
    else if (number === 3 && bytes !== undefined) records.push(readUserRecord(bytes))
  }
  return { partitionKeys, records }
}

function readUserRecord(message: Uint8Array): UserRecord {
  let keyIndex: number | undefined
  let data: Uint8Array | undefined
  for (const field of fieldsOf(message)) {
    if (field.number === 1) keyIndex = field.value
    else if (field.number === 3) data = field.bytes
  }
  if (keyIndex === undefined || data === undefined) throw new RangeError('a user record lacks its key or its data')
  return { keyIndex, data }
}

interface Field {
  readonly number: number
  /** Of a varint field. */
  readonly value: number | undefined
  /** Of a length-delimited field. */
  readonly bytes: Uint8Array | undefined
}

/** The fields of a protobuf message (Protocol Buffers, "Encoding"). */
function* fieldsOf(message: Uint8Array): Generator<Field> {
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at++]
      if (byte === undefined) throw new RangeError('it ends in the middle of a number')
      value += (byte & 0x7f) * factor
      if (value > Number.MAX_SAFE_INTEGER) throw new RangeError('a number is too large')
      if (byte < 0x80) return value
    }
  }
  while (at < message.length) {
    const tag = varint()
    const number = Math.floor(tag / 8)
    switch (tag % 8) {
      case 0:
        yield { number, value: varint(), bytes: undefined }
        break
      case 2: {
        const length = varint()
        if (at + length > message.length) throw new RangeError('it ends in the middle of a field')
        yield { number, value: undefined, bytes: message.subarray(at, at + length) }
        at += length
        break
      }
      default:
        throw new RangeError(`field ${number} has wire type ${tag % 8}, which an aggregate does not use`)
    }
  }
}
