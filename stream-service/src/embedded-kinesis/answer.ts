// From one HTTP request to its response, whatever version of HTTP carried it: find the operation and the encoding, run
// the model, and put its answer or its error into the form that AWS clients expect.
import { randomUUID } from 'node:crypto'
import type { Encoding } from './encoding.ts'
import { encodingOf, JSON_ENCODING } from './encoding.ts'
import { KinesisApiError } from './errors.ts'
import type { KinesisModel } from './model.ts'
import { runOperation } from './operations.ts'

const TARGET_PREFIX = 'Kinesis_20131202.'

export interface Request {
  readonly method: string
  readonly contentType: string | undefined
  /** The header `x-amz-target`: `Kinesis_20131202.PutRecords`. */
  readonly target: string | undefined
  readonly body: Buffer
}

export interface Response {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: Buffer
}

export function answer(model: KinesisModel, request: Request, now: number): Response {
  const encoding = encodingOf(request.contentType)
  try {
    if (request.method !== 'POST' || encoding === undefined || !request.target?.startsWith(TARGET_PREFIX)) {
      throw notKinesis(request)
    }
    const name = request.target.slice(TARGET_PREFIX.length)
    const output = runOperation(model, name, encoding.decode(request.body), now)
    return respond(200, encoding, output)
  } catch (error) {
    if (error instanceof KinesisApiError) return refusal(400, encoding, error)
    // A fault of the model itself must not take the process down, nor pass for a refusal that a client may rely on.
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return refusal(500, encoding, new KinesisApiError('InternalFailureException', message))
  }
}

/** The response to a body larger than any valid request. */
export function tooLarge(maxBytes: number): Response {
  return refusal(
    413,
    undefined,
    new KinesisApiError('ValidationException', `The request is larger than ${maxBytes} bytes.`),
  )
}

function respond(status: number, encoding: Encoding, output: object | undefined): Response {
  const body = output === undefined ? Buffer.alloc(0) : encoding.encode(output)
  const headers = {
    'content-type': encoding.contentType,
    'content-length': String(body.length),
    'x-amzn-requestid': randomUUID(),
  }
  return { status, headers, body }
}

function refusal(status: number, encoding: Encoding | undefined, error: KinesisApiError): Response {
  const response = respond(status, encoding ?? JSON_ENCODING, {
    __type: error.code,
    message: error.message,
  })
  response.headers['x-amzn-errortype'] = error.code
  return response
}

function notKinesis(request: Request): KinesisApiError {
  const { method, contentType, target } = request
  return new KinesisApiError(
    'UnknownOperationException',
    `This is the embedded Kinesis: it takes POST with the header "x-amz-target: ${TARGET_PREFIX}<operation>" and content ` +
      'type application/x-amz-json-1.1 or application/x-amz-cbor-1.1. Found ' +
      `${method}, target ${target ?? 'none'}, content type ${contentType ?? 'none'}.`,
  )
}
