// Snapshots in S3, as LocalStack has it: the promises of every store, and that no version is lost or doubled whatever becomes
// of requests and answers on their way.
import { randomUUID } from 'node:crypto'
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { s3Client } from '@millrace/shared/aws-clients'
import { AwsError } from '@millrace/shared/errors'
import type { Timing } from '@millrace/shared/retry'
import { LocalstackContainer, type StartedLocalStackContainer } from '@testcontainers/localstack'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { S3Store, type S3StoreOptions } from '../../stream-service/src/state/s3-store.ts'
import { fileNameOf } from '../../stream-service/src/state/snapshot-names.ts'
import { SnapshotConflictError } from '../../stream-service/src/state/snapshot-store.ts'
import { storeContract } from '../../stream-service/src/state/store-contract.ts'
import { type Fault, FaultProxy } from '../faults/fault-proxy.ts'
import { clientConfig } from './local-stack.ts'

const bucket = 'millrace-snapshots'
/** Waits for nothing between attempts. */
const atOnce: Timing = { now: () => performance.now(), sleep: async () => {}, random: () => 0 }

let container: StartedLocalStackContainer
let direct: S3Client

beforeAll(async () => {
  container = await new LocalstackContainer('localstack/localstack:4.14.0').withEnvironment({ SERVICES: 's3' }).start()
  direct = s3Client(clientConfig(container.getConnectionUri()))
  await direct.send(new CreateBucketCommand({ Bucket: bucket }))
})
afterAll(async () => {
  direct?.destroy()
  await container?.stop({ timeout: 15_000 })
})

storeContract('S3', async () => {
  const prefix = randomUUID()
  const keyOf = (name: string, version: number) => `${prefix}/${fileNameOf(name)}/${version % 2}.snapshot`
  return {
    open: async (options) => new S3Store({ ...options, client: direct, bucket, prefix: `/${prefix}/` }),
    damage: async (name, version, change) => {
      const Key = keyOf(name, version)
      const { Body } = await direct.send(new GetObjectCommand({ Bucket: bucket, Key }))
      const changed = change(Buffer.from(await Body!.transformToByteArray()))
      await direct.send(new PutObjectCommand({ Bucket: bucket, Key, Body: changed }))
    },
    dispose: async () => {},
  }
})

describe('through a network that fails', () => {
  let proxy: FaultProxy
  const clients: S3Client[] = []
  let prefix: string

  beforeEach(async () => {
    proxy = await FaultProxy.start(container.getConnectionUri())
    prefix = randomUUID()
  })
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy()
    await proxy.stop()
  })

  function open(options: Partial<S3StoreOptions> = {}, requestTimeoutMs = 10_000): S3Store {
    const client = s3Client({ endpoint: proxy.endpoint, env: {}, requestTimeoutMs })
    clients.push(client)
    return new S3Store({ client, bucket, prefix, timing: atOnce, endpoint: proxy.endpoint, ...options })
  }
  const requests = () => proxy.seen.splice(0).map(({ method }) => method)

  test('a save is one request, a load of a small state two, a note two', async () => {
    const store = open()
    await store.save('service', { state: 1 }, 0)
    expect(requests()).toEqual(['GET', 'GET', 'PUT'])
    await store.save('service', { state: 2, note: 'n' }, 1)
    expect(requests()).toEqual(['PUT'])
    const later = open()
    expect(await later.note('service')).toEqual({ version: 2, note: 'n' })
    expect((await later.load('service'))?.state).toBe(2)
    expect(requests()).toEqual(['GET', 'GET', 'GET', 'GET'])
    await later.save('service', { state: 3 }, 2)
    expect(requests()).toEqual(['PUT'])
  })

  test('a state that does not come with its header is read on from there, and whole', async () => {
    const random = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 2_654_435_761) >>> 13)
    await open().save('service', { state: { random } }, 0)
    proxy.inject({ fault: { kind: 'cut-answer' }, method: 'GET', every: 2 })
    expect((await open().load('service'))?.state).toEqual({ random })
  })

  test.each<[string, Fault, number]>([
    ['throttling', { kind: 'error', status: 503, code: 'SlowDown' }, 3],
    ['failures of the service', { kind: 'error', status: 500, code: 'InternalError' }, 3],
    ['writes that cross', { kind: 'error', status: 409, code: 'ConditionalRequestConflict' }, 3],
    ['reset connections', { kind: 'reset' }, 3],
    ['an answer that is lost', { kind: 'lose-answer' }, 1],
    ['every answer lost but the last', { kind: 'lose-answer' }, 3],
  ])('a save survives %s', async (_, fault, times) => {
    const store = open()
    await store.save('service', { state: 'one' }, 0)
    proxy.inject({ fault, method: 'PUT', times })
    expect(await store.save('service', { state: 'two' }, 1)).toBe(2)
    expect(await store.save('service', { state: 'three' }, 2)).toBe(3)
    expect((await open().load('service'))?.state).toBe('three')
  })

  test('a save that timed out and is carried out later does no harm, and is not taken for somebody else', async () => {
    const store = open({ timeoutMs: 0 }, 200)
    await store.save('service', { state: 'one' }, 0)
    const { promise: later, resolve: letGo } = Promise.withResolvers<void>()
    proxy.inject({ fault: { kind: 'hold', until: () => later }, method: 'PUT', times: 1 })
    await expect(store.save('service', { state: 'held' }, 1)).rejects.toMatchObject({ code: 'unreachable' })
    letGo()
    await proxy.settled()
    // The held one has become version 2; what goes on from 1 is not lost, and is newer.
    expect(await store.save('service', { state: 'two' }, 1)).toBe(3)
    expect((await open().load('service'))?.state).toBe('two')
    await expect(open().save('service', { state: 'of a zombie' }, 2)).rejects.toThrow(SnapshotConflictError)
  })

  test('a save of a process that slept for long is refused, although its request was on its way before', async () => {
    const zombie = open({}, 60_000)
    await zombie.save('service', { state: 'one' }, 0)
    const { promise: later, resolve: letGo } = Promise.withResolvers<void>()
    const takeAway = proxy.inject({ fault: { kind: 'hold', until: () => later }, method: 'PUT' })
    const late = zombie.save('service', { state: 'late' }, 1)
    late.catch(() => {})
    await expect.poll(() => proxy.seen.filter(({ fault }) => fault === 'hold')).toHaveLength(1)
    takeAway()
    const owner = open()
    for (let version = 1; version < 5; version++) await owner.save('service', { state: `owner ${version}` }, version)
    letGo()
    await expect(late).rejects.toThrow(SnapshotConflictError)
    expect(await owner.load('service')).toMatchObject({ version: 5, state: 'owner 4' })
  })

  test('of two who write against each other through all faults, every save that was acknowledged is there once', async () => {
    const faults: Fault[] = [
      { kind: 'error', status: 503, code: 'SlowDown' },
      { kind: 'reset' },
      { kind: 'lose-answer' },
      { kind: 'cut-answer' },
      { kind: 'error', status: 500, code: 'InternalError' },
    ]
    for (const [i, fault] of faults.entries()) proxy.inject({ fault, every: 5 + 2 * i })
    const acknowledged: string[] = []
    const work = async (who: string, timeoutMs: number) => {
      const store = open({ timeoutMs })
      for (let n = 0; n < 40; n++) {
        try {
          const { version = 0, state = [] } = (await store.load('log')) ?? {}
          await store.save('log', { state: [...(state as string[]), `${who}${n}`] }, version)
          acknowledged.push(`${who}${n}`)
        } catch (error) {
          if (!(error instanceof SnapshotConflictError) && !(error instanceof AwsError)) throw error
        }
      }
    }
    // One that repeats what failed, and one that gives up at once and does not know what became of it.
    await Promise.all([work('a', 30_000), work('b', 0)])
    proxy.clear()
    const { version, state } = (await open().load('log'))!
    const log = state as string[]
    expect(acknowledged.length).toBeGreaterThan(20)
    expect(log).toEqual(expect.arrayContaining(acknowledged))
    expect(log).toHaveLength(version)
    expect(new Set(log).size).toBe(version)
  })

  test('errors say what was wanted of which object, and what to do', async () => {
    const lost = open({ bucket: 'no-such-bucket' })
    await expect(lost.load('lane/s-1')).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(
        /read the snapshot s3:\/\/no-such-bucket\/.*\/lane\.s-1\/[01]\.snapshot.*Check the name/,
      ),
    })
    proxy.inject({ fault: { kind: 'error', status: 403, code: 'AccessDenied' }, method: 'PUT' })
    await expect(open().save('lane/s-1', { state: 1 }, 0)).rejects.toMatchObject({
      code: 'access-denied',
      message: expect.stringMatching(/write the snapshot s3:\/\/millrace-snapshots\/.*Grant the action/),
    })
  })
})
