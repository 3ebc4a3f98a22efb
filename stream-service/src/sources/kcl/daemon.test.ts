import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemTiming } from '@millrace/shared/retry'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Daemon } from './daemon.ts'

let folder: string
let warnings: string[]
let failure: PromiseWithResolvers<Error>
const daemons: Daemon[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-daemon-'))
  warnings = []
  failure = Promise.withResolvers()
  mkdirSync(join(folder, 'jars'))
  writeFileSync(join(folder, 'jars/amazon-kinesis-client-multilang-0.jar'), '')
})

afterEach(async () => {
  for (const daemon of daemons.splice(0)) await daemon.kill()
  rmSync(folder, { recursive: true, force: true })
})

/** A program in place of Java that says it is there, and heeds no SIGTERM, as the daemon does not for a while. */
function fakeJava(): string {
  const path = join(folder, 'java')
  writeFileSync(path, "#!/bin/sh\ntrap '' TERM\necho 'WARN Scheduler is there'\nwhile :; do sleep 0.05; done\n", {
    mode: 0o755,
  })
  return path
}

function open(java = fakeJava()): Daemon {
  const daemon = new Daemon({
    jvm: { java, jarsFolder: join(folder, 'jars'), heapMb: 64 },
    folder: join(folder, 'files'),
    pidFile: join(folder, 'daemon.pid'),
    properties: 'streamName = orders\n',
    env: process.env,
    timing: systemTiming,
    logger: {
      info: () => {},
      warn: (fields, message) => void warnings.push(`${message}: ${JSON.stringify(fields)}`),
    },
    onFailure: failure.resolve,
  })
  daemons.push(daemon)
  return daemon
}

const pid = () => Number(readFileSync(join(folder, 'daemon.pid'), 'utf8'))
const isRunning = (id: number) => {
  try {
    return process.kill(id, 0)
  } catch {
    return false
  }
}
/** The program has begun to run: it has said so this often. */
const isThere = (times: number) =>
  expect.poll(() => warnings.filter((warning) => warning.includes('is there')).length, { timeout: 20_000 }).toBe(times)

test('what the daemon says goes to the log; when it is to be restarted, the next one is started at once', async () => {
  const daemon = open()
  await daemon.start()
  await isThere(1)
  expect(warnings[0]).toContain('"daemon":"WARN Scheduler is there"')
  const first = pid()
  daemon.restart()
  await isThere(2)
  expect(pid()).not.toBe(first)
  expect(isRunning(first)).toBe(false)
  expect(warnings[1]).toContain('"delayMs":0')
  const second = pid()
  await daemon.kill()
  expect(isRunning(second)).toBe(false)
})

test('a daemon that an earlier service has left is killed by the next start', async () => {
  const left = open()
  await left.start()
  await isThere(1)
  const first = pid()
  left.terminate()
  await open().start()
  await isThere(2)
  expect(isRunning(first)).toBe(false)
  expect(warnings.join('\n')).toContain(`was killed: {"pid":${first}}`)
})

test('an id that belongs to another process by now is left alone', async () => {
  writeFileSync(join(folder, 'daemon.pid'), `${process.pid}\n`)
  await open().start()
  await isThere(1)
  expect(pid()).not.toBe(process.pid)
})

test('without its jars or without Java it says what to do', async () => {
  await open('no-such-java').start()
  expect(await failure.promise).toMatchObject({
    code: 'no-java',
    message: expect.stringContaining('MILLRACE_KCL_JAVA'),
  })
  rmSync(join(folder, 'jars'), { recursive: true })
  await expect(open().start()).rejects.toMatchObject({
    code: 'no-kcl-jars',
    message: expect.stringContaining('npm run kcl:jars'),
  })
})
