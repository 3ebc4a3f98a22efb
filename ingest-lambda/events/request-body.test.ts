import { expect, test } from 'vitest'
import { type RequestWithBody, readBody } from './request-body.ts'

const read = (parts: Partial<RequestWithBody>, maxBytes = 100) => {
  const result = readBody(
    { body: '{}', headers: { 'content-type': 'application/json' }, isBase64Encoded: false, ...parts },
    maxBytes,
  )
  return result.status === 'read' ? result.text : `${result.refusal.statusCode} ${result.refusal.code}`
}
const typed = (contentType: string) => read({ headers: { 'CONTENT-TYPE': contentType } })

test('JSON and NDJSON in UTF-8 are read, whatever the case of the header', () => {
  expect(typed('application/json')).toBe('{}')
  expect(typed('Application/X-NDJSON; Charset="UTF-8"')).toBe('{}')
})

test('other types, other charsets, none at all and compressed bodies are not', () => {
  const unsupported = '415 unsupported-media-type'
  expect(typed('text/plain')).toBe(unsupported)
  expect(typed('application/json; charset=utf-16')).toBe(unsupported)
  expect(read({ headers: null })).toBe(unsupported)
  expect(read({ headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' } })).toBe(
    '415 unsupported-encoding',
  )
})

test('the limit is on bytes, of the decoded body, and is judged before the body is decoded', () => {
  expect(read({ body: 'é'.repeat(50) })).toBe('é'.repeat(50))
  expect(read({ body: `${'é'.repeat(50)}x` })).toBe('413 body-too-large')
  expect(read({ body: Buffer.alloc(99, 'x').toString('base64'), isBase64Encoded: true })).toBe('x'.repeat(99))
  expect(read({ body: '*'.repeat(200), isBase64Encoded: true })).toBe('413 body-too-large')
})

test('a base64 body is decoded; a flag that lies and bytes that are no UTF-8 are refused', () => {
  expect(read({ body: 'eyJhIjoiw6kifQ==', isBase64Encoded: true })).toBe('{"a":"é"}')
  expect(read({ body: '{"a":1}', isBase64Encoded: true })).toBe('400 invalid-base64')
  expect(read({ body: '/w==', isBase64Encoded: true })).toBe('400 invalid-utf8')
  expect(read({ body: '"\uD800"' })).toBe('400 invalid-utf8')
})

test('a byte order mark is not part of the text', () => {
  expect(read({ body: '\uFEFF{}' })).toBe('{}')
})
