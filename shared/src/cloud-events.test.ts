import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cloudEvent, cloudEventText } from './cloud-events.ts'

const attributes = { id: 'e1', source: '/shop', type: 'purchase', timeMs: 1_700_000_000_000 }

test('an event is wrapped with what CloudEvents 1.0 requires', () => {
  expect(cloudEvent(attributes, { page: '/p/7' })).toEqual({
    specversion: '1.0',
    id: 'e1',
    source: '/shop',
    type: 'purchase',
    time: '2023-11-14T22:13:20.000Z',
    datacontenttype: 'application/json',
    data: { page: '/p/7' },
  })
})

test('the text means the same as the object, on one line, however the data was written', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2, '\t'), (data, indent) => {
      const text = cloudEventText(attributes, JSON.stringify(data, undefined, indent))
      expect(text).not.toMatch(/[\r\n]/)
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(cloudEvent(attributes, data))))
    }),
  )
})

test('the data stays as it was written where parsing would change it', () => {
  const data = '{\r\n "n": 12345678901234567890, "n": 1e999, "__proto__": {"x": 1} }\n'
  expect(cloudEventText(attributes, data)).toContain(
    '"data":{  "n": 12345678901234567890, "n": 1e999, "__proto__": {"x": 1} }}',
  )
})
