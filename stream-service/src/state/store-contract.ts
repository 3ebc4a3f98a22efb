// What every snapshot store promises, as tests. Each maker of a store runs them against itself.
import { afterEach, describe, expect, test } from 'vitest'
import {
  SnapshotConflictError,
  type SnapshotInvalidError,
  type SnapshotStore,
  type SnapshotStoreOptions,
} from './snapshot-store.ts'

export interface StoreUnderTest {
  /** Another process over the same place. */
  open(options?: SnapshotStoreOptions): Promise<SnapshotStore>
  /** Changes what lies there as a version of a name. */
  damage(name: string, version: number, change: (bytes: Buffer) => Buffer): Promise<void>
  dispose(): Promise<void>
}

const texts = (errors: readonly SnapshotInvalidError[]) => errors.map(({ message }) => message)
const flipLast = (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([bytes.at(-1)! ^ 1])])
const replaceInHeader = (from: string, to: string) => (bytes: Buffer) => {
  const changed = Buffer.from(bytes.toString('latin1').replace(from, to), 'latin1')
  expect(changed.equals(bytes)).toBe(false)
  return changed
}

export function storeContract(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`${name}, as a snapshot store`, () => {
    const made: StoreUnderTest[] = []
    const underTest = async () => {
      const one = await make()
      made.push(one)
      return one
    }
    afterEach(async () => {
      for (const one of made.splice(0)) await one.dispose()
    })

    test('gives back the newest state of each name, arrays and all, and its note', async () => {
      const place = await underTest()
      const store = await place.open()
      expect(await store.load('lane/s-1')).toBeUndefined()
      expect(await store.note('lane/s-1')).toBeUndefined()
      expect(await store.names()).toEqual([])
      const state = { text: 'ä', cells: Float64Array.of(1.5, Number.NEGATIVE_INFINITY), keys: Uint8Array.of(1, 2, 3) }
      expect(await store.save('lane/s-1', { state: 'first' }, 0)).toBe(1)
      expect(await store.save('lane/s-1', { state: 'second' }, 1)).toBe(2)
      expect(await store.save('lane/s-1', { state, note: { position: '7' } }, 2)).toBe(3)
      expect(await store.save('lane/../s-1', { state: 'other' }, 0)).toBe(1)
      const later = await place.open()
      expect(await later.load('lane/s-1')).toEqual({ version: 3, state, note: { position: '7' } })
      expect(await later.note('lane/s-1')).toEqual({ version: 3, note: { position: '7' } })
      expect(await later.load('lane/../s-1')).toEqual({ version: 1, state: 'other', note: null })
      expect([...(await later.names())].sort()).toEqual(['lane/../s-1', 'lane/s-1'])
      expect(await later.save('lane/s-1', { state: 'fourth' }, 3)).toBe(4)
    })

    test('holds the state as it was when it was given', async () => {
      const store = await (await underTest()).open()
      const state = { n: 1, cells: Float64Array.of(1) }
      const saving = store.save('service', { state }, 0)
      state.n = 2
      state.cells[0] = 2
      await saving
      expect((await store.load('service'))?.state).toEqual({ n: 1, cells: Float64Array.of(1) })
    })

    test('refuses who does not go on from the newest version, however old theirs is, and changes nothing', async () => {
      const place = await underTest()
      const [mine, zombie] = [await place.open(), await place.open()]
      await mine.save('service', { state: 'mine 1' }, 0)
      for (let version = 1; version < 6; version++) {
        expect(await mine.save('service', { state: `mine ${version + 1}` }, version)).toBe(version + 1)
        for (const stale of [0, 1, version - 1]) {
          const save = zombie.save('service', { state: 'of a zombie' }, stale)
          await expect(save).rejects.toThrow(SnapshotConflictError)
        }
        expect((await zombie.load('service'))?.state).toBe(`mine ${version + 1}`)
      }
    })

    test('of many who save at once, exactly one does', async () => {
      const place = await underTest()
      const stores = await Promise.all([1, 2, 3, 4].map(() => place.open()))
      for (let version = 0; version < 4; version++) {
        const saves = stores.map((store, i) => store.save('service', { state: `${version} of ${i}` }, version))
        const outcomes = await Promise.allSettled(saves)
        const winners = outcomes.flatMap(({ status }, i) => (status === 'fulfilled' ? [i] : []))
        expect(winners).toHaveLength(1)
        expect(outcomes[winners[0]!]).toMatchObject({ value: version + 1 })
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(SnapshotConflictError)
        }
        expect((await stores[0]!.load('service'))?.state).toBe(`${version} of ${winners[0]}`)
      }
    })

    test.each([
      ['cut', (bytes: Buffer) => bytes.subarray(0, -1), /it is cut/],
      ['altered', flipLast, /its checksum/],
      ['altered in its note', replaceInHeader('"n":2', '"n":3'), /its header's checksum/],
      ['empty', () => Buffer.alloc(0), /no snapshot/],
      ['of a format to come', replaceInHeader('Snapshot":3', 'Snapshot":9'), /format 9 is not known/],
      ['no snapshot at all', () => Buffer.from('<html>'), /no snapshot/],
    ])(
      'one that is %s is reported, the one before it is used, and work goes on from there',
      async (_, change, reason) => {
        const place = await underTest()
        const first = await place.open()
        await first.save('service', { state: 'good', note: { n: 1 } }, 0)
        await first.save('service', { state: 'bad', note: { n: 2 } }, 1)
        await place.damage('service', 2, change)
        const invalid: SnapshotInvalidError[] = []
        const later = await place.open({ onInvalid: (error) => invalid.push(error) })
        expect(await later.load('service')).toEqual({ version: 1, state: 'good', note: { n: 1 } })
        expect(texts(invalid)).toEqual([expect.stringMatching(reason)])
        const version = await later.save('service', { state: 'better' }, 1)
        expect(version).toBeGreaterThan(1)
        const loaded = await (await place.open()).load('service')
        expect(loaded).toEqual({ version, state: 'better', note: null })
        // Who wrote the bad one, and does not know that it is, must not go on.
        await expect(first.save('service', { state: 'lost' }, 2)).rejects.toThrow(SnapshotConflictError)
        expect((await later.load('service'))?.state).toBe('better')
      },
    )

    test('one that was saved under another name is refused', async () => {
      const place = await underTest()
      const store = await place.open()
      await store.save('lane/a', { state: 'of a' }, 0)
      await store.save('lane/b', { state: 'of b' }, 0)
      let bytesOfA: Buffer = Buffer.alloc(0)
      await place.damage('lane/a', 1, (bytes) => {
        bytesOfA = bytes
        return bytes
      })
      await place.damage('lane/b', 1, () => bytesOfA)
      const invalid: SnapshotInvalidError[] = []
      const later = await place.open({ onInvalid: (error) => invalid.push(error) })
      expect(await later.load('lane/b')).toBeUndefined()
      expect(await later.note('lane/b')).toBeUndefined()
      expect(texts(invalid)).toHaveLength(2)
      expect(texts(invalid)[0]).toMatch(/it is a snapshot of 'lane\/a', not of 'lane\/b'/)
    })
  })
}
