// Turns the lines of an NDJSON file into records to put: checks them, and gives each its partition key.
import { createHash } from 'node:crypto'
import type { RecordToPut } from '@millrace/shared/put-records'
import { putRecordsLimits } from '@millrace/shared/put-records'
import { readBlocks } from './input-file.ts'
import { LineCutter, maxLineBytes } from './lines.ts'

export interface RefusedLine {
  /** The file, or the stream. */
  readonly place: string
  /** The number of the line in the file, from 1. */
  readonly line?: number
  readonly reason: string
}

export interface FileRecordsOptions {
  /** '-' is standard input; gzip is told by its first bytes. */
  readonly file: string
  /** Puts every line as it is. Otherwise lines that are not JSON are refused. */
  readonly raw?: boolean | undefined
  /** The field whose value is the partition key, as a path (`data.page`). Default: a hash of the line. */
  readonly key?: string | undefined
  onRefused(refused: RefusedLine): void
}

/** The records of a file, one a line, in order; blank lines are skipped. Throws an `InputError` when it cannot be read. */
export async function* fileRecords(options: FileRecordsOptions): AsyncGenerator<RecordToPut, void, void> {
  const { file, onRefused } = options
  const place = file === '-' ? 'standard input' : file
  let records: RecordToPut[] = []
  const cutter = new LineCutter({
    line(bytes, start, end, _, line) {
      const data = Buffer.from(bytes.subarray(start, end))
      const reason = options.raw ? undefined : faultOf(data)
      if (reason === undefined) records.push({ partitionKey: partitionKeyOf(data, options.key), data })
      else onRefused({ place, line, reason })
    },
    tooLong(_, length, line) {
      onRefused({ place, line, reason: `the line has ${length} bytes; a record has at most ${maxLineBytes}` })
    },
  })
  for await (const block of readBlocks(file)) {
    cutter.push(block)
    yield* records
    records = []
  }
  cutter.end()
  yield* records
}

/** The same records, keyed by a field of theirs. */
export function* withKeyFrom(field: string, records: Iterable<RecordToPut>): Generator<RecordToPut, void, void> {
  for (const record of records) yield { ...record, partitionKey: partitionKeyOf(record.data, field) }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function faultOf(data: Uint8Array): string | undefined {
  try {
    JSON.parse(utf8.decode(data))
    return undefined
  } catch (error) {
    return error instanceof SyntaxError ? `not JSON: ${error.message}` : 'not UTF-8'
  }
}

/** The field's value; a hash of the line where it has none, so that such lines spread evenly over the shards. */
function partitionKeyOf(data: Uint8Array, field: string | undefined): string {
  const value = field === undefined ? undefined : valueAt(data, field)
  const key =
    typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
  if (key === '') return hash(data)
  return key.length <= putRecordsLimits.keyCharacters ? key : hash(Buffer.from(key))
}

function valueAt(data: Uint8Array, path: string): unknown {
  try {
    let value: unknown = JSON.parse(Buffer.from(data).toString())
    for (const name of path.split('.')) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
      value = (value as Record<string, unknown>)[name]
    }
    return value
  } catch {
    // A raw line need not be JSON.
    return undefined
  }
}

function hash(data: Uint8Array): string {
  return createHash('md5').update(data).digest('hex')
}
