// A proxy in front of an AWS endpoint that does on command what networks and services do now and then: answer with an error,
// reset connections, keep a request waiting, or lose the answer to one that was carried out. HTTP/1.1, so for every client
// but that of Kinesis, which speaks HTTP/2.
import { once } from 'node:events'
import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

export type Fault =
  /** Answers with an error, and the request is not carried out. `SlowDown`, `InternalError`, `ThrottlingException`, … */
  | { readonly kind: 'error'; readonly status: number; readonly code: string }
  /** Breaks the connection off before the request is carried out. */
  | { readonly kind: 'reset' }
  /** Carries the request out, and breaks the connection off without an answer. */
  | { readonly kind: 'lose-answer' }
  /** Carries the request out, and breaks the connection off in the middle of the answer's body. */
  | { readonly kind: 'cut-answer' }
  /** Carries the request out when `until` has come to pass, even if nobody waits for the answer by then. */
  | { readonly kind: 'hold'; until(): Promise<unknown> }

export interface FaultRule {
  readonly fault: Fault
  /** Every n-th of the requests that match, the n-th first; default 1: all of them. */
  readonly every?: number
  /** So many faults, then no more; default: without end. */
  readonly times?: number
  /** All that are given have to match. `target` is the header `x-amz-target`, `path` has the query. */
  readonly method?: string
  readonly path?: RegExp
  readonly target?: RegExp
}

/** A request as it came, and what was done with it. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly target: string | undefined
  readonly fault: Fault['kind'] | undefined
}

interface Rule extends FaultRule {
  matched: number
  done: number
}

export class FaultProxy {
  readonly #target: URL
  readonly #server = http.createServer((request, response) => void this.#take(request, response))
  readonly #rules = new Set<Rule>()
  readonly #inWork = new Set<Promise<void>>()
  /** All requests since the start, in the order in which they came. */
  readonly seen: SeenRequest[] = []

  private constructor(target: string) {
    this.#target = new URL(target)
  }

  /** Listens on a free port of the loopback interface. */
  static async start(target: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(target)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** From now on; the first rule that has a fault for a request decides. The answer takes the rule away again. */
  inject(rule: FaultRule): () => void {
    const added = { ...rule, matched: 0, done: 0 }
    this.#rules.add(added)
    return () => void this.#rules.delete(added)
  }

  /** No more faults. */
  clear(): void {
    this.#rules.clear()
  }

  /** Resolves when no request is being carried out; those that are held have to be let go first. */
  async settled(): Promise<void> {
    while (this.#inWork.size > 0) await Promise.allSettled(this.#inWork)
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/', headers } = request
    const target = headers['x-amz-target'] as string | undefined
    const fault = this.#faultFor({ method, path, target })
    this.seen.push({ method, path, target, fault: fault?.kind })
    const answering = this.#answer(fault, { method, path, headers, body: request }, response).catch(() => {
      response.socket?.resetAndDestroy()
    })
    this.#inWork.add(answering)
    await answering
    this.#inWork.delete(answering)
  }

  #faultFor({ method, path, target = '' }: Omit<SeenRequest, 'fault'>): Fault | undefined {
    for (const rule of this.#rules) {
      const { every = 1, times = Number.POSITIVE_INFINITY } = rule
      if (rule.method !== undefined && rule.method !== method) continue
      if (rule.path?.test(path) === false || rule.target?.test(target) === false) continue
      if (rule.done >= times || ++rule.matched % every !== 0) continue
      rule.done++
      return rule.fault
    }
    return undefined
  }

  async #answer(fault: Fault | undefined, request: Request, response: ServerResponse): Promise<void> {
    // All of it, so that it can be carried out after its sender has gone.
    const body = await buffer(request.body)
    if (fault?.kind === 'error') return sendError(fault, request, response)
    if (fault?.kind === 'reset') return void response.socket?.resetAndDestroy()
    if (fault?.kind === 'hold') await fault.until()
    const answer = await this.#forward(request, body)
    if (fault?.kind === 'lose-answer') return void response.socket?.resetAndDestroy()
    response.writeHead(answer.status, answer.headers)
    if (fault?.kind !== 'cut-answer') return void response.end(answer.body)
    response.write(answer.body.subarray(0, answer.body.length >> 1), () => response.socket?.resetAndDestroy())
  }

  async #forward({ method, path, headers }: Request, body: Buffer) {
    const { hostname, port } = this.#target
    const forwarded = http.request({ hostname, port, method, path, headers, agent: false })
    forwarded.end(body)
    const [answer] = (await once(forwarded, 'response')) as [IncomingMessage]
    const { 'transfer-encoding': _, ...kept } = answer.headers
    const answerBody = await buffer(answer)
    // The length tells the client that a cut answer is not all; an answer to HEAD has that of what it is about.
    const length = method === 'HEAD' ? kept['content-length'] : `${answerBody.length}`
    return { status: answer.statusCode!, headers: { ...kept, 'content-length': length }, body: answerBody }
  }
}

interface Request {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: IncomingMessage
}

/** As the service would: services that are told a target answer in JSON, S3 in XML. */
function sendError(
  { status, code }: Extract<Fault, { kind: 'error' }>,
  { headers, method }: Request,
  response: ServerResponse,
): void {
  const isJson = headers['x-amz-target'] !== undefined
  const message = 'as the test wants it'
  const body = isJson
    ? JSON.stringify({ __type: code, message })
    : `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`
  response.writeHead(status, { 'content-type': isJson ? 'application/x-amz-json-1.1' : 'application/xml' })
  response.end(method === 'HEAD' ? '' : body)
}
