// The main job as deployed, nothing mocked: HTTP POST, API Gateway, the bundled function in a Lambda, Kinesis, the service as
// a process of its own, Firehose, objects in S3. The lines there are those that a brute-force oracle computes from the
// events that were answered as accepted.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LocalstackContainer, type StartedLocalStackContainer } from '@testcontainers/localstack'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundleLambdas, eventsFunctionDir } from '../../scripts/bundle.ts'
import { aggregates, type OracleQuery, oracle } from '../properties/oracle.ts'
import { ServiceProcess } from '../system/service-process.ts'
import { createLocalStack, type LocalStack, linesInS3 } from './local-stack.ts'

let container: StartedLocalStackContainer
let stack: LocalStack
let folder: string

beforeAll(async () => {
  await bundleLambdas()
  folder = await mkdtemp(join(tmpdir(), 'millrace-whole-way-'))
  container = await new LocalstackContainer('localstack/localstack:4.14.0')
    .withBindMounts([{ source: '/var/run/docker.sock', target: '/var/run/docker.sock' }])
    .start()
  stack = await createLocalStack({
    endpoint: container.getConnectionUri(),
    eventsFunctionDir,
    functionEnvironment: { PARTITION_KEY_FIELD: 'page' },
  })
})
afterAll(async () => {
  await container?.stop({ timeout: 15_000 })
  await rm(folder, { recursive: true, force: true })
})

const query: OracleQuery = {
  name: 'purchases',
  where: { type: 'purchase' },
  outOfOrdernessMs: 2_000,
  keyBy: ['data.page'],
  window: { type: 'tumbling', size: 1_000, offset: 0 },
  allowedLatenessMs: 0,
}
const queryJson = {
  name: query.name,
  where: query.where,
  time: { field: 'data.ts', unit: 'ms', outOfOrderness: '2s' },
  keyBy: query.keyBy,
  window: { type: 'tumbling', size: '1s' },
  aggregates: Object.fromEntries(
    Object.entries(aggregates).map(([name, spec]) => [name, 'field' in spec ? { ...spec, field: 'data.v' } : spec]),
  ),
}

interface Answer {
  readonly results: readonly { readonly index: number; readonly status: 'accepted' | 'rejected' }[]
}

test('posted events come out in S3 as the panes of the oracle', async () => {
  const begin = Date.now() - 60_000
  const posted = Array.from({ length: 600 }, (_, n) => ({
    // Every tenth lacks its type and is refused at the edge; every fifteenth has no usable time and is refused by the service.
    ...(n % 10 === 9 ? {} : { type: n % 3 === 0 ? 'click' : 'purchase' }),
    eventId: `e${n}`,
    page: `/p/${n % 5}`,
    ts: n % 15 === 7 ? 'soon' : begin + 20 * n - ((n * 7_919) % 1_500),
    v: n % 4 === 0 ? null : n % 100,
  }))
  const service = await ServiceProcess.start({
    endpoint: stack.endpoint,
    stream: stack.streamName,
    folder,
    queries: [queryJson],
    env: {
      MILLRACE_PANES_FIREHOSE: stack.panesFirehose,
      MILLRACE_REFUSED_FIREHOSE: stack.refusedFirehose,
      MILLRACE_CLOSE_AFTER: '3s',
    },
  })
  const accepted: (typeof posted)[number][] = []
  for (let at = 0; at < posted.length; at += 100) {
    const batch = posted.slice(at, at + 100)
    const response = await fetch(stack.eventsUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(batch),
    })
    const answer = (await response.json()) as Answer
    for (const { index, status } of answer.results) if (status === 'accepted') accepted.push(batch[index]!)
  }
  expect(accepted).toHaveLength(540)

  const expected = oracle(
    query,
    accepted.map(({ type, page, ts, v }) => ({ shard: 's', data: { type, 'data.page': page, ts, v } })),
  )
  const isPurchase = ({ query: name }: Line) => name === query.name
  const panes = (await atLeast(expected.panes.size, 'panes')).filter(isPurchase)
  expect(new Map(panes.map(({ id, values }) => [id, rounded(values)]))).toEqual(
    new Map([...expected.panes].map(([id, values]) => [id, rounded(values)])),
  )
  const refused = await atLeast(expected.ledger.rejected, 'refused')
  expect(refused.map(({ reason }) => reason)).toEqual(refused.map(() => 'invalid-time'))

  expect(await service.kill('SIGTERM')).toBe(0)
  const ledger = service.ledger?.queries[query.name]?.total
  expect(ledger).toMatchObject({ ...expected.ledger, read: accepted.length, pending: 0 })
})

function rounded(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([name, v]) => [name, typeof v === 'number' ? Number(v.toPrecision(10)) : v]),
  )
}

interface Line {
  readonly id: string
  readonly query: string
  readonly values: Record<string, unknown>
  readonly reason?: string
}

/** The lines of all objects under a prefix, once there are at least so many. */
async function atLeast(least: number, prefix: string): Promise<Line[]> {
  for (;;) {
    const text = await linesInS3(stack.bucketName, prefix, stack.endpoint)
    const lines = text.split('\n').filter((line) => line !== '')
    if (lines.length >= least) return lines.map((line) => JSON.parse(line) as Line)
    // S3 tells nobody here; the test's own time limit ends the waiting.
    await sleep(500)
  }
}
