import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { bundle } from './bundle.ts'

const run = promisify(execFile)
let dir: string

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'bundle-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

test('a bundled module runs alone, CommonJS requires and error names included', async () => {
  await writeFile(path.join(dir, 'legacy.cjs'), "module.exports = require('node:os').EOL.length")
  await writeFile(
    path.join(dir, 'entry.ts'),
    `import length from './legacy.cjs'
     class SomethingHappenedError extends Error {
       constructor(message: string) { super(message); this.name = new.target.name }
     }
     console.log(length, new SomethingHappenedError('x').name)`,
  )
  const [file] = await bundle({ 'deep/index': path.join(dir, 'entry.ts') }, path.join(dir, 'out'))
  await rm(path.join(dir, 'legacy.cjs'))

  expect(file?.path).toBe(path.join(dir, 'out/deep/index.mjs'))
  expect(await readdir(path.join(dir, 'out/deep'))).toContain('index.mjs.map')
  expect((await run(process.execPath, [file!.path])).stdout.trim()).toBe('1 SomethingHappenedError')
})

test('files of an older build are not shipped', async () => {
  await writeFile(path.join(dir, 'entry.ts'), 'console.log(1)')
  await bundle({ old: path.join(dir, 'entry.ts') }, path.join(dir, 'out'))
  await bundle({ new: path.join(dir, 'entry.ts') }, path.join(dir, 'out'))
  expect((await readdir(path.join(dir, 'out'))).sort()).toEqual(['new.mjs', 'new.mjs.map'])
})

test('sources that do not exist are all named, and nothing is written', async () => {
  await expect(bundle({ a: 'nowhere/a.ts', b: 'nowhere/b.ts' }, path.join(dir, 'out'))).rejects.toThrow(
    'nothing to bundle at: nowhere/a.ts, nowhere/b.ts',
  )
  await expect(readdir(path.join(dir, 'out'))).rejects.toThrow('ENOENT')
})
