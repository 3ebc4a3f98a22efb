import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodeCbor, encodeCbor } from './cbor.ts'

it('decodes what it encoded', () => {
  const scalar = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }),
    fc.boolean(),
    fc.constant(null),
  )
  const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, scalar, bytes, fc.array(tie('value')), fc.dictionary(fc.string(), tie('value'))),
  }))
  // -0 is an integer to us and comes back as 0; no member of the API minds.
  fc.assert(
    fc.property(value, (value) => {
      expect(plain(decodeCbor(encodeCbor(value)))).toEqual(plain(value))
    }),
  )
})

it('reads strings, lists and maps of indefinite length, as Java writes them', () => {
  const bytes = Buffer.from(
    'bf6444617461' + '5f42010243030405ff' + '6141' + '9f0102ff' + '6142' + '7f6161626263ff' + 'ff',
    'hex',
  )
  expect(plain(decodeCbor(bytes))).toEqual({
    Data: Buffer.of(1, 2, 3, 4, 5),
    A: [1, 2],
    B: 'abc',
  })
})

it('writes instants as milliseconds with tag 1 and reads any tag away', () => {
  const encoded = encodeCbor({ Timestamp: 1_700_000_000_123 })
  expect(encoded.toString('hex')).toBe(`a16954696d657374616d70c11b${1_700_000_000_123n.toString(16).padStart(16, '0')}`)
  expect(plain(decodeCbor(encoded))).toEqual({ Timestamp: 1_700_000_000_123 })
})

it.each(['', '62', '6261', 'a1', 'a10102', '9f01', 'ff', '0000', '1c'])('refuses broken input: %s', (hex) => {
  expect(() => decodeCbor(Buffer.from(hex, 'hex'))).toThrow('CBOR')
})

it('refuses nesting that would exhaust the stack', () => {
  expect(() => decodeCbor(Buffer.alloc(100_000, 0x81))).toThrow('deeper than 32 levels')
})

/** Maps come without a prototype; equality should not mind. */
function plain(value: unknown): unknown {
  if (Object.is(value, -0)) return 0
  if (Array.isArray(value)) return value.map(plain)
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]))
}
