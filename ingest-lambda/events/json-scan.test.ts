import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type DocumentScan, scanDocument } from './json-scan.ts'

const scan = (text: string, maxElements = 1000): DocumentScan => scanDocument(text, maxElements)
const faultOf = (text: string) => {
  const result = scan(text)
  return result.status === 'fault' ? result.fault : result.status
}

test('an array is taken apart into the texts of its elements', () => {
  const text = ' [ {"a":[1,2]} , "x,]" ,\n-1.5e3,[] ] '
  const result = scan(text)
  expect(result.status === 'array' && result.elements.map(({ start, end }) => text.slice(start, end))).toEqual([
    '{"a":[1,2]}',
    '"x,]"',
    '-1.5e3',
    '[]',
  ])
})

test('anything else is one value; an empty array has none', () => {
  expect(scan(' {"a":1} ')).toEqual({ status: 'single', value: { start: 1, end: 8, depth: 1 } })
  expect(scan('null')).toEqual({ status: 'single', value: { start: 0, end: 4, depth: 0 } })
  expect(scan('[]')).toEqual({ status: 'array', elements: [] })
})

test('a fault is told with its position and what should have stood there', () => {
  expect(faultOf('{"a":1,}')).toEqual({ position: 7, expected: 'a name in double quotes' })
  expect(faultOf('[1 2]')).toEqual({ position: 3, expected: '"," or "]"' })
  expect(faultOf('{"a" 1}')).toEqual({ position: 5, expected: '":"' })
  expect(faultOf('{"a":01}')).toEqual({ position: 6, expected: '"," or "}"' })
  expect(faultOf('"a\nb"')).toEqual({ position: 2, expected: 'no control character in a string' })
  expect(faultOf('"\\u12g4"')).toEqual({ position: 3, expected: 'four hexadecimal digits' })
  expect(faultOf('{"a":NaN}')).toEqual({ position: 5, expected: 'a value' })
  expect(faultOf('[1] // one')).toEqual({ position: 4, expected: 'the end' })
  expect(faultOf('"abc')).toEqual({ position: 4, expected: 'the end of a string' })
  expect(faultOf('')).toEqual({ position: 0, expected: 'a value' })
})

test('an array of too many elements is not read to its end', () => {
  expect(scan('[1,2,3]', 3).status).toBe('array')
  expect(scan('[1,2,3,oops', 3)).toEqual({ status: 'too-many' })
})

test('depth is counted, and a million brackets cost no stack', () => {
  const depthOf = (text: string) => {
    const result = scan(text)
    return result.status === 'single' ? result.value.depth : result.status
  }
  expect(depthOf('{"a":[{"b":{}},1],"c":[]}')).toBe(4)
  expect(depthOf(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`)).toBe(100_000)
  expect(faultOf('['.repeat(1_000_000))).toEqual({ position: 1_000_000, expected: 'a value' })
})

test('what JSON.parse takes is taken, and what it refuses is refused', () => {
  const almostJson = fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom('', '"', '\\', ',', ']', '}', '[', '{', '0', '-', '.', 'e', 'u', ' '))
    .map(([json, at, piece]) => {
      const cut = at % (json.length + 1)
      return json.slice(0, cut) + piece + json.slice(cut + (at % 2))
    })
  fc.assert(
    fc.property(fc.oneof(fc.json(), almostJson, fc.string()), (text) => {
      expect(scan(text, Number.POSITIVE_INFINITY).status !== 'fault').toBe(isJson(text))
    }),
    { numRuns: 2_000 },
  )
})

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
