import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { openFileSink } from './file.ts'
import { aLine, sinkContract, untilDone } from './sink-contract.ts'

const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

async function aFile(content?: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-file-sink-'))
  folders.push(folder)
  const path = join(folder, 'panes.ndjson')
  if (content !== undefined) await writeFile(path, content)
  return path
}

sinkContract('a file', async () => {
  const path = await aFile()
  return {
    open: () => openFileSink({ path }),
    openBroken: async () => {
      await writeFile(path, '')
      return openFileSink({ path: join(path, 'below-a-file.ndjson') })
    },
    delivered: () => readFile(path, 'utf8'),
    dispose: async () => {},
  }
})

describe('a file with an earlier life', () => {
  test.each([
    ['a whole last line is kept', '{"n":1}\n', '{"n":1}\nnew\n', 0],
    ['a torn last line is cut off', '{"n":1}\n{"n":', '{"n":1}\nnew\n', 5],
    ['a torn only line is cut off', '{"n":', 'new\n', 5],
    ['a torn line longer than any buffer is cut off', `a\n${'x'.repeat(200_000)}`, 'a\nnew\n', 200_000],
  ])('%s', async (_, before, after, tornBytes) => {
    const path = await aFile(before)
    let cut = 0
    const sink = await openFileSink({ path, onTornLine: (bytes) => (cut = bytes) })
    await sink.publish([aLine('new')], untilDone())
    await sink.close()
    expect(await readFile(path, 'utf8')).toBe(after)
    expect(cut).toBe(tornBytes)
  })

  test('folders that are missing are made', async () => {
    const path = join(await aFile(), '..', 'a', 'b', 'panes.ndjson')
    await (await openFileSink({ path, fsync: 'publish' })).close()
    expect((await stat(path)).size).toBe(0)
  })
})

test.runIf(process.getuid?.() !== 0)('a folder that may not be written is named', async () => {
  const path = await aFile()
  await chmod(join(path, '..'), 0o500)
  await expect(openFileSink({ path })).rejects.toThrow(
    `Could not open ${path} for writing: permission is denied (EACCES)`,
  )
})

test('a folder in place of the file is named', async () => {
  const path = join(await aFile(), '..')
  await expect(openFileSink({ path })).rejects.toThrow(`Could not open ${path} for writing: it is a folder (EISDIR)`)
})

test.runIf(existsSync('/dev/full'))('a full disk rejects and accepts nothing', async () => {
  const sink = await openFileSink({ path: '/dev/full' })
  const writing = sink.publish([aLine('a'), aLine('b')], untilDone())
  await expect(writing).rejects.toMatchObject({ code: 'write-failed' })
  await expect(writing).rejects.toThrow('Could not write 2 lines to /dev/full: the disk is full (ENOSPC)')
  await sink.close()
})
