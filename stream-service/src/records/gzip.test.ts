import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type GzipFault, gunzipRecord, isGzip, maxGunzippedBytes } from './gzip.ts'

const first = gzipSync('{"n":1}')
const second = gzipSync('{"n":2}')
const damaged = (why: string, bytes: number): GzipFault => ({
  reason: 'invalid-utf8',
  detail: `gzip member ${why} (the gzip has ${bytes} bytes)`,
})
const tooLarge = (bytes: number, limit: number): GzipFault => ({
  reason: 'too-large',
  detail: `the gzip of ${bytes} bytes holds more than ${limit} bytes, which are the most that are taken`,
})

/** A copy in which one byte is another. */
function withByte(gzip: Uint8Array, at: number, byte: number): Buffer {
  const copy = Buffer.from(gzip)
  copy[at < 0 ? copy.length + at : at] = byte
  return copy
}

/** The gzip of a text with optional header fields (RFC 1952, section 2.3): FLG and what stands behind the ten bytes. */
function withHeader(text: string, flags: number, fields: string): Buffer {
  const gzip = gzipSync(text)
  return Buffer.concat([withByte(gzip, 3, flags).subarray(0, 10), Buffer.from(fields, 'latin1'), gzip.subarray(10)])
}

/** How many bytes come out, or the fault as it is: large bytes are slow to print when a test fails. */
function gunzippedBytes(data: Uint8Array, limitBytes?: number): number | GzipFault {
  const result = gunzipRecord(data, limitBytes)
  return result instanceof Uint8Array ? result.length : result
}

/** Whether the text came out, or the fault as it is. */
function isText(result: Uint8Array | GzipFault, text: Uint8Array): boolean | GzipFault {
  return result instanceof Uint8Array ? Buffer.compare(result, text) === 0 : result
}

/** A text, or the fault as it is. */
function gunzipped(data: Uint8Array): string | GzipFault {
  const result = gunzipRecord(data)
  return result instanceof Uint8Array ? Buffer.from(result).toString('utf8') : result
}

describe('gzip is told by its first three bytes', () => {
  test.each([
    ['1f8b08', true],
    ['1f8b0800', true],
    ['1f8b', false],
    ['1f8b07', false],
    ['1f8a08', false],
    ['1e8b08', false],
    ['001f8b08', false],
    ['', false],
    [Buffer.from('{"n":1}').toString('hex'), false],
  ])('%s', (hex, expected) => {
    expect(isGzip(Buffer.from(hex, 'hex'))).toBe(expected)
  })
})

describe('comes out as the text of its members', () => {
  test.each([
    ['one member', first, '{"n":1}'],
    ['two members, one text', Buffer.concat([first, second]), '{"n":1}{"n":2}'],
    ['members of which some are empty', Buffer.concat([gzipSync(''), first, gzipSync('')]), '{"n":1}'],
    ['an empty text', gzipSync(''), ''],
    [
      'a gzip within the gzip, which stays as it is',
      gzipSync(gzipSync('x', { level: 0 })),
      gzipSync('x', { level: 0 }),
    ],
    ['stored, not squeezed', gzipSync('{"n":1}', { level: 0 }), '{"n":1}'],
    ['a header with extra field, name and comment', withHeader('{"n":1}', 0x1c, '\x02\0abname\0words\0'), '{"n":1}'],
    ['padding of one zero', Buffer.concat([first, Buffer.alloc(1)]), '{"n":1}'],
    ['padding beyond a block', Buffer.concat([first, Buffer.alloc(100_000)]), '{"n":1}'],
    ['bytes that are no UTF-8, which others look at', gzipSync(Buffer.of(0xff, 0x00)), Buffer.of(0xff, 0x00)],
  ])('%s', (_, data, expected) => {
    expect(gunzipRecord(data)).toEqual(Buffer.from(expected))
  })

  test('when the data are a range of larger memory', () => {
    const memory = new Uint8Array(first.length + 20).fill(0x1f)
    memory.set(first, 10)
    expect(gunzipped(memory.subarray(10, 10 + first.length))).toBe('{"n":1}')
  })

  test('in memory of its own, which later records leave alone', () => {
    const kept = gunzipRecord(first)
    gunzipRecord(second)
    expect(kept).toEqual(Buffer.from('{"n":1}'))
  })

  test.each([1_023, 1_024, 1_025, 2_048, 65_535, 65_536, 65_537, 200_000])(
    'of %i bytes, whatever the blocks',
    (size) => {
      const text = Buffer.from('{"page":"/p/7"},'.repeat(size / 16 + 1)).subarray(0, size)
      expect(isText(gunzipRecord(gzipSync(text)), text)).toBe(true)
      const more = Buffer.concat([gzipSync(text), second, Buffer.alloc(3)])
      expect(isText(gunzipRecord(more), Buffer.concat([text, Buffer.from('{"n":2}')]))).toBe(true)
    },
  )
})

describe('is refused as a whole when any of it is damaged', () => {
  const cut = (bytes: number): Buffer => first.subarray(0, bytes)
  test.each([
    ['nothing at all', cut(0), 'is damaged: unexpected end of file'],
    ['cut in the header', cut(3), 'is damaged: unexpected end of file'],
    ['cut behind the header', cut(10), 'is damaged: unexpected end of file'],
    ['cut in the text', cut(12), 'is damaged: unexpected end of file'],
    ['cut before the checksum', cut(first.length - 8), 'is damaged: unexpected end of file'],
    ['cut by its last byte', cut(first.length - 1), 'is damaged: unexpected end of file'],
    ['another checksum', withByte(first, -8, first.at(-8)! ^ 1), 'is damaged: incorrect data check'],
    ['another length', withByte(first, -4, 8), 'is damaged: incorrect length check'],
    ['a block of a type that does not exist', withByte(first, 10, 0x07), 'is damaged: invalid block type'],
    ['a header flag that does not exist', withByte(first, 3, 0x20), 'is damaged: unknown header flags set'],
    ['no gzip', Buffer.from('{"n":1}'), 'is damaged: incorrect header check'],
    [
      'a second member that is cut',
      Buffer.concat([first, second.subarray(0, -1)]),
      'is damaged: unexpected end of file',
    ],
    ['a second member with another checksum', Buffer.concat([first, withByte(second, -8, 0)]), /incorrect data check/],
    ['a second member whose first byte is lost', Buffer.concat([first, second.subarray(1)]), /incorrect header check/],
    ['a line end behind it', Buffer.concat([first, Buffer.from('\r\n')]), 'is damaged: incorrect header check'],
    [
      'a line feed behind it, too short for a header',
      Buffer.concat([first, Buffer.from('\n')]),
      /unexpected end of file/,
    ],
    ['the beginning of a header behind it', Buffer.concat([first, Buffer.of(0x1f)]), /unexpected end of file/],
    ['padding that is not all zeros', Buffer.concat([first, Buffer.of(0, 0, 1)]), /neither a member nor padding/],
    ['a member behind padding', Buffer.concat([first, Buffer.of(0), second]), /neither a member nor padding/],
    [
      'a second member whose first byte is 0',
      Buffer.concat([first, withByte(second, 0, 0)]),
      /neither a member nor padding/,
    ],
  ])('%s', (_, data, why) => {
    const expected =
      typeof why === 'string'
        ? damaged(why, data.length)
        : { reason: 'invalid-utf8', detail: expect.stringMatching(why) }
    expect(gunzipped(data)).toEqual(expected)
  })

  test('whichever bit of it is another', () => {
    const gzip = Buffer.concat([first, second, Buffer.alloc(2)])
    let harmless = 0
    for (let bit = 0; bit < gzip.length * 8; bit++) {
      const result = gunzipped(withByte(gzip, bit >> 3, gzip[bit >> 3]! ^ (1 << (bit & 7))))
      if (typeof result !== 'string') continue
      expect({ bit, result }).toEqual({ bit, result: '{"n":1}{"n":2}' })
      harmless++
    }
    // In each member nothing hangs on its time (4 bytes), extra flags and system (2), the flag that says it is text, and the
    // 6 bits that fill up the last byte of the blocks.
    expect(harmless).toBe(2 * (6 * 8 + 1 + 6))
  })
})

describe('is refused as too large beyond the limit', () => {
  const gzipOf = (...sizes: number[]): Buffer => Buffer.concat(sizes.map((size) => gzipSync(Buffer.alloc(size, 'x'))))
  test.each([
    ['one byte below', gzipOf(99), 100, 99],
    ['at the limit', gzipOf(100), 100, 100],
    ['one byte beyond', gzipOf(101), 100, undefined],
    ['members that are at the limit together', gzipOf(60, 40), 100, 100],
    ['members that are beyond it together', gzipOf(60, 41), 100, undefined],
    ['at a limit that is a block', gzipOf(1_024), 1_024, 1_024],
    ['beyond a limit that is a block', gzipOf(1_025), 1_024, undefined],
    ['at the limit by default', gzipOf(10 * 2 ** 20), undefined, 10 * 2 ** 20],
    ['beyond the limit by default', gzipOf(10 * 2 ** 20 + 1), undefined, undefined],
  ])('%s', (_, data, limit, size) => {
    const expected = size ?? tooLarge(data.length, limit ?? maxGunzippedBytes)
    expect(gunzippedBytes(data, limit)).toEqual(expected)
  })

  test('without unzipping the rest: of 1 GiB in 1 MB, no more than the limit comes into memory', () => {
    const memberBytes = 16 * 2 ** 20
    const member = gzipSync(Buffer.alloc(memberBytes))
    expect(member.length * 1_000).toBeLessThan(memberBytes)
    const bomb = Buffer.concat(Array.from({ length: 64 }, () => member))
    const peakBefore = process.resourceUsage().maxRSS
    expect(gunzippedBytes(bomb, 2 ** 20)).toEqual(tooLarge(bomb.length, 2 ** 20))
    const grownBytes = (process.resourceUsage().maxRSS - peakBefore) * 1_024
    expect(grownBytes).toBeLessThan(64 * 2 ** 20)
  })

  test('a limit that is none is a mistake of the program, not of the record', () => {
    expect(() => gunzipRecord(first, 0)).toThrow(RangeError)
  })
})

test('any bytes come back from any members; another byte or a cut is a fault or changes nothing', () => {
  const member = fc.record({
    bytes: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 1_000, maxLength: 3_000 })),
    level: fc.integer({ min: 0, max: 9 }),
  })
  const byte = fc.oneof(fc.constantFrom(0x00, 0x1f), fc.integer({ min: 0, max: 255 }))
  fc.assert(
    fc.property(
      fc.array(member, { minLength: 1, maxLength: 4 }),
      fc.nat({ max: 5 }),
      fc.nat({ max: 3 }),
      fc.oneof(fc.nat({ max: 12 }), fc.nat({ max: 3_000 })),
      byte,
      (members, padding, memberNumber, offset, otherByte) => {
        const zipped = members.map(({ bytes, level }) => gzipSync(bytes, { level }))
        const data = Buffer.concat([...zipped, Buffer.alloc(padding)])
        const text = Buffer.concat(members.map(({ bytes }) => bytes))
        expect(isText(gunzipRecord(data), text)).toBe(true)

        const ends = zipped.map((_, i) => Buffer.concat(zipped.slice(0, i + 1)).length)
        const at = ((ends[memberNumber - 1] ?? 0) + offset) % data.length
        const changed = gunzipRecord(withByte(data, at, otherByte))
        if (changed instanceof Uint8Array) expect(isText(changed, text)).toBe(true)
        else expect(changed.reason).toBe('invalid-utf8')

        // A cut between two members, or in the padding, leaves a gzip that is whole, with the texts so far.
        const left = gunzipRecord(data.subarray(0, at))
        if (ends.includes(at) || at > ends.at(-1)!) {
          const wholes = members.filter((_, i) => ends[i]! <= at)
          expect(isText(left, Buffer.concat(wholes.map(({ bytes }) => bytes)))).toBe(true)
        } else expect(left).toEqual(damaged('is damaged: unexpected end of file', at))
      },
    ),
    { numRuns: 1_000 },
  )
})
