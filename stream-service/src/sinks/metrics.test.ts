import { expect, test } from 'vitest'
import { PanesEmission } from '../engine/emission.ts'
import { metricLines } from './metrics.ts'

const now = 1_700_000_000_000
const pane = (page: string, orders: number, more: object = {}) =>
  JSON.stringify({
    id: page,
    query: 'q',
    key: { page, country: 'DE' },
    window: { start: now - 60_000, end: now },
    pane: { index: 0, timing: 'on-time', final: true },
    values: { orders, revenue: null, best: [{ value: 'x' }] },
    ...more,
  })
const lines = (...panes: string[]) =>
  metricLines(PanesEmission.of('q', true, panes), { dimensions: ['page'], top: 2 }, now).map((line) => JSON.parse(line))

test('a pane becomes a document with its numbers as metrics and its key as dimensions', () => {
  expect(lines(pane('/a', 3))).toEqual([
    {
      _aws: {
        Timestamp: now - 1,
        CloudWatchMetrics: [{ Namespace: 'Millrace', Dimensions: [['query', 'page']], Metrics: [{ Name: 'orders' }] }],
      },
      orders: 3,
      query: 'q',
      page: '/a',
    },
  ])
})

test('only the top panes of a firing, and no revision, early pane or old window', () => {
  expect(lines(pane('/a', 1), pane('/b', 3), pane('/c', 2)).map(({ page }) => page)).toEqual(['/b', '/c'])
  expect(lines(pane('/a', 1, { pane: { index: 1, timing: 'late', final: false } }))).toEqual([])
  expect(lines(pane('/a', 1, { pane: { index: 0, timing: 'early', final: false } }))).toEqual([])
  expect(lines(pane('/a', 1, { window: { start: 0, end: 1 } }))).toEqual([])
})
