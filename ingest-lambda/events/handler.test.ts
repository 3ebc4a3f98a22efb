import { Logger } from '@aws-lambda-powertools/logger'
import type { KinesisClient } from '@aws-sdk/client-kinesis'
import { expect, test } from 'vitest'
import { createEventsHandler, putCallTimeoutMs } from './handler.ts'
import { aRequest, fakeStream, post } from './testing.ts'

const throttled = 'ProvisionedThroughputExceededException'

test('a posted event is in the stream, in its envelope, when the answer says so', async () => {
  const { client, stored } = fakeStream()
  const answer = await post({ body: '{"eventId":"e1","type":"purchase","page":"/p/7"}' }, client)

  expect(answer.statusCode).toBe(200)
  expect(answer.body).toEqual({
    accepted: 1,
    rejected: 0,
    results: [{ index: 0, eventId: 'e1', status: 'accepted', shardId: 'shardId-0', sequenceNumber: '1' }],
  })
  expect(stored.map(({ partitionKey, text }) => [partitionKey, JSON.parse(text)])).toEqual([
    [
      'e1',
      {
        specversion: '1.0',
        id: 'e1',
        source: '/test',
        type: 'purchase',
        time: '2023-11-14T22:13:20.000Z',
        datacontenttype: 'application/json',
        data: { eventId: 'e1', type: 'purchase', page: '/p/7' },
      },
    ],
  ])
})

test('of a batch, each event is answered for in order, and only good ones are put', async () => {
  const { client, stored } = fakeStream()
  const answer = await post(
    { body: '[{"type":"click"}, 7, {"eventId":"e2"}, {"type":"click","eventId":"e3"}]' },
    client,
  )

  expect(answer.statusCode).toBe(207)
  expect(answer.body).toMatchObject({
    accepted: 2,
    rejected: 2,
    results: [
      { index: 0, eventId: 'made-1', status: 'accepted', sequenceNumber: '1' },
      { index: 1, status: 'rejected', code: 'invalid-event', reason: 'an event is a JSON object' },
      { index: 2, eventId: 'e2', status: 'rejected', code: 'invalid-event', reason: expect.stringMatching(/^type: /) },
      { index: 3, eventId: 'e3', status: 'accepted', sequenceNumber: '2' },
    ],
  })
  expect(answer.body.results[1]).not.toHaveProperty('eventId')
  expect(stored.map(({ partitionKey }) => partitionKey)).toEqual(['made-1', 'e3'])
})

test('in NDJSON a bad line costs itself only, and is named', async () => {
  const { client, stored } = fakeStream()
  const body = '{"eventId":"e1","type":"a"}\r\n\n{"eventId":"e2" "type":"a"}\n[]\n{"eventId":"e3","type":"a"}'
  const answer = await post({ body, contentType: 'application/x-ndjson; charset=utf-8' }, client)

  expect(answer.statusCode).toBe(207)
  expect(answer.body.results.map(({ status, code, reason }: Record<string, string>) => [status, code, reason])).toEqual(
    [
      ['accepted', undefined, undefined],
      ['rejected', 'invalid-json', 'line 3, column 17: expected "," or "}"'],
      ['rejected', 'invalid-event', 'an event is a JSON object'],
      ['accepted', undefined, undefined],
    ],
  )
  expect(stored.map(({ partitionKey }) => partitionKey)).toEqual(['e1', 'e3'])
})

test('records that the stream turns away are put again, and only those', async () => {
  const { client, stored } = fakeStream((text, attempt) =>
    text.includes('"e1"') && attempt === 1 ? throttled : undefined,
  )
  const answer = await post({ body: '[{"eventId":"e1","type":"a"},{"eventId":"e2","type":"a"}]' }, client)

  expect(answer.statusCode).toBe(200)
  expect(stored.map(({ partitionKey }) => partitionKey)).toEqual(['e2', 'e1'])
})

test('what the stream would not take in time is not called accepted', async () => {
  const { client, stored } = fakeStream((text) => (text.includes('"e1"') ? throttled : undefined))
  const answer = await post({ body: '[{"eventId":"e1","type":"a"},{"eventId":"e2","type":"a"}]' }, client, {
    remainingMs: 7_000,
  })

  expect(answer.statusCode).toBe(207)
  expect(answer.waitedMs).toBeLessThan(7_000 - putCallTimeoutMs)
  expect(answer.body.results).toMatchObject([
    { eventId: 'e1', status: 'rejected', code: 'throttled' },
    { eventId: 'e2', status: 'accepted' },
  ])
  expect(stored).toHaveLength(1)
})

test('when the stream takes none, the caller is told to come back', async () => {
  const { client } = fakeStream(() => throttled)
  const answer = await post({ body: '[{"type":"a"},{"type":1}]' }, client, { remainingMs: 7_000 })

  expect(answer.statusCode).toBe(503)
  expect(answer.headers).toMatchObject({ 'retry-after': '2' })
  expect(answer.body.results.map(({ code }: { code: string }) => code)).toEqual(['throttled', 'invalid-event'])
})

test('a stream that cannot be written is the callers concern only as far as to come back', async () => {
  const client = {
    send: async () => {
      throw Object.assign(new Error('User arn:aws:sts::123456789012:assumed-role/x is not authorized'), {
        name: 'AccessDeniedException',
        $metadata: { httpStatusCode: 400 },
      })
    },
  } as unknown as KinesisClient
  const answer = await post({ body: '{"type":"a"}' }, client)

  expect(answer.statusCode).toBe(503)
  expect(answer.body.results).toMatchObject([{ eventId: 'made-1', status: 'rejected', code: 'unavailable' }])
  expect(answer.text).not.toMatch(/arn:aws|authorized/)
})

test('events that are all invalid are a bad request', async () => {
  const { client, stored } = fakeStream()
  for (const body of ['null', '"x"', '{}', '{"type":""}', '{"type":"a","eventId":7}', '{"toString":1}']) {
    const answer = await post({ body }, client)
    expect([body, answer.statusCode, answer.body.results[0].code]).toEqual([body, 400, 'invalid-event'])
  }
  expect(stored).toEqual([])
})

test('a body that is no JSON is refused as a whole, with the position', async () => {
  const { client, stored } = fakeStream()
  expect(await post({ body: '[{"type":"a"},\n {"type":}]' }, client)).toMatchObject({
    statusCode: 400,
    body: { code: 'invalid-json', reason: 'line 2, column 10: expected a value', position: 24, line: 2, column: 10 },
  })
  expect(await post({ body: null }, client)).toMatchObject({ statusCode: 400, body: { position: 0 } })
  expect(await post({ body: '[]' }, client)).toMatchObject({ statusCode: 400, body: { code: 'no-events' } })
  expect(stored).toEqual([])
})

test('501 events are too many, 500 are not', async () => {
  const { client, stored } = fakeStream()
  const batch = (count: number) => JSON.stringify(Array.from({ length: count }, () => ({ type: 'a' })))
  expect(await post({ body: batch(501) }, client)).toMatchObject({ statusCode: 413, body: { code: 'too-many-events' } })
  const lines = Array(501).fill('{"type":"a"}').join('\n')
  expect(await post({ body: lines, contentType: 'application/x-ndjson' }, client)).toMatchObject({ statusCode: 413 })
  expect(stored).toHaveLength(0)
  expect((await post({ body: batch(500) }, client)).statusCode).toBe(200)
  expect(stored).toHaveLength(500)
})

test('an event too large or too deep for the stream is rejected, its neighbours are put', async () => {
  const { client, stored } = fakeStream()
  const large = JSON.stringify({ type: 'a', eventId: 'large', x: 'x'.repeat(1024 * 1024) })
  const deep = `{"type":"a","x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
  const answer = await post({ body: `[${large},${deep},{"type":"a","eventId":"e1"}]` }, client)

  expect(answer.statusCode).toBe(207)
  expect(answer.body.results).toMatchObject([{ code: 'too-large' }, { code: 'too-deep' }, { eventId: 'e1' }])
  expect(stored.map(({ partitionKey }) => partitionKey)).toEqual(['e1'])
})

test('the largest record that the stream takes is taken, envelope and key counted', async () => {
  const { client, stored, calls } = fakeStream()
  const event = (padding: number) => JSON.stringify({ type: 'a', eventId: 'e', x: 'x'.repeat(padding) })
  await post({ body: event(0) }, client)
  const overhead = Buffer.byteLength(stored[0]!.text) + 1
  const room = 1024 * 1024 - overhead
  expect((await post({ body: event(room) }, client)).statusCode).toBe(200)
  expect(await post({ body: event(room + 1) }, client)).toMatchObject({
    statusCode: 400,
    body: { results: [{ code: 'too-large' }] },
  })
  expect(calls).toHaveLength(2)
})

test('keys like __proto__ and numbers beyond 2^53 are kept as they were written', async () => {
  const { client, stored } = fakeStream()
  const body = '{"type":"a","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"n":9007199254740993}'
  expect((await post({ body }, client, { config: { partitionKeyField: ['constructor', 'name'] } })).statusCode).toBe(
    200,
  )

  expect(stored[0]!.text).toContain(`"data":${body}}`)
  expect(stored[0]!.partitionKey).toBe('made-1')
  expect(({} as { polluted?: number }).polluted).toBeUndefined()
})

test('with the sample schema, a wrong field is named and further ones are free', async () => {
  const { client } = fakeStream()
  const event = { type: 'purchase', userId: 'u1', page: '/p/7', country: 'DE', value: 12.5, ts: 1, ua: 'x' }
  const config = { eventSchema: 'sample' } as const
  const answer = await post({ body: JSON.stringify([event, { ...event, value: '12.5' }]) }, client, { config })

  expect(answer.body.results).toMatchObject([
    { status: 'accepted', eventId: 'made-1' },
    { status: 'rejected', code: 'invalid-event', reason: expect.stringMatching(/^value: /) },
  ])
})

test('a fault of the function is answered with an id to ask about, and nothing else', async () => {
  const handler = createEventsHandler({
    config: { streamName: 'events', partitionKeyField: undefined, eventSchema: 'any', source: '/test' },
    client: fakeStream().client,
    logger: new Logger({ logLevel: 'SILENT' }),
    now: () => {
      throw new Error('secret of the house')
    },
  })
  const answer = await handler(aRequest({ body: '{"type":"a"}' }), {
    awsRequestId: 'i1',
    getRemainingTimeInMillis: () => 9_000,
  })
  expect(answer.statusCode).toBe(500)
  expect(JSON.parse(answer.body)).toEqual({ code: 'internal', reason: 'an internal error; request r1' })
})
