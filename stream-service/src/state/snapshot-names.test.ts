import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fileNameOf, nameOfFile } from './snapshot-names.ts'

test('names become file names that mean nothing to a file system, and come back', () => {
  expect(fileNameOf('lane/shardId-000000000001')).toBe('lane.shardId-000000000001')
  expect(fileNameOf('/../a b_.é')).toBe('_2F_2E_2E.a_20b_5F_2E_C3_A9')
  const names = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 10 })
  fc.assert(
    fc.property(names, (name) => {
      const file = fileNameOf(name)
      expect(file).toMatch(/^[A-Za-z0-9_-][A-Za-z0-9._-]*$/)
      expect(nameOfFile(file)).toBe(name)
    }),
  )
})

test('what is no file name of ours is no name, and a name that is too long is refused', () => {
  for (const file of ['', '.', '..', '.a', 'a b', '_2f', '_41', '_', 'é', 'a'.repeat(241)]) {
    expect(nameOfFile(file)).toBeUndefined()
  }
  expect(() => fileNameOf('')).toThrow(/cannot be a snapshot's name/)
  expect(() => fileNameOf('/'.repeat(300))).toThrow(/1 to 240/)
})
