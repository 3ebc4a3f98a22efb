import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { readConfig } from '../config.ts'
import { openStore } from './open-store.ts'

const logger = { info() {}, warn() {}, error() {} }
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-open-store-'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true })
})

const configured = (more: NodeJS.ProcessEnv = {}) =>
  readConfig({ MILLRACE_STREAM: 's', MILLRACE_STATE_DIR: folder, MILLRACE_OUTPUT_DIR: folder, ...more })

test('snapshots go to the state folder unless a bucket is named', async () => {
  const store = await openStore(configured(), logger)
  await store.save('service', { state: 1 }, 0)
  expect(await readdir(join(folder, 'snapshots'))).toEqual(['service'])
})

test('with a bucket they go there, below the prefix', async () => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url?.split('?')[0]}`)
    response.statusCode = request.method === 'GET' ? 404 : 200
    response.setHeader('etag', '"tag"')
    response.end(request.method === 'GET' ? '<Error><Code>NoSuchKey</Code></Error>' : '')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  vi.stubEnv('AWS_ENDPOINT_URL_S3', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const more = { MILLRACE_SNAPSHOT_BUCKET: 'bucket', MILLRACE_SNAPSHOT_PREFIX: 'millrace/dev' }
  const store = await openStore(configured(more), logger)
  await store.save('lane/s-1', { state: 1 }, 0)
  expect(asked.at(-1)).toBe('PUT /bucket/millrace/dev/lane.s-1/1.snapshot')
  expect(await readdir(folder)).toEqual([])
  server.close()
  server.closeAllConnections()
})
