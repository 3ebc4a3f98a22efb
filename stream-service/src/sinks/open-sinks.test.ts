import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readConfig } from '../config.ts'
import { openSinks } from './open-sinks.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-sinks-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function opened(env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const config = readConfig({
    MILLRACE_STREAM: 'events',
    MILLRACE_STATE_DIR: folder,
    MILLRACE_PANES_FIREHOSE: 'panes',
    MILLRACE_REFUSED_FIREHOSE: 'refused',
    ...env,
  })
  const { sinks, deadLetters } = await openSinks(config, { info() {}, warn() {}, error() {} })
  for (const sink of [sinks.panes, sinks.refused, deadLetters]) await sink.close()
  return (await readdir(folder)).sort()
}

test('tasks that share a folder have a file of dead letters each, since one process writes a file', async () => {
  await opened({ MILLRACE_SOURCE: 'kcl', MILLRACE_KCL_WORKER_ID: 'a/1' })
  expect(await opened({ MILLRACE_SOURCE: 'kcl', MILLRACE_KCL_WORKER_ID: 'b' })).toEqual([
    'dead-letters-a%2F1.ndjson',
    'dead-letters-b.ndjson',
  ])
})

test('a process that is alone has one under a name that stays', async () => {
  expect(await opened({ MILLRACE_KCL_WORKER_ID: 'a' })).toEqual(['dead-letters.ndjson'])
})
