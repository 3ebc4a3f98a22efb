import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFolderStore } from './folder-store.ts'
import { fileNameOf } from './snapshot-names.ts'
import { storeContract } from './store-contract.ts'

const newFolder = () => mkdtemp(join(tmpdir(), 'millrace-store-'))
const pathOf = (folder: string, name: string, version: number) =>
  join(folder, fileNameOf(name), `${String(version).padStart(9, '0')}.snapshot`)

storeContract('a folder', async () => {
  const folder = await newFolder()
  return {
    open: (options) => openFolderStore({ ...options, folder }),
    damage: async (name, version, change) => {
      const path = pathOf(folder, name, version)
      await writeFile(path, change(await readFile(path)))
    },
    dispose: () => rm(folder, { recursive: true }),
  }
})

let folder: string
beforeEach(async () => {
  folder = await newFolder()
})
afterEach(() => rm(folder, { recursive: true }))

test('a folder keeps two snapshots of a name, and nothing that a crash left half-written', async () => {
  const store = await openFolderStore({ folder })
  for (let version = 0; version < 3; version++) await store.save('lane/a', { state: version }, version)
  const [abandoned, young] = ['000000004.snapshot.x.writing', '000000004.snapshot.y.writing']
  for (const name of [abandoned, young]) await writeFile(join(folder, 'lane.a', name), 'half')
  await utimes(join(folder, 'lane.a', abandoned), 1, 1)
  await openFolderStore({ folder })
  expect((await readdir(join(folder, 'lane.a'))).sort()).toEqual(['000000002.snapshot', '000000003.snapshot', young])
})

test('a folder takes over the snapshots of format 2, which have no name, as those of the service', async () => {
  const saved = await readFile(new URL('./fixtures/format-2.snapshot', import.meta.url))
  await writeFile(join(folder, '000000001.snapshot'), saved)
  const store = await openFolderStore({ folder })
  expect(await store.load('service')).toMatchObject({ version: 1, state: { startedAt: 2 }, note: null })
  await store.save('service', { state: 'next' }, 1)
  expect(await readdir(join(folder, 'service'))).toHaveLength(2)
  expect((await (await openFolderStore({ folder })).load('service'))?.state).toBe('next')
})
