// Stream records whose data are gzip (RFC 1952): one member, or several whose texts are one text (section 2.2).
//   1F 8B 08 … | deflate blocks | CRC-32 | length      and so on      zero padding
// What comes out is the record's text as it is; gzip within it is not unzipped again. A record cannot be told in part, so
// damage anywhere refuses the whole of it.
import { type Gunzip, gunzipSync } from 'node:zlib'

/** Unzipped, a record has at most as many bytes as one that is not zipped: 10 MiB (Kinesis, "Quotas and limits"). */
export const maxGunzippedBytes = 10 * 1024 * 1024

/**
 * Why data that begin as gzip are no record: `too-large` beyond the limit; `invalid-utf8` when they are damaged, which
 * leaves bytes that are no text (there is no reason of its own for damaged compression).
 */
export interface GzipFault {
  readonly reason: 'too-large' | 'invalid-utf8'
  readonly detail: string
}

/**
 * A block is what zlib fills before the limit is looked at. One that holds the whole record saves the joining; the 16 KiB
 * that zlib takes by default cost a small record a quarter more.
 */
const minBlockBytes = 1024
const maxBlockBytes = 64 * 1024
/** JSON is seldom squeezed to less than an eighth. */
const usualRatio = 8

/** True when the data begin as gzip does. No text begins so: 0x8B is no valid UTF-8 after 0x1F. */
export function isGzip(data: Uint8Array): boolean {
  return data[0] === 0x1f && data[1] === 0x8b && data[2] === 0x08
}

/**
 * The text of all members in order, in memory of its own, or why there is none.
 *
 * Zeros behind the last member are padding and ignored. Anything else there is damage. `gzip -d` ignores it with a warning
 * and exit status 2, but nobody reads a warning here, and when the damage is in the first bytes of a further member, the
 * rest of the text would be lost in silence.
 *
 * @param limitBytes the most that may come out, at least 1. No more than this and one block of at most 64 KiB is unzipped.
 */
export function gunzipRecord(data: Uint8Array, limitBytes = maxGunzippedBytes): Uint8Array | GzipFault {
  let textBytes: Uint8Array
  let membersEnd: number
  try {
    const chunkSize = Math.min(maxBlockBytes, Math.max(minBlockBytes, usualRatio * data.length))
    // The types do not know what `info` gives (Node.js, zlib, "Class: Options"). The engine has written what it used.
    const { buffer, engine } = gunzipSync(data, { chunkSize, maxOutputLength: limitBytes, info: true }) as unknown as {
      readonly buffer: Uint8Array
      readonly engine: Gunzip
    }
    textBytes = buffer
    membersEnd = engine.bytesWritten
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ERR_BUFFER_TOO_LARGE')
      return {
        reason: 'too-large',
        detail: `the gzip of ${data.length} bytes holds more than ${limitBytes} bytes, which are the most that are taken`,
      }
    if (code === 'Z_DATA_ERROR' || code === 'Z_BUF_ERROR') return damaged(data, `is damaged: ${message}`)
    throw error
  }
  // Behind a zero zlib looks at nothing, not even at a further member.
  if (!isZeros(data, membersEnd)) return damaged(data, 'is followed by bytes that are neither a member nor padding')
  return textBytes
}

function damaged(data: Uint8Array, what: string): GzipFault {
  return { reason: 'invalid-utf8', detail: `gzip member ${what} (the gzip has ${data.length} bytes)` }
}

function isZeros(data: Uint8Array, start: number): boolean {
  for (let at = start; at < data.length; at++) if (data[at] !== 0) return false
  return true
}
