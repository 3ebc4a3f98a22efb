// A record that did not make it into a pane, as one JSON line with the whole payload, so that it can be looked at and put
// back: text where it is valid UTF-8, base64 otherwise.
import { isUtf8 } from 'node:buffer'
import type { RefusedEmission } from '../engine/emission.ts'

export function refusedLine(refused: RefusedEmission): string {
  const { query, shardId, position, reason, detail, partitionKey, data } = refused
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  const payload = isUtf8(bytes) ? { record: bytes.toString('utf8') } : { recordBase64: bytes.toString('base64') }
  const key = partitionKey === '' ? {} : { partitionKey }
  return JSON.stringify({ query, shard: shardId, position, reason, detail, ...key, ...payload })
}
