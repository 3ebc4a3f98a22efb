// `produce` and `tail` as processes, against the embedded Kinesis.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CreateStreamCommand } from '@aws-sdk/client-kinesis'
import { kinesisClient } from '@millrace/shared/aws-clients'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type EmbeddedKinesis, startEmbeddedKinesis } from '../embedded-kinesis/server.ts'

const millrace = fileURLToPath(new URL('./millrace.ts', import.meta.url))

let kinesis: EmbeddedKinesis
let folder: string
const children: ChildProcess[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-cli-'))
  kinesis = await startEmbeddedKinesis()
  const client = kinesisClient({ endpoint: kinesis.endpoint, env: {} })
  await client.send(new CreateStreamCommand({ StreamName: 'orders', ShardCount: 2 }))
  client.destroy()
})
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await kinesis.close()
  await rm(folder, { recursive: true })
})

function run(...args: string[]) {
  const child = spawn(process.execPath, [millrace, ...args, '--endpoint', kinesis.endpoint], { env: { PATH: '' } })
  children.push(child)
  const result = { child, stdout: '', stderr: '', ended: once(child, 'close').then(([code]) => code as number | null) }
  child.stdout.on('data', (text) => (result.stdout += text))
  child.stderr.on('data', (text) => (result.stderr += text))
  return result
}

test('the lines of a file go in by key and come out again', async () => {
  const file = join(folder, 'in.ndjson')
  await writeFile(file, '{"k":"a","n":1}\n{"k":"b","n":2}\nnot json\n{"k":"a","n":3}\n')
  const produce = run('produce', '--stream', 'orders', '--file', file, '--key', 'k', '--json')
  expect(await produce.ended).toBe(1)
  expect(produce.stderr).toContain(`${file}:3: not JSON`)
  expect(JSON.parse(produce.stdout)).toMatchObject({ stream: 'orders', put: 3, failed: 0, refused: 1, retries: 0 })

  const tail = run('tail', '--stream', 'orders', '--from', 'trim-horizon', '--limit', '3', '--json')
  expect(await tail.ended).toBe(0)
  const records = tail.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(records).toHaveLength(3)
  expect(records.filter(({ partitionKey }) => partitionKey === 'a').map(({ data }) => JSON.parse(data).n)).toEqual([
    1, 3,
  ])
  expect(Object.keys(records[0])).toEqual(['shard', 'position', 'partitionKey', 'arrivedAt', 'data'])
})

test('Ctrl-C ends both with exit 0, and what was counted was put', async () => {
  const tail = run('tail', '--stream', 'orders', '--from', 'trim-horizon')
  const produce = run('produce', '--stream', 'orders', '--rate', '200', '--seed', '1', '--json')
  await expect.poll(() => tail.stdout.split('\n').length, { timeout: 20_000 }).toBeGreaterThan(20)
  produce.child.kill('SIGINT')
  expect(await produce.ended).toBe(0)
  const { put } = JSON.parse(produce.stdout)
  await expect.poll(() => tail.stdout.split('\n').length - 1, { timeout: 20_000 }).toBe(put)
  tail.child.kill('SIGINT')
  expect(await tail.ended).toBe(0)
})

test('binary records are shown as base64', async () => {
  const file = join(folder, 'binary')
  await writeFile(file, Buffer.from([0xff, 0xfe, 0x0a]))
  expect(await run('produce', '--stream', 'orders', '--file', file, '--raw').ended).toBe(0)
  const tail = run('tail', '--stream', 'orders', '--from', 'trim-horizon', '--limit', '1', '--json')
  await tail.ended
  expect(JSON.parse(tail.stdout)).toMatchObject({ dataBase64: '//4=' })
})

test.each([
  ['produce', ['--stream', 'nowhere', '--count', '1'], 1, 'Could not put records into the stream "nowhere" at http://'],
  ['tail', ['--stream', 'nowhere'], 1, 'Could not read the stream "nowhere" at http://'],
  ['produce', ['--stream', 'orders', '--file', 'missing.ndjson'], 2, 'missing.ndjson: there is no such file'],
  ['produce', ['--stream', 'orders', '--rate', 'x'], 2, 'A rate is a number of records a second'],
  ['tail', [], 2, "required option '-s, --stream <name>'"],
])('%s %j fails with advice', async (command, args, code, advice) => {
  const failing = run(command, ...args)
  expect(await failing.ended).toBe(code)
  expect(failing.stderr).toContain(advice)
  expect(failing.stdout).toBe('')
})
