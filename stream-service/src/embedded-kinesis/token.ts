// What a client carries from one call to the next: a token holds its whole meaning and the instant it was made. Clients
// must treat it as opaque.
import { invalidArgument, KinesisApiError } from './errors.ts'

/** Both iterators and next-tokens live 5 minutes. Source: "GetRecords" and "ListShards", Kinesis API reference. */
export const TOKEN_LIFE_MS = 300_000

export function encodeToken(kind: string, now: number, content: unknown): string {
  return Buffer.from(JSON.stringify([kind, now, content])).toString('base64')
}

/** Undefined when the text is no token of that kind. */
export function decodeToken(kind: string, token: string): { madeAt: number; content: unknown } | undefined {
  try {
    const [foundKind, madeAt, content] = JSON.parse(Buffer.from(token, 'base64').toString())
    return foundKind === kind ? { madeAt, content } : undefined
  } catch {
    return undefined
  }
}

/** Where a list goes on: `query` is what the first call asked for, `after` the last item that was returned. */
export interface ListToken {
  readonly query: unknown
  readonly after: string
}

export function encodeListToken(list: string, token: ListToken, now: number): string {
  return encodeToken(list, now, token)
}

export function decodeListToken(list: string, token: string, now: number): ListToken {
  const decoded = decodeToken(list, token)
  if (decoded === undefined) throw invalidArgument('NextToken is invalid.')
  if (now - decoded.madeAt > TOKEN_LIFE_MS) {
    throw new KinesisApiError('ExpiredNextTokenException', `NextToken expired: it lives ${TOKEN_LIFE_MS} milliseconds.`)
  }
  // Tokens of a kind are made in one place, with this content.
  return decoded.content as ListToken
}
