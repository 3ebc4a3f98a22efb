// Messages of lanes on their way through the exchange: some in one record, zstd-compressed.
//
//   record   0x4d 0x58 ("MX") | format | zstd of: length of the JSON in four bytes | JSON | zeros up to eight | sections
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { SnapshotValue } from '../aggregates/snapshot-value.ts'
import type { LaneMessage } from '../engine/partials.ts'
import { packTree, paddedLength, unpackTree } from '../state/snapshot-tree.ts'

const magic = [0x4d, 0x58]
const format = 1
const headBytes = 3

export function encodeMessages(messages: readonly LaneMessage[]): Uint8Array {
  const { json, sections, sectionBytes } = packTree(messages as unknown as SnapshotValue)
  const text = Buffer.from(json)
  const start = paddedLength(4 + text.length)
  const body = Buffer.alloc(start + sectionBytes)
  body.writeUInt32LE(text.length, 0)
  text.copy(body, 4)
  let at = start
  for (const section of sections) {
    body.set(new Uint8Array(section.buffer, section.byteOffset, section.byteLength), at)
    at += paddedLength(section.byteLength)
  }
  return Buffer.concat([Buffer.from([...magic, format]), zstdCompressSync(body)])
}

/** The messages again; a text that says what is wrong for bytes that are none. */
export function decodeMessages(bytes: Uint8Array): readonly LaneMessage[] | string {
  if (bytes[0] !== magic[0] || bytes[1] !== magic[1]) return 'this is no message of a lane'
  if (bytes[2] !== format) return `format ${bytes[2]} is not known here; this program reads format ${format}`
  try {
    const body = zstdDecompressSync(bytes.subarray(headBytes))
    const length = body.readUInt32LE(0)
    const start = paddedLength(4 + length)
    return unpackTree(body.toString('utf8', 4, 4 + length), body.subarray(start)) as unknown as readonly LaneMessage[]
  } catch (error) {
    return `the message is damaged: ${(error as Error).message}`
  }
}
