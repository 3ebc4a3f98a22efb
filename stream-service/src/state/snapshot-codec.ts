// A snapshot as bytes: a header line, then the state as zstd-compressed JSON and binary sections (`snapshot-tree.ts`).
//
//   {"millraceSnapshot":3,…}\n | zstd( JSON | sections )
//
// The event loop is only held up for as long as it takes to write the JSON and to copy the arrays into one piece;
// compression runs on zlib's threads, at the lowest level: the next ones save a percent at most.
import { hash } from 'node:crypto'
import { promisify } from 'node:util'
import {
  constants,
  type ZstdOptions,
  zstdCompress,
  zstdCompressSync,
  zstdDecompress,
  zstdDecompressSync,
} from 'node:zlib'
import type { JsonValue } from '../aggregates/aggregator.ts'
import { readHeader, type SnapshotHeader, writeHeader } from './snapshot-header.ts'
import { migrateState } from './snapshot-migrations.ts'
import { type Snapshot, type SnapshotContents, SnapshotInvalidError } from './snapshot-store.ts'
import { packTree, unpackTree } from './snapshot-tree.ts'

/** Where bytes are compressed: on zlib's threads, or at once, for those who must not depend on when threads are done. */
export interface Compression {
  compress(bytes: Buffer, options: ZstdOptions): Promise<Buffer> | Buffer
  decompress(bytes: Buffer, options: ZstdOptions): Promise<Buffer> | Buffer
}
const onThreads: Compression = { compress: promisify(zstdCompress), decompress: promisify(zstdDecompress) }
export const atOnce: Compression = { compress: zstdCompressSync, decompress: zstdDecompressSync }

/** Between two chunks zlib comes back to the event loop, which is of no use here. */
const chunkSize = 1 << 20
const fastest: ZstdOptions = { chunkSize, params: { [constants.ZSTD_c_compressionLevel]: 1 } }

export interface SnapshotIdentity {
  readonly name: string
  readonly version: number
  readonly writer: string
}

/** Where a snapshot was found, for messages, and the name whose it should be. */
export interface SnapshotPlace {
  readonly name: string
  readonly where: string
}

/** A state as bytes, to which a header can be written. */
export interface EncodedBody {
  readonly body: Buffer
  readonly note: JsonValue
  readonly sha256: string
  readonly jsonBytes: number
}

/** State and note are read during the call; what is waited for is their compression. */
export async function encodeBody(
  { state, note = null }: SnapshotContents,
  { compress }: Compression = onThreads,
): Promise<EncodedBody> {
  const { bytes, jsonBytes } = packTree(state)
  const noteAsSaved = structuredClone(note)
  const body = await compress(bytes, fastest)
  return { body, note: noteAsSaved, sha256: hash('sha256', body), jsonBytes }
}

/** A header and the whole snapshot that it begins. */
export function encodeSnapshot(
  identity: SnapshotIdentity,
  { body, note, sha256, jsonBytes }: EncodedBody,
): { readonly header: SnapshotHeader; readonly bytes: Buffer } {
  const header = { ...identity, note, bodyBytes: body.length, bodySha256: sha256, jsonBytes }
  return { header, bytes: Buffer.concat([writeHeader(header), body]) }
}

/**
 * The snapshot in `bytes`, which was found `where` under `name`.
 * @throws SnapshotInvalidError that says what is wrong with the bytes.
 */
export async function decodeSnapshot(
  bytes: Buffer,
  place: SnapshotPlace,
  { decompress }: Compression = onThreads,
): Promise<Snapshot> {
  const { where } = place
  const fault = (reason: string, cause?: unknown) => new SnapshotInvalidError(where, reason, { cause })
  const { header, format, bodyStart } = headerOf(bytes, place)
  const body = bytes.subarray(bodyStart)
  checkLength(body.length, header, place)
  if (hash('sha256', body) !== header.bodySha256) throw fault('its checksum does not match; it was altered')
  try {
    const whole = await decompress(body, { chunkSize })
    const state = unpackTree({ bytes: whole, jsonBytes: header.jsonBytes ?? whole.length })
    return { version: header.version, state: migrateState(state, format), note: header.note }
  } catch (error) {
    // The bytes are those that were written, so it was written by a program that means something else.
    throw fault(`its contents make no sense here: ${(error as Error).message}`, error)
  }
}

/** The header of a snapshot of so many bytes, of which at least the beginning is there; throws as `decodeSnapshot` does. */
export function decodeHeader(bytes: Buffer, place: SnapshotPlace, totalBytes: number): SnapshotHeader {
  const { header, bodyStart } = headerOf(bytes, place)
  checkLength(totalBytes - bodyStart, header, place)
  return header
}

function checkLength(found: number, { bodyBytes }: SnapshotHeader, { where }: SnapshotPlace): void {
  if (found !== bodyBytes) throw new SnapshotInvalidError(where, `it is cut: ${found} of ${bodyBytes} bytes are there`)
}

function headerOf(bytes: Buffer, { name, where }: SnapshotPlace) {
  const reading = readHeader(bytes)
  if ('fault' in reading) throw new SnapshotInvalidError(where, reading.fault)
  const found = reading.header.name
  if (found !== undefined && found !== name) {
    throw new SnapshotInvalidError(where, `it is a snapshot of '${found}', not of '${name}'`)
  }
  return reading
}
