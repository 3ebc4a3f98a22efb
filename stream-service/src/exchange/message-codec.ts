// Messages of lanes on their way through the exchange: some in one record, zstd-compressed.
//
//   record   0x4d 0x58 ("MX") | format | length of the JSON in four bytes | zstd of JSON and sections (`snapshot-tree.ts`)
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { SnapshotValue } from '../aggregates/snapshot-value.ts'
import type { LaneMessage } from '../engine/partials.ts'
import { packTree, unpackTree } from '../state/snapshot-tree.ts'

const magic = [0x4d, 0x58]
const format = 1
const headBytes = 7

export function encodeMessages(messages: readonly LaneMessage[]): Uint8Array {
  const { bytes, jsonBytes } = packTree(messages as unknown as SnapshotValue)
  const head = Buffer.from([...magic, format, 0, 0, 0, 0])
  head.writeUInt32LE(jsonBytes, 3)
  return Buffer.concat([head, zstdCompressSync(bytes)])
}

/** The messages again; a text that says what is wrong for bytes that are none. */
export function decodeMessages(record: Uint8Array): readonly LaneMessage[] | string {
  if (record[0] !== magic[0] || record[1] !== magic[1]) return 'this is no message of a lane'
  if (record[2] !== format) return `format ${record[2]} is not known here; this program reads format ${format}`
  try {
    const head = Buffer.from(record.buffer, record.byteOffset, headBytes)
    const bytes = zstdDecompressSync(record.subarray(headBytes))
    return unpackTree({ bytes, jsonBytes: head.readUInt32LE(3) }) as unknown as readonly LaneMessage[]
  } catch (error) {
    return `the message is damaged: ${(error as Error).message}`
  }
}
