// A record's data as it came: base64 text from JSON, bytes from CBOR or from a program. It is kept in that form, since
// most data leaves as it arrived, and a conversion on both ways would be the dearest part of a put and a get.

/** Bytes are kept by reference: whoever puts them hands them over. */
export type Payload = string | Uint8Array

/** The size that limits count: bytes before base64. */
export function payloadBytes(payload: Payload): number {
  if (typeof payload !== 'string') return payload.byteLength
  if (payload.length === 0) return 0
  const padding = payload.endsWith('==') ? 2 : payload.endsWith('=') ? 1 : 0
  return (payload.length / 4) * 3 - padding
}

/** What a record counts for in limits of requests, responses and shards: its data and its partition key. */
export function recordBytes(payload: Payload, partitionKey: string): number {
  return payloadBytes(payload) + Buffer.byteLength(partitionKey)
}

export function toBase64(payload: Payload): string {
  if (typeof payload === 'string') return payload
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('base64')
}

export function toBytes(payload: Payload): Uint8Array {
  return typeof payload === 'string' ? Buffer.from(payload, 'base64') : payload
}
