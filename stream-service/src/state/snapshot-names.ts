// Names of snapshots as names of folders and parts of keys, and back: letters, digits and `-` stay, a slash becomes a dot, and
// any other byte of the UTF-8 is written in hexadecimal behind an underscore. Nothing of it means anything to a file system.
//
//   lane/shardId-000000000001   ->   lane.shardId-000000000001
//   lane/../a b                 ->   lane._2E_2E.a_20b
import { MillraceError } from '@millrace/shared/errors'

/** File systems take 255 bytes. */
const maxLength = 240

/** @throws MillraceError `bad-name` for an empty name, or one that is too long. */
export function fileNameOf(name: string): string {
  let encoded = ''
  for (const byte of Buffer.from(name)) {
    const sign = String.fromCharCode(byte)
    if (/[A-Za-z0-9-]/.test(sign)) encoded += sign
    // Not in front, where a dot would hide the file, or be the folder itself.
    else if (sign === '/' && encoded !== '') encoded += '.'
    else encoded += `_${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  if (encoded === '' || encoded.length > maxLength) {
    throw new MillraceError(
      'bad-name',
      `'${name.slice(0, 100)}' cannot be a snapshot's name: written out it has ${encoded.length} characters, and 1 to ${maxLength} are possible`,
    )
  }
  return encoded
}

/** The name whose file name this is; undefined when it is none's. */
export function nameOfFile(fileName: string): string | undefined {
  if (fileName.length > maxLength) return undefined
  const bytes: number[] = []
  for (let at = 0; at < fileName.length; at++) {
    const sign = fileName[at]!
    if (sign !== '_') bytes.push(sign === '.' ? 0x2f : sign.charCodeAt(0))
    else {
      bytes.push(Number.parseInt(fileName.slice(at + 1, at + 3), 16))
      at += 2
    }
  }
  const name = Buffer.from(bytes).toString('utf8')
  return name !== '' && fileNameOf(name) === fileName ? name : undefined
}
