// `millrace dev` as a newcomer runs it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isBalanced } from '../../stream-service/src/cli/ledger-table.ts'
import { finalPanesOf } from './service-process.ts'

const bin = fileURLToPath(new URL('../../stream-service/bin/millrace.js', import.meta.url))
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-dev-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

function dev(...args: string[]) {
  const child = spawn(process.execPath, [bin, 'dev', '--folder', folder, ...args])
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (text) => {
    output.stdout += text
  })
  child.stderr.on('data', (text) => {
    output.stderr += text
  })
  const ended = once(child, 'close').then(([code]) => ({ code: code as number, ...output }))
  return { child, ended }
}

const anyPorts = ['--port', '0', '--kinesis-port', '0']

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('it ends by itself with a balanced ledger and the panes of all records, and leaves nothing running', async () => {
  const { ended } = dev(...anyPorts, '--duration', '3s', '--rate', '300', '--json')
  const { code, stdout, stderr } = await ended
  expect([code, stderr]).toEqual([0, ''])
  const { put, panes, ledger } = JSON.parse(stdout)
  expect(put).toBeGreaterThan(300)
  expect(isBalanced(ledger)).toBe(true)
  for (const { total } of Object.values(ledger.queries) as { total: { read: number } }[]) expect(total.read).toBe(put)
  const finals = await finalPanesOf(join(folder, 'panes.ndjson'))
  expect(finals.length).toBeLessThanOrEqual(panes)
  const events = finals.filter(({ query }) => query === 'user-sessions').map(({ values }) => values.events as number)
  const late = (await readFile(join(folder, 'refused.ndjson'), 'utf8'))
    .split('\n')
    .filter((line) => line.includes('"user-sessions"'))
  expect(events.reduce((a, b) => a + b, 0) + late.length).toBe(put)
})

test('Ctrl-C ends it in the same orderly way', async () => {
  const { child, ended } = dev(...anyPorts)
  const service = await new Promise<number>((resolve) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      const pid = /process (\d+)/.exec(line)?.[1]
      if (pid !== undefined) resolve(Number(pid))
    })
  })
  child.kill('SIGINT')
  const { code, stderr } = await ended
  expect(code).toBe(0)
  expect(stderr).toMatch(/user-sessions .* balanced/)
  expect(isAlive(service)).toBe(false)
})

test('a port that is taken is named, with exit 1', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as { port: number }
  try {
    const http = await dev('--kinesis-port', '0', '--port', String(port), '--duration', '1s').ended
    expect([http.code, http.stderr]).toEqual([
      1,
      expect.stringContaining(`127.0.0.1:${port}: something else listens there`),
    ])
    const kinesis = await dev('--port', '0', '--kinesis-port', String(port), '--duration', '1s').ended
    expect([kinesis.code, kinesis.stderr]).toEqual([
      1,
      expect.stringContaining(`127.0.0.1:${port}: the port is in use`),
    ])
  } finally {
    other.close()
  }
})

test('a bad query or option is bad usage and starts nothing', async () => {
  const query = await dev('--query', join(folder, 'none.json')).ended
  expect([query.code, query.stderr]).toEqual([2, expect.stringContaining('none.json is no valid query')])
  const option = await dev('--duration', 'soon').ended
  expect([option.code, option.stderr]).toEqual([2, expect.stringContaining("argument 'soon' is invalid")])
})
