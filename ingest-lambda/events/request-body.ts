// The body of a request as text, or the refusal of the whole request. Nothing is parsed here: size, type and encoding are
// judged first, so that what cannot be taken costs next to nothing.
import { isUtf8 } from 'node:buffer'
import type { Refusal } from './answer.ts'

export interface RequestWithBody {
  readonly body: string | null
  readonly headers: Readonly<Record<string, string | undefined>> | null
  readonly isBase64Encoded: boolean
}

export type BodyFormat = 'json' | 'ndjson'

export type RequestBody =
  | { readonly status: 'read'; readonly format: BodyFormat; readonly text: string }
  | { readonly status: 'refused'; readonly refusal: Refusal }

const formats: ReadonlyMap<string, BodyFormat> = new Map([
  ['application/json', 'json'],
  ['application/x-ndjson', 'ndjson'],
])

export function readBody(request: RequestWithBody, maxBytes: number): RequestBody {
  const format = formatOf(request)
  if (format === undefined) {
    return refuse(415, 'unsupported-media-type', `Content-Type must be ${[...formats.keys()].join(' or ')}, in UTF-8`)
  }
  const contentEncoding = headerOf(request, 'content-encoding') ?? 'identity'
  if (contentEncoding.toLowerCase() !== 'identity') {
    return refuse(415, 'unsupported-encoding', 'the body must not be compressed')
  }
  const body = request.body ?? ''
  if (bytesOf(body, request.isBase64Encoded) > maxBytes) {
    return refuse(413, 'body-too-large', `the body must not be larger than ${maxBytes} bytes`)
  }
  return decode(body, request.isBase64Encoded, format)
}

/** The value of a header, whose name is given in lower case and may come in any. */
export function headerOf({ headers }: Pick<RequestWithBody, 'headers'>, name: string): string | undefined {
  for (const [key, value] of Object.entries(headers ?? {})) {
    if (key.toLowerCase() === name) return value
  }
  return undefined
}

function formatOf(request: RequestWithBody): BodyFormat | undefined {
  const [mediaType = '', ...parameters] = (headerOf(request, 'content-type') ?? '').split(';')
  const charset = parameters
    .map((parameter) => parameter.trim().toLowerCase())
    .find((parameter) => parameter.startsWith('charset='))
  if (charset !== undefined && !/^charset="?(utf-8|us-ascii)"?$/.test(charset)) return undefined
  return formats.get(mediaType.trim().toLowerCase())
}

function bytesOf(body: string, isBase64Encoded: boolean): number {
  return isBase64Encoded ? Math.floor(body.length * 0.75) : Buffer.byteLength(body)
}

function decode(body: string, isBase64Encoded: boolean, format: BodyFormat): RequestBody {
  let text = body
  if (isBase64Encoded) {
    // Buffer.from skips what is no base64 without a word.
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(body)) return refuse(400, 'invalid-base64', 'the body is not valid base64')
    const bytes = Buffer.from(body, 'base64')
    if (!isUtf8(bytes)) return refuse(400, 'invalid-utf8', 'the body is not valid UTF-8')
    text = bytes.toString('utf8')
  } else if (!body.isWellFormed()) {
    return refuse(400, 'invalid-utf8', 'the body has half a surrogate pair, which UTF-8 cannot carry')
  }
  return { status: 'read', format, text: text.startsWith('\uFEFF') ? text.slice(1) : text }
}

function refuse(statusCode: Refusal['statusCode'], code: string, reason: string): RequestBody {
  return { status: 'refused', refusal: { statusCode, code, reason } }
}
