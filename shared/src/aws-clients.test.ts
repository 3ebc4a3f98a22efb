import { once } from 'node:events'
import http2 from 'node:http2'
import net, { type AddressInfo } from 'node:net'
import { ListStreamsCommand } from '@aws-sdk/client-kinesis'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type AwsClientOptions, endpointOf, firehoseClient, kinesisClient } from './aws-clients.ts'
import { awsRetryReason, toAwsError } from './errors.ts'

const closers: Array<() => void> = []
afterEach(() => {
  vi.unstubAllEnvs()
  for (const close of closers.splice(0)) close()
})

async function listen(server: net.Server | http2.Http2Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function client(endpoint: string, options: AwsClientOptions = {}) {
  const made = kinesisClient({ endpoint, env: {}, requestTimeoutMs: 200, ...options })
  closers.push(() => made.destroy())
  return made
}

const ask = new ListStreamsCommand({})

async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.fail('the call went through'),
    (error: unknown) => error,
  )
}

describe('the Kinesis client', () => {
  test('uses one connection for many calls, and a new one after a call got no answer', async () => {
    const server = http2.createServer()
    let sessions = 0
    server.on('session', (session) => {
      const serial = ++sessions
      let calls = 0
      closers.push(() => session.destroy())
      session.on('stream', (stream) => {
        // The first connection dies without a word after two calls.
        if (serial === 1 && ++calls > 2) return
        stream.respond({ ':status': 200 })
        stream.end('{}')
      })
    })
    const kinesis = client(await listen(server))
    await kinesis.send(ask)
    await kinesis.send(ask)
    expect(sessions).toBe(1)
    expect(await failure(kinesis.send(ask))).toMatchObject({ name: 'TimeoutError' })
    await kinesis.send(ask)
    expect(sessions).toBe(2)
  })

  test('makes one attempt, with dummy credentials and a region for a loopback endpoint', async () => {
    const kinesis = client('http://localhost:1')
    expect(await kinesis.config.maxAttempts()).toBe(1)
    expect(await kinesis.config.region()).toBe('us-east-1')
    expect(await kinesis.config.credentials()).toMatchObject({ accessKeyId: 'test' })
  })

  test('leaves real credentials alone where some are set, and away from loopback', async () => {
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
    const env = { AWS_ACCESS_KEY_ID: 'mine' }
    for (const options of [{ env }, { endpoint: 'https://kinesis.example' }]) {
      const { accessKeyId } = await client('http://localhost:1', options)
        .config.credentials()
        .catch(() => ({ accessKeyId: 'none' }))
      expect(accessKeyId).not.toBe('test')
    }
  })

  test('takes the endpoint from the environment, the more special variable first', () => {
    const env = { AWS_ENDPOINT_URL: 'http://a:1', AWS_ENDPOINT_URL_FIREHOSE: 'http://b:2' }
    expect(endpointOf('KINESIS', { env })).toBe('http://a:1')
    expect(endpointOf('FIREHOSE', { env })).toBe('http://b:2')
    expect(endpointOf('FIREHOSE', { env, endpoint: 'http://c:3' })).toBe('http://c:3')
    expect(endpointOf('KINESIS', { env: {} })).toBeUndefined()
  })

  test('refuses an endpoint that is not a URL', () => {
    expect(() => client('localhost:4566')).toThrow('must be a URL like http://localhost:4566')
  })
})

test('a connection that does not come about is given up', async () => {
  const silent = await listen(net.createServer((socket) => closers.push(() => socket.destroy())))
  const kinesis = client(silent.replace('http', 'https'), { connectTimeoutMs: 50, requestTimeoutMs: 60_000 })
  expect(toAwsError(await failure(kinesis.send(ask)), { what: 'ask' })).toMatchObject({
    code: 'unreachable',
    message: expect.stringContaining('no connection to 127.0.0.1 within 50 ms'),
  })
})

describe('errors from the wire', () => {
  test.each([
    ['refused', async () => 'http://127.0.0.1:1', 'unreachable', true],
    ['silence', () => listen(net.createServer((socket) => closers.push(() => socket.destroy()))), 'unreachable', true],
    ['cut', () => listen(net.createServer((socket) => socket.destroy())), 'unreachable', true],
    [
      'not HTTP/2',
      () => listen(net.createServer((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'))),
      'not-http2',
      true,
    ],
    ['unknown host', async () => 'http://nowhere.invalid', 'unknown-host', true],
  ])('%s', async (_, endpointOfServer, code, isRetryable) => {
    const endpoint = await endpointOfServer()
    const error = await failure(client(endpoint, { credentials: { accessKeyId: 'a', secretAccessKey: 'b' } }).send(ask))
    expect(toAwsError(error, { what: 'list streams', endpoint })).toMatchObject({ code })
    expect(awsRetryReason(error) !== undefined).toBe(isRetryable)
  })

  test('a Firehose endpoint that never answers is a timeout too', async () => {
    const endpoint = await listen(net.createServer((socket) => closers.push(() => socket.destroy())))
    const firehose = firehoseClient({ endpoint, env: {}, requestTimeoutMs: 50 })
    closers.push(() => firehose.destroy())
    const { ListDeliveryStreamsCommand } = await import('@aws-sdk/client-firehose')
    const error = await failure(firehose.send(new ListDeliveryStreamsCommand({})))
    expect(toAwsError(error, { what: 'list' }).code).toBe('unreachable')
  })
})
