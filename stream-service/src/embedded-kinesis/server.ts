// The embedded Kinesis as a server on one port, for the ordinary AWS SDK: its JavaScript client speaks HTTP/2 without TLS
// by prior knowledge, most others HTTP/1.1. The first bytes of a connection tell which, and the socket goes to Node's
// server for that version; neither of those two listens itself.
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createHttp1Server } from 'node:http'
import type { Http2Session, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { createServer } from 'node:net'
import type { Readable } from 'node:stream'
import type { Response } from './answer.ts'
import { answer, tooLarge } from './answer.ts'
import type { KinesisModelOptions } from './model.ts'
import { KinesisModel } from './model.ts'

/** 10 MiB of records in base64, with room for 500 keys and the syntax around them. */
const REQUEST_BYTES_MAX = 16 * 1024 * 1024
const HTTP2_PREFACE = Buffer.from('PRI * HTTP/2.0')
/** Large enough that a full PutRecords never waits for a window update. */
const HTTP2_WINDOW_BYTES = REQUEST_BYTES_MAX
const TRIM_EVERY_MS = 1_000

export interface EmbeddedKinesisOptions extends KinesisModelOptions {
  /** 0 (the default) takes any free port. */
  readonly port?: number | undefined
  /** Default `127.0.0.1`: reachable from this machine only, since nobody's credentials are checked. */
  readonly host?: string | undefined
  /** The clock of arrival times, iterators and retention, epoch milliseconds. Default `Date.now`. */
  readonly now?: (() => number) | undefined
}

export interface EmbeddedKinesis {
  /** What to give a client as `endpoint`, with any region and any credentials. */
  readonly endpoint: string
  readonly port: number
  readonly model: KinesisModel
  /** Ends every connection and frees the port. Nothing is kept: the records lived in this process. */
  close(): Promise<void>
}

/** The port asked for cannot be had; `cause` is Node's error with its own code, as `EADDRINUSE`. */
export class EmbeddedKinesisStartError extends Error {
  readonly code: string

  constructor(address: string, cause: NodeJS.ErrnoException) {
    const reason = cause.code === 'EADDRINUSE' ? 'the port is in use; choose another, or 0 for any' : cause.message
    super(`The embedded Kinesis cannot listen on ${address}: ${reason}.`, {
      cause,
    })
    this.name = 'EmbeddedKinesisStartError'
    this.code = cause.code ?? 'UNKNOWN'
  }
}

/**
 * Starts a Kinesis API in this process. It keeps the process alive until it is closed.
 *
 * @example
 * const kinesis = await startEmbeddedKinesis({ retentionMs: 60_000 })
 * const client = new KinesisClient({
 *   endpoint: kinesis.endpoint,
 *   region: 'us-east-1',
 *   credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
 * })
 */
export async function startEmbeddedKinesis(options: EmbeddedKinesisOptions = {}): Promise<EmbeddedKinesis> {
  const { port = 0, host = '127.0.0.1', now = Date.now } = options
  const model = new KinesisModel(options)
  const http1 = createHttp1Server((request, response) => void serveHttp1(model, request, response, now))
  const http2 = createHttp2Server({
    settings: { initialWindowSize: HTTP2_WINDOW_BYTES },
  })
  http2.on('stream', (stream, headers) => void serveHttp2(model, stream, headers, now))
  http2.on('session', widenWindow)
  // Clients come and go in the middle of a request; that is no fault of the server.
  http2.on('sessionError', () => {})

  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    handOver(socket, (isHttp2) => (isHttp2 ? http2 : http1).emit('connection', socket))
  })
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new EmbeddedKinesisStartError(`${host}:${port}`, error as NodeJS.ErrnoException)
  }
  const trimming = setInterval(() => model.trim(now()), TRIM_EVERY_MS)
  trimming.unref()

  // A TCP server has an AddressInfo once it listens; only pipes have other addresses.
  const address = server.address() as AddressInfo
  return {
    endpoint: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    port: address.port,
    model,
    async close() {
      clearInterval(trimming)
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** Reads just enough of a connection to know its protocol, and puts it back for the server that gets the socket. */
function handOver(socket: Socket, to: (isHttp2: boolean) => void): void {
  let start = Buffer.alloc(0)
  const onReadable = () => {
    const chunk: Buffer | null = socket.read()
    if (chunk === null) return
    start = Buffer.concat([start, chunk])
    const compared = Math.min(start.length, HTTP2_PREFACE.length)
    const mayBeHttp2 = start.subarray(0, compared).equals(HTTP2_PREFACE.subarray(0, compared))
    // "P" alone may still become "POST" or "PUT".
    if (mayBeHttp2 && compared < HTTP2_PREFACE.length) return
    socket.off('readable', onReadable)
    socket.off('end', onEnd)
    socket.unshift(start)
    to(mayBeHttp2)
  }
  const onEnd = () => socket.destroy()
  socket.on('readable', onReadable)
  socket.once('end', onEnd)
}

async function serveHttp1(
  model: KinesisModel,
  request: IncomingMessage,
  response: ServerResponse,
  now: () => number,
): Promise<void> {
  const { method = '', headers } = request
  const answered = await answerBody(model, request, method, headers, now)
  if (answered === undefined) return
  response.writeHead(answered.status, answered.headers)
  response.end(answered.body)
}

async function serveHttp2(
  model: KinesisModel,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  now: () => number,
): Promise<void> {
  stream.on('error', () => {})
  const answered = await answerBody(model, stream, headers[':method'] ?? '', headers, now)
  if (answered === undefined || stream.destroyed) return
  stream.respond({ ':status': answered.status, ...answered.headers })
  stream.end(answered.body)
}

async function answerBody(
  model: KinesisModel,
  source: Readable,
  method: string,
  headers: IncomingHttpHeaders,
  now: () => number,
): Promise<Response | undefined> {
  const body = await readBody(source)
  if (body === 'aborted') return undefined
  if (body === 'too-large') return tooLarge(REQUEST_BYTES_MAX)
  const target = headers['x-amz-target']
  return answer(
    model,
    {
      method,
      body,
      contentType: headers['content-type'],
      target: Array.isArray(target) ? target[0] : target,
    },
    now(),
  )
}

function readBody(source: Readable): Promise<Buffer | 'too-large' | 'aborted'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    source.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      // What follows is read and dropped, so that the client gets to see the answer.
      if (bytes > REQUEST_BYTES_MAX) resolve('too-large')
      else chunks.push(chunk)
    })
    source.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes)))
    source.on('error', () => resolve('aborted'))
    source.on('close', () => resolve('aborted'))
  })
}

function widenWindow(session: Http2Session): void {
  // Node types this on the server's session, which is what a server's event carries.
  const { setLocalWindowSize } = session as Http2Session & {
    setLocalWindowSize(bytes: number): void
  }
  setLocalWindowSize.call(session, HTTP2_WINDOW_BYTES)
}
