// The first line of a snapshot: JSON that says what follows, and that can be trusted and read without the rest.
//
//   {"millraceSnapshot":3,"version":17,"name":"lane/shard-1","writer":"…","note":{…},"bodyBytes":4711,…,"sha256":"…"}\n
//
// `sha256` is that of the line up to there, so that a header that was altered shows; the body's checksum is in the header.
import { hash } from 'node:crypto'
import type { JsonValue } from '../aggregates/aggregator.ts'
import { formatVersion, oldestFormat } from './snapshot-migrations.ts'

/** So much of a snapshot holds its whole header. */
export const headerReadBytes = 64 * 1024
const maxNoteBytes = 32 * 1024

export interface SnapshotHeader {
  readonly version: number
  /** Undefined in format 2, which has none. */
  readonly name: string | undefined
  /** Who wrote it: no two stores have the same. Tells a writer that did not hear an answer whether it has written. */
  readonly writer: string
  readonly note: JsonValue
  /** The body as it lies there, and its checksum. */
  readonly bodyBytes: number
  readonly bodySha256: string
  /** How much of the body, decompressed, is the tree's JSON; undefined for all of it, as in format 2. */
  readonly jsonBytes: number | undefined
}

/** What a first line tells: a header, or why it is none. */
export type HeaderReading =
  | { readonly header: SnapshotHeader; readonly format: number; readonly bodyStart: number }
  | { readonly fault: string }

export function writeHeader(header: SnapshotHeader): Buffer {
  const noteBytes = Buffer.byteLength(JSON.stringify(header.note))
  if (noteBytes > maxNoteBytes) {
    throw new RangeError(
      `the note of snapshot '${header.name}' has ${noteBytes} bytes; at most ${maxNoteBytes} are allowed`,
    )
  }
  const text = JSON.stringify({ millraceSnapshot: formatVersion, ...header }).slice(0, -1)
  return Buffer.from(`${text}${checkPrefix}${hash('sha256', text)}"}\n`)
}

/** Reads the header at the beginning of a snapshot; `bytes` need not reach further than that. */
export function readHeader(bytes: Buffer): HeaderReading {
  const lineEnd = bytes.subarray(0, headerReadBytes).indexOf(10)
  const line = lineEnd < 0 ? '' : bytes.toString('utf8', 0, lineEnd)
  const parsed = parseObject(line)
  const format = parsed?.millraceSnapshot
  if (parsed === undefined || typeof format !== 'number') return { fault: 'this is no snapshot' }
  const bodyStart = lineEnd + 1
  if (format < oldestFormat || format > formatVersion) {
    const known = `${oldestFormat} to ${formatVersion}`
    return { fault: `format ${format} is not known here; this program reads formats ${known}` }
  }
  if (format === 2) return { header: headerOfFormat2(parsed), format, bodyStart }
  const checkAt = line.lastIndexOf(checkPrefix)
  if (checkAt < 0 || parsed.sha256 !== hash('sha256', line.slice(0, checkAt))) {
    return { fault: "its header's checksum does not match; it was altered" }
  }
  return { header: parsed as unknown as SnapshotHeader, format, bodyStart }
}

/** `{"millraceSnapshot":2,"version":17,"bytes":4711,"sha256":"…"}`: no name, no note, and nothing that protects the line. */
function headerOfFormat2({ version, bytes, sha256 }: Record<string, unknown>): SnapshotHeader {
  return {
    version: version as number,
    name: undefined,
    writer: '',
    note: null,
    bodyBytes: bytes as number,
    bodySha256: sha256 as string,
    jsonBytes: undefined,
  }
}

const checkPrefix = ',"sha256":"'

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(line) as unknown
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
