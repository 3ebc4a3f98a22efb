import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFolderStore } from './folder-store.ts'
import { SnapshotConflictError, type SnapshotInvalidError } from './snapshot-store.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-store-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

const open = (invalid: SnapshotInvalidError[] = []) =>
  openFolderStore({ folder, onInvalid: (error) => invalid.push(error) })
const files = async () => (await readdir(folder)).sort()

describe('snapshots in a folder', () => {
  test('the newest comes back, and one before it is kept', async () => {
    const store = await open()
    expect(await store.load()).toBeUndefined()
    let version = 0
    for (const n of [1, 2, 3]) version = await store.save({ n, text: 'ä' }, version)
    expect(await (await open()).load()).toEqual({ version: 3, state: { n: 3, text: 'ä' } })
    expect(await files()).toEqual(['000000002.snapshot', '000000003.snapshot'])
  })

  test('a save that does not go on from the newest version is refused and changes nothing', async () => {
    const [mine, theirs] = [await open(), await open()]
    await mine.save('mine 1', 0)
    await theirs.save('theirs 2', 1)
    await expect(mine.save('mine 2', 1)).rejects.toThrow(SnapshotConflictError)
    expect(await mine.load()).toEqual({ version: 2, state: 'theirs 2' })
  })

  test.each([
    ['cut', (bytes: Buffer) => bytes.subarray(0, -1), /it is cut/],
    [
      'altered',
      (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([bytes.at(-1)! ^ 1])]),
      /checksum/,
    ],
    ['empty', () => Buffer.alloc(0), /no snapshot/],
    [
      'of a format to come',
      (bytes: Buffer) => Buffer.from(bytes.toString('latin1').replace('Snapshot":2', 'Snapshot":9'), 'latin1'),
      /format 9 is not known/,
    ],
  ])(
    'one that is %s is reported, the one before it is used, and work goes on from there',
    async (_, damage, reason) => {
      const store = await open()
      await store.save('good', 0)
      await store.save('bad', 1)
      const path = join(folder, '000000002.snapshot')
      await writeFile(path, damage(await readFile(path)))
      const invalid: SnapshotInvalidError[] = []
      const later = await open(invalid)
      expect(await later.load()).toEqual({ version: 1, state: 'good' })
      expect(invalid.map(({ message }) => message)).toEqual([expect.stringMatching(reason)])
      expect(await later.save('better', 1)).toBe(3)
      expect(await later.load()).toEqual({ version: 3, state: 'better' })
    },
  )

  test('what a crash left half-written is no snapshot and is cleared away', async () => {
    await (await open()).save('good', 0)
    await writeFile(join(folder, '000000002.snapshot.77.writing'), 'half')
    expect((await (await open()).load())?.state).toBe('good')
    expect(await files()).toEqual(['000000001.snapshot'])
  })
})
