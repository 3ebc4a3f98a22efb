import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { PutRecordBatchCommand } from '@aws-sdk/client-firehose'
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { firehoseClient, s3Client } from '@millrace/shared/aws-clients'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FaultProxy } from './fault-proxy.ts'

/** What reached the endpoint behind the proxy. */
let carriedOut: string[]
let endpoint: http.Server
let proxy: FaultProxy
let s3: ReturnType<typeof s3Client>

beforeEach(async () => {
  carriedOut = []
  endpoint = http.createServer((request, response) => {
    carriedOut.push(`${request.method} ${request.url}`)
    request.resume().on('end', () => {
      response.setHeader('etag', '"tag"')
      response.end(
        request.headers['x-amz-target'] === undefined ? 'ten bytes!' : '{"FailedPutCount":0,"RequestResponses":[]}',
      )
    })
  })
  endpoint.listen(0, '127.0.0.1')
  await once(endpoint, 'listening')
  proxy = await FaultProxy.start(`http://127.0.0.1:${(endpoint.address() as AddressInfo).port}`)
  s3 = s3Client({ endpoint: proxy.endpoint, env: {} })
})
afterEach(async () => {
  s3.destroy()
  await proxy.stop()
  endpoint.close()
})

const put = (key: string) => s3.send(new PutObjectCommand({ Bucket: 'bucket', Key: key, Body: Buffer.from('x') }))
const get = async (key: string) => {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'bucket', Key: key }))
  return Body!.transformToString()
}
const outcome = (call: Promise<unknown>) =>
  call.then(
    () => 'answered',
    (error: Error & { code?: string }) => error.code ?? error.name,
  )

test('without faults it is as if it were not there', async () => {
  expect((await put('a b')).ETag).toBe('"tag"')
  expect(await get('c')).toBe('ten bytes!')
  expect(carriedOut).toEqual(['PUT /bucket/a%20b?x-id=PutObject', 'GET /bucket/c?x-id=GetObject'])
})

test('errors are those of the service, for every n-th request that matches, and so many of them', async () => {
  const fault = { kind: 'error', status: 503, code: 'SlowDown' } as const
  const takeAway = proxy.inject({ fault, method: 'PUT', path: /^\/bucket\/a/, every: 2, times: 2 })
  const outcomes = []
  for (let n = 0; n < 6; n++) outcomes.push(await outcome(put('a')))
  expect(outcomes).toEqual(['answered', 'SlowDown', 'answered', 'SlowDown', 'answered', 'answered'])
  expect(carriedOut).toHaveLength(4)
  proxy.inject({ fault })
  takeAway()
  expect(await outcome(get('c'))).toBe('SlowDown')
  proxy.clear()
  expect(await outcome(get('c'))).toBe('answered')
})

test('Firehose is met by its target, and answered in its own form', async () => {
  const firehose = firehoseClient({ endpoint: proxy.endpoint, env: {} })
  const batch = new PutRecordBatchCommand({ DeliveryStreamName: 'd', Records: [{ Data: Buffer.from('x') }] })
  proxy.inject({
    fault: { kind: 'error', status: 400, code: 'ThrottlingException' },
    target: /\.PutRecordBatch$/,
    times: 1,
  })
  expect(await outcome(firehose.send(batch))).toBe('ThrottlingException')
  expect(carriedOut).toEqual([])
  expect(await firehose.send(batch)).toMatchObject({ FailedPutCount: 0 })
  expect(proxy.seen.map(({ target, fault }) => [target, fault])).toEqual([
    ['Firehose_20150804.PutRecordBatch', 'error'],
    ['Firehose_20150804.PutRecordBatch', undefined],
  ])
  firehose.destroy()
})

test('a reset request is not carried out; one whose answer is lost or cut is', async () => {
  proxy.inject({ fault: { kind: 'reset' }, path: /reset/ })
  proxy.inject({ fault: { kind: 'lose-answer' }, path: /lost/ })
  proxy.inject({ fault: { kind: 'cut-answer' }, path: /cut/ })
  expect(await outcome(put('reset'))).toBe('ECONNRESET')
  expect(carriedOut).toHaveLength(0)
  expect(await outcome(put('lost'))).toBe('ECONNRESET')
  expect(await outcome(get('cut'))).toBe('ECONNRESET')
  expect(carriedOut).toHaveLength(2)
})

test('a request that is held is carried out in the end, even when its sender has given up', async () => {
  const impatient = s3Client({ endpoint: proxy.endpoint, env: {}, requestTimeoutMs: 100 })
  const { promise, resolve } = Promise.withResolvers<void>()
  proxy.inject({ fault: { kind: 'hold', until: () => promise }, times: 1 })
  const call = impatient.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'late', Body: Buffer.from('x') }))
  expect(await outcome(call)).toBe('ETIMEDOUT')
  impatient.destroy()
  expect(carriedOut).toEqual([])
  resolve()
  await proxy.settled()
  expect(carriedOut).toHaveLength(1)
})
