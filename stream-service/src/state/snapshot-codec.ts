// A snapshot as bytes: one line of JSON that says what follows, then the state as zstd-compressed JSON.
//   {"millraceSnapshot":2,"version":17,"bytes":4711,"sha256":"…"}\n<4711 bytes>
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import { type Snapshot, SnapshotInvalidError } from './snapshot-store.ts'

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

/** Raised when the meaning of the state changes. Format 1 was never released, and is refused. */
const formatVersion = 2

export async function encodeSnapshot({ version, state }: Snapshot): Promise<Buffer> {
  const body = await compress(JSON.stringify(state))
  const header = { millraceSnapshot: formatVersion, version, bytes: body.length, sha256: sha256(body) }
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), body])
}

/** @throws SnapshotInvalidError that says what is wrong with the bytes. */
export async function decodeSnapshot(bytes: Buffer, where: string): Promise<Snapshot> {
  const lineEnd = bytes.indexOf(10)
  const header = lineEnd < 0 ? undefined : readHeader(bytes.toString('utf8', 0, lineEnd))
  if (header === undefined) throw new SnapshotInvalidError(where, 'this is no snapshot')
  if (header.millraceSnapshot !== formatVersion) {
    throw new SnapshotInvalidError(
      where,
      `format ${header.millraceSnapshot} is not known here; this program reads format ${formatVersion}`,
    )
  }
  const body = bytes.subarray(lineEnd + 1)
  if (body.length !== header.bytes) {
    throw new SnapshotInvalidError(where, `it is cut: ${body.length} of ${header.bytes} bytes are there`)
  }
  if (sha256(body) !== header.sha256)
    throw new SnapshotInvalidError(where, 'its checksum does not match; it was altered')
  return { version: header.version, state: JSON.parse((await decompress(body)).toString('utf8')) }
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

interface Header {
  readonly millraceSnapshot: number
  readonly version: number
  readonly bytes: number
  readonly sha256: string
}

function readHeader(line: string): Header | undefined {
  try {
    const header = JSON.parse(line) as Partial<Header> | null
    return typeof header?.millraceSnapshot === 'number' ? (header as Header) : undefined
  } catch {
    return undefined
  }
}
