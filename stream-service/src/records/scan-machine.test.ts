// What the scanner and its memory have to keep to, beside agreeing with the reference.
import { expect, test } from 'vitest'
import { FieldScanner } from './field-scanner.ts'
import { FieldPlan } from './fields.ts'
import { hashText } from './text-hash.ts'

function scannerOf(...wanted: string[]): FieldScanner {
  const plan = new FieldPlan()
  for (const path of wanted) plan.slotOf(path)
  return new FieldScanner(plan)
}

/** Where the line feed of the line at `start` is, -1 when that has to be found first. */
function decodeLine(scanner: FieldScanner, block: Buffer, start: number, stop: number): number {
  if (scanner.decodeLines(block, start, stop, 1) === 0) return -1
  scanner.fields.moveTo(0)
  return scanner.lineFeedAt(0)
}

test('texts have the hash that other tables compute', () => {
  const scanner = scannerOf('a')
  for (let length = 0; length < 70; length++) {
    for (const text of ['x'.repeat(length), 'é'.repeat(length), 'user-79057/日本/'.repeat(6).slice(0, length)]) {
      scanner.decodeAlone(Buffer.from(`{"a":"${text}"}`))
      const bytes = Buffer.from(`${text}    `)
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      expect(scanner.fields.hashes[0], text).toBe(hashText(view, 0, Buffer.byteLength(text)))
      expect(scanner.fields.lengths[0]).toBe(Buffer.byteLength(text))
    }
  }
})

test('a record larger than the memory makes it grow, and what was learned and read stays', () => {
  const scanner = scannerOf('a', 'b', 'c')
  const block = Buffer.from('{"a":"x","b":1,"c":true}\n{"a":"y","b":2,"c":null}\n{"a":"z","b":3,"c":[4]}\n           ')
  expect(decodeLine(scanner, block, 0, block.length)).toBe(24)
  const before = scanner.fields.bytes.length
  const long = 'ä'.repeat(before)
  expect(scanner.decodeAlone(Buffer.from(`{"a":"${long}","b":7}`))).toBeUndefined()
  expect(scanner.fields.bytes.length).toBeGreaterThan(before)
  expect(scanner.fields.value(0) === long).toBe(true)
  expect([scanner.fields.value(1), scanner.fields.value(2)]).toEqual([7, undefined])
  expect(decodeLine(scanner, block, 25, block.length)).toBe(49)
  expect([0, 1, 2].map((slot) => scanner.fields.value(slot))).toEqual(['y', 2, null])
  expect(decodeLine(scanner, block, 50, block.length)).toBe(73)
  expect([0, 1, 2].map((slot) => scanner.fields.value(slot))).toEqual(['z', 3, [4]])
})

test('lines are read whole wherever the pieces end in which a block is copied', () => {
  const scanner = scannerOf('n', 'text')
  const lines = Array.from({ length: 3_000 }, (_, n) => `{"n":${n},"text":"${'x'.repeat((n * 37) % 101)}"}`)
  const block = Buffer.from(`${lines.join('\n')}\n          `)
  let start = 0
  for (const [n, line] of lines.entries()) {
    expect(decodeLine(scanner, block, start, block.length)).toBe(start + line.length)
    expect(scanner.fields.value(0)).toBe(n)
    start += line.length + 1
  }
  // Also one by one, backwards, and from another block in between.
  const other = Buffer.from('{"n":-1}\n          ')
  for (const [n, line] of [...lines.entries()].reverse().slice(0, 500)) {
    start -= line.length + 1
    if (n % 7 === 0) expect(decodeLine(scanner, other, 0, other.length)).toBe(8)
    expect(decodeLine(scanner, block, start, block.length)).toBe(start + line.length)
    expect(scanner.fields.value(0)).toBe(n)
  }
})

test('a line longer than such a piece has to be found first', () => {
  const scanner = scannerOf('n')
  const long = `{"text":"${'x'.repeat(100_000)}","n":1}`
  const block = Buffer.from(`{"n":0}\n${long}\n{"n":2}\n          `)
  expect(decodeLine(scanner, block, 8, block.length)).toBe(-1)
  expect(scanner.decode(block, 8, 8 + long.length, true)).toBeUndefined()
  expect(scanner.fields.value(0)).toBe(1)
  expect(decodeLine(scanner, block, 9 + long.length, block.length)).toBe(16 + long.length)
  expect(scanner.fields.value(0)).toBe(2)
})
