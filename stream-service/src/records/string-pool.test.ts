import { expect, test } from 'vitest'
import { StringPool } from './string-pool.ts'
import { hashText } from './text-hash.ts'

/** Each text is read from its bytes, behind an opening quote. */
function read(pool: StringPool, text: string): string {
  const bytes = Buffer.from(`"${text}",        `)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const length = Buffer.byteLength(text)
  return pool.read(bytes, view, 1, length, hashText(view, 1, length))
}

/** In a table so full, many strings meet in one place. */
function expectEachAsItIs(texts: readonly string[]): void {
  const pool = new StringPool()
  for (const text of [...texts, ...texts.toReversed()])
    if (read(pool, text) !== text) expect(read(pool, text)).toBe(text)
}

test('tells strings apart that differ in their last bytes only', () => {
  expectEachAsItIs(Array.from({ length: 30_000 }, (_, i) => `user${i.toString(36)}`))
  expectEachAsItIs(Array.from({ length: 30_000 }, (_, i) => `user${i.toString(36).padStart(8, 'é')}`))
})

test('tells strings apart of which one begins like the other', () => {
  for (const unit of ['abcdefgh', '0123', '/a/b']) {
    const texts: string[] = []
    for (let i = 0; i < 2_000; i++) {
      const long = `${i.toString(36).padStart(4, '0')}${unit.repeat(16)}`
      // The longer one is there first, so that it stands in the way of the shorter one.
      for (let length = 64; length >= 0; length -= 4) texts.push(long.slice(0, length))
    }
    expectEachAsItIs(texts)
  }
})

test('keeps on reading right after it found that strings do not come again', () => {
  const pool = new StringPool()
  for (let i = 0; i < 200_000; i++) {
    const text = `user-${i}${i % 7 === 0 ? 'é' : ''}`
    if (read(pool, text) !== text) expect(read(pool, text)).toBe(text)
  }
  for (let i = 0; i < 3; i++) expect(read(pool, 'again')).toBe('again')
})
