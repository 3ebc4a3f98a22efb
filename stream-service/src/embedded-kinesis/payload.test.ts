import { expect, it } from 'vitest'
import { payloadBytes, recordBytes, toBase64, toBytes } from './payload.ts'

it.each([0, 1, 2, 3, 4, 5])('counts and converts %i bytes alike as bytes and as base64', (count) => {
  const bytes = Uint8Array.from({ length: count }, (_, n) => n)
  const base64 = Buffer.from(bytes).toString('base64')

  expect(payloadBytes(bytes)).toBe(count)
  expect(payloadBytes(base64)).toBe(count)
  expect(toBase64(bytes)).toBe(base64)
  expect([...toBytes(base64)]).toEqual([...bytes])
})

it('counts a partition key by its bytes', () => {
  expect(recordBytes('AAAA', 'ü')).toBe(5)
})
