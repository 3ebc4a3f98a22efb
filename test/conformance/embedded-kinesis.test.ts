// The embedded Kinesis against the contract of any Kinesis, over the SDK's HTTP/2, and what is its own: other protocols on
// the same port, its clock, its start and its end.
import { once } from 'node:events'
import { connect } from 'node:net'
import { GetRecordsCommand, KinesisClient, ListStreamConsumersCommand } from '@aws-sdk/client-kinesis'
import type { EmbeddedKinesis, EmbeddedKinesisOptions } from '@millrace/stream-service/embedded-kinesis'
import { startEmbeddedKinesis } from '@millrace/stream-service/embedded-kinesis'
import { afterEach, describe, expect, it } from 'vitest'
import { describeKinesisContract } from './kinesis-contract.ts'

const FIRST = 'shardId-000000000000'

describeKinesisContract('embedded', async () => {
  const kinesis = await startEmbeddedKinesis()
  const client = clientOf(kinesis)
  return {
    client,
    async stop() {
      client.destroy()
      await kinesis.close()
    },
  }
})

describe('embedded Kinesis', () => {
  const started: EmbeddedKinesis[] = []
  afterEach(async () => {
    for (const kinesis of started.splice(0)) await kinesis.close()
  })

  async function start(options: EmbeddedKinesisOptions = {}): Promise<EmbeddedKinesis> {
    const kinesis = await startEmbeddedKinesis(options)
    started.push(kinesis)
    return kinesis
  }

  /** One call over HTTP/1.1, which is what `fetch` speaks. */
  async function call(kinesis: EmbeddedKinesis, operation: string, input: object) {
    const response = await fetch(kinesis.endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `Kinesis_20131202.${operation}` },
      body: JSON.stringify(input),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) }
  }

  it('serves HTTP/1.1 on the same port, instants in seconds', async () => {
    const kinesis = await start({ now: () => 1_700_000_000_123 })
    await call(kinesis, 'CreateStream', { StreamName: 's', ShardCount: 1 })
    await call(kinesis, 'PutRecord', { StreamName: 's', PartitionKey: 'ü"', Data: 'AQI=' })
    const at = { StreamName: 's', ShardId: FIRST, ShardIteratorType: 'AT_TIMESTAMP', Timestamp: 1_700_000_000.123 }
    const { ShardIterator } = (await call(kinesis, 'GetShardIterator', at)).body
    const read = await call(kinesis, 'GetRecords', { ShardIterator })

    expect(read.headers.get('content-type')).toBe('application/x-amz-json-1.1')
    expect(read.body).toMatchObject({
      MillisBehindLatest: 0,
      Records: [{ Data: 'AQI=', PartitionKey: 'ü"', ApproximateArrivalTimestamp: 1_700_000_000.123 }],
    })
  })

  it('serves CBOR as Java clients send it', async () => {
    const kinesis = await start({ now: () => 1_700_000_000_123 })
    kinesis.model.createStream({ StreamName: 's', ShardCount: 1 }, 1_700_000_000_123)
    // {_ "StreamName": "s", "PartitionKey": "a", "Data": h'0102'}
    const body = Buffer.from(
      `bf${cborText('StreamName')}${cborText('s')}${cborText('PartitionKey')}${cborText('a')}${cborText('Data')}420102ff`,
      'hex',
    )
    const response = await fetch(kinesis.endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/x-amz-cbor-1.1', 'x-amz-target': 'Kinesis_20131202.PutRecord' },
      body,
    })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/x-amz-cbor-1.1')
    expect(
      Buffer.from(await response.arrayBuffer()).includes(Buffer.from(cborText('shardId-000000000000'), 'hex')),
    ).toBe(true)

    // What came as bytes in CBOR leaves as base64 in JSON.
    const oldest = { StreamName: 's', ShardId: FIRST, ShardIteratorType: 'TRIM_HORIZON' }
    const { ShardIterator } = (await call(kinesis, 'GetShardIterator', oldest)).body
    expect((await call(kinesis, 'GetRecords', { ShardIterator })).body.Records[0].Data).toBe('AQI=')
  })

  it('names errors in the header and in the body', async () => {
    const kinesis = await start()
    const refused = await call(kinesis, 'DescribeStream', { StreamName: 'nowhere' })

    expect(refused.status).toBe(400)
    expect(refused.headers.get('x-amzn-errortype')).toBe('ResourceNotFoundException')
    expect(refused.body).toMatchObject({ __type: 'ResourceNotFoundException' })
    expect(refused.headers.get('x-amzn-requestid')).toBeTruthy()
  })

  it('names the operation it does not offer', async () => {
    const client = clientOf(await start())
    const call = client.send(
      new ListStreamConsumersCommand({ StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/s' }),
    )
    await expect(call).rejects.toMatchObject({
      name: 'UnknownOperationException',
      message: expect.stringContaining('ListStreamConsumers'),
    })
    client.destroy()
  })

  it('tells a browser or a wrong client what it is', async () => {
    const kinesis = await start()
    const response = await fetch(kinesis.endpoint)
    expect(response.status).toBe(400)
    expect(await response.text()).toContain('This is the embedded Kinesis')
  })

  it('refuses broken JSON and bodies larger than any request', async () => {
    const kinesis = await start()
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'Kinesis_20131202.PutRecord' }
    const broken = await fetch(kinesis.endpoint, { method: 'POST', headers, body: '{"StreamName":' })
    expect(await broken.json()).toMatchObject({ __type: 'SerializationException' })
    const large = await fetch(kinesis.endpoint, { method: 'POST', headers, body: Buffer.alloc(17 * 1024 * 1024, 32) })
    expect(large.status).toBe(413)
  })

  it('expires iterators by its own clock', async () => {
    let now = 1_700_000_000_000
    const kinesis = await start({ now: () => now })
    const client = clientOf(kinesis)
    kinesis.model.createStream({ StreamName: 's', ShardCount: 1 }, now)
    const oldest = { StreamName: 's', ShardId: FIRST, ShardIteratorType: 'TRIM_HORIZON' } as const
    const { ShardIterator } = kinesis.model.getShardIterator(oldest, now)
    now += 300_001

    await expect(client.send(new GetRecordsCommand({ ShardIterator }))).rejects.toMatchObject({
      name: 'ExpiredIteratorException',
    })
    client.destroy()
  })

  it('waits for a first byte that may become either protocol', async () => {
    const kinesis = await start()
    const socket = connect(kinesis.port, '127.0.0.1')
    socket.setNoDelay(true)
    socket.write('P')
    await once(socket, 'connect')
    // The server has surely read the first byte once another connection was answered.
    await call(kinesis, 'ListStreams', {})
    socket.write('OST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toContain('HTTP/1.1 400')
    socket.destroy()
  })

  it('says so when the port is in use, with the system’s error as the cause', async () => {
    const { port } = await start()
    await expect(startEmbeddedKinesis({ port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      message: expect.stringContaining(`127.0.0.1:${port}: the port is in use`),
      cause: expect.objectContaining({ code: 'EADDRINUSE' }),
    })
  })

  it('ends open connections when it is closed, frees the port, and may be closed twice', async () => {
    const kinesis = await start()
    const idle = connect(kinesis.port, '127.0.0.1')
    await once(idle, 'connect')
    await call(kinesis, 'ListStreams', {})
    const ended = once(idle, 'close')
    await kinesis.close()
    await kinesis.close()
    await ended

    const again = await start({ port: kinesis.port })
    expect(again.port).toBe(kinesis.port)
  })
})

function clientOf(kinesis: EmbeddedKinesis): KinesisClient {
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' }
  return new KinesisClient({ endpoint: kinesis.endpoint, region: 'us-east-1', credentials, maxAttempts: 1 })
}

/** A text of less than 24 bytes in CBOR, in hexadecimal. */
function cborText(text: string): string {
  const bytes = Buffer.from(text)
  return Buffer.of(0x60 | bytes.length).toString('hex') + bytes.toString('hex')
}
