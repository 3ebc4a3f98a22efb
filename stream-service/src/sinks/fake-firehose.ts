// A Firehose endpoint for tests: PutRecordBatch over HTTP with the service's limits, and failures on demand.
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'

export class FakeFirehose {
  /** What was delivered, record by record, as text with its line break. */
  readonly records: string[] = []
  /** How many records each call had. */
  readonly calls: number[] = []
  /** The n-th record to arrive (counted from 0, over all calls) is turned away where this says so. */
  turnsAway: (n: number) => boolean = () => false
  /** Answers instead of taking anything, one a call. */
  readonly failures: Array<{ status: number; type: string }> = []
  readonly #server = http.createServer((request, response) => void this.#answer(request, response))
  #arrived = 0

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const body = Buffer.concat(await request.toArray())
    const { DeliveryStreamName: name, Records: records } = JSON.parse(body.toString()) as {
      DeliveryStreamName: string
      Records: Array<{ Data: string }>
    }
    const data = records.map(({ Data }) => Buffer.from(Data, 'base64'))
    this.calls.push(data.length)
    const fault = this.failures.shift() ?? faultOf(name, data)
    const answer = fault ? { __type: fault.type, message: fault.type } : this.#take(data)
    response
      .writeHead(fault?.status ?? 200, { 'content-type': 'application/x-amz-json-1.1' })
      .end(JSON.stringify(answer))
  }

  #take(data: Buffer[]) {
    const RequestResponses = data.map((record) => {
      if (this.turnsAway(this.#arrived++))
        return { ErrorCode: 'ServiceUnavailableException', ErrorMessage: 'Slow down.' }
      this.records.push(record.toString())
      return { RecordId: String(this.records.length) }
    })
    return { RequestResponses, FailedPutCount: RequestResponses.filter(({ ErrorCode }) => ErrorCode).length }
  }
}

function faultOf(name: string, data: Buffer[]): { status: number; type: string } | undefined {
  if (name !== 'panes') return { status: 400, type: 'ResourceNotFoundException' }
  const bytes = data.reduce((sum, { length }) => sum + length, 0)
  const isTooMuch = data.length === 0 || data.length > 500 || bytes > 4 * 1024 * 1024
  if (isTooMuch || data.some(({ length }) => length > 1_000 * 1024))
    return { status: 400, type: 'InvalidArgumentException' }
  return undefined
}
