import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LineCutter, maxLineBytes, withoutCarriageReturn } from './lines.ts'

function cut(blocks: readonly Buffer[]): string[] {
  const lines: string[] = []
  const cutter = new LineCutter({
    line: (bytes, start, end, _isKnownUtf8, number) => lines.push(`${number} ${bytes.toString('latin1', start, end)}`),
    tooLong: (head, length, number) => lines.push(`${number} too long: ${length} bytes, ${head.length} kept`),
  })
  for (const block of blocks) cutter.push(block)
  cutter.end()
  return lines
}

/** The bytes in blocks that end after each of the given places. */
function inBlocks(bytes: Buffer, places: readonly number[]): Buffer[] {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  return [...cuts, bytes.length].map((end, i) => bytes.subarray(i === 0 ? 0 : cuts[i - 1], end))
}

describe('cutting blocks into lines', () => {
  test('takes LF and CRLF, skips blank lines but counts them, and does not need a last line end', () => {
    expect(cut([Buffer.from('a\r\n\n  \t\nb\n\r\nc')])).toEqual(['1 a', '4 b', '6 c'])
    expect(cut([])).toEqual([])
    expect(cut([Buffer.from('\n')])).toEqual([])
  })

  test('gives the same lines whichever way the bytes are cut into blocks', () => {
    const bytes = fc
      .array(fc.constantFrom('a', 'é', '\n', '\r\n', '\r', ' '), { maxLength: 40 })
      .map((parts) => Buffer.from(parts.join('')))
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(60), { maxLength: 8 }), (whole, places) => {
        expect(cut(inBlocks(whole, places))).toEqual(cut([whole]))
      }),
    )
  })

  test('says which lines are known to be valid UTF-8 only when they are', () => {
    const known: boolean[] = []
    const cutter = new LineCutter({ line: (_b, _s, _e, isKnownUtf8) => known.push(isKnownUtf8), tooLong: () => {} })
    cutter.push(Buffer.from('good\n'))
    cutter.push(Buffer.concat([Buffer.from('good\n'), Buffer.from([0xff]), Buffer.from('\nrest')]))
    cutter.end()
    expect(known).toEqual([true, false, false, false])
  })

  test('leaves lines to a handler that ends them itself, with the same numbers, but only in valid UTF-8 and within the limit', () => {
    const lines = (blocks: readonly Buffer[], takes: boolean): string[] => {
      const seen: string[] = []
      const cutter = new LineCutter({
        line: (bytes, start, end, _, number) => seen.push(`${number} ${bytes.toString('latin1', start, end)}`),
        tooLong: (_head, length, number) => seen.push(`${number} too long: ${length}`),
        ...(takes && {
          takenUpTo: 0,
          takeLines(bytes: Buffer, start: number, stop: number, number: number) {
            let taken = 0
            for (let at = start; taken < 2; taken++) {
              const lineFeedAt = bytes.subarray(0, stop).indexOf(10, at)
              // As a scanner does, it leaves alone what is no plain record.
              if (bytes[at] !== 97 || lineFeedAt < 0) break
              expect(isUtf8(bytes.subarray(at, lineFeedAt))).toBe(true)
              const end = withoutCarriageReturn(bytes, at, lineFeedAt)
              seen.push(`${number + taken} ${bytes.toString('latin1', at, end)}`)
              this.takenUpTo = lineFeedAt
              at = lineFeedAt + 1
            }
            return taken
          },
        }),
      })
      for (const block of blocks) cutter.push(block)
      cutter.end()
      return seen
    }
    const bytes = fc
      .array(fc.constantFrom('a', 'b', 'é', '\n', '\r\n', '\r', ' ', '\xff'), { maxLength: 40 })
      .map((parts) => Buffer.concat(parts.map((part) => Buffer.from(part, part === '\xff' ? 'latin1' : 'utf8'))))
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(60), { maxLength: 8 }), (whole, places) => {
        expect(lines(inBlocks(whole, places), true)).toEqual(lines([whole], false))
      }),
    )
    for (const length of [maxLineBytes, maxLineBytes + 1]) {
      const long = Buffer.concat([Buffer.from('a\n'), Buffer.alloc(length, 'a'), Buffer.from('\nab\n')])
      expect(lines([long], true).map((line) => line.slice(0, 30))).toEqual(
        lines([long], false).map((line) => line.slice(0, 30)),
      )
    }
  })

  test('keeps only the beginning of a line beyond the limit, in one block or many', () => {
    const long = Buffer.alloc(maxLineBytes + 1, 'x')
    const whole = Buffer.concat([Buffer.from('a\n'), long, Buffer.from('\nb\n')])
    const expected = ['1 a', `2 too long: ${maxLineBytes + 1} bytes, 65536 kept`, '3 b']
    expect(cut([whole])).toEqual(expected)
    expect(cut(inBlocks(whole, [1 << 20, 5 << 20, 9 << 20, maxLineBytes + 2]))).toEqual(expected)
    const limit = cut([Buffer.concat([long.subarray(1), Buffer.from('\n')])])
    expect(limit.map((line) => line.length)).toEqual(['1 '.length + maxLineBytes])
  })
})

test('a handler that takes lines never sees two blocks as one object', () => {
  const seen: Buffer[] = []
  const cutter = new LineCutter({
    line() {},
    tooLong() {},
    takenUpTo: 0,
    takeLines(bytes, start) {
      seen.push(bytes)
      this.takenUpTo = bytes.indexOf(10, start)
      return 1
    },
  })
  const reused = Buffer.from('a\nb\n')
  cutter.push(reused)
  reused.write('c\nd\n')
  cutter.push(reused)
  expect(seen.map((bytes) => seen.indexOf(bytes))).toEqual([0, 0, 2, 2])
})
