// Lines as the writer makes them, by template or not, against the same pane through JSON.stringify and encodeURIComponent.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { aggregatorFor } from '../aggregates/registry.ts'
import { RowLayout } from '../aggregates/row-layout.ts'
import { KeyTable, type KeyValue } from '../windows/key-table.ts'
import { PaneTable } from '../windows/pane-table.ts'
import type { Timing } from './emission.ts'
import { Emitter } from './emitter.ts'
import { PaneWriter } from './pane-writer.ts'

const text = fc.oneof(
  fc.stringMatching(/^[\w.~/ -]{0,12}$/),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constant('x'.repeat(40_000)),
)
const value: fc.Arbitrary<KeyValue> = fc.oneof(text, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean())
const instant = fc.oneof(fc.integer({ min: 1e12, max: 9_999_999_999_998 }), fc.integer({ min: -1e15, max: 1e15 }))
const header = fc.record({
  start: instant,
  end: instant,
  timing: fc.constantFrom<Timing>('early', 'on-time', 'late'),
  final: fc.boolean(),
  closedByIdle: fc.boolean(),
})
const pane = fc.record({ key: fc.array(value, { maxLength: 3 }), index: fc.nat(2), count: fc.nat(1e6) })
const encoded = (part: string) => encodeURIComponent(part.toWellFormed()).replaceAll('~', '%7E')
const names = ['a', 'b/ü', '"']

test('a pane is the same bytes, whichever way it is written', () => {
  const layout = new RowLayout([
    { name: 'n "1"', aggregator: aggregatorFor({ fn: 'count' }), slot: -1, wholeRecord: false },
    { name: 'none', aggregator: aggregatorFor({ fn: 'max', field: 'v' }), slot: 0, wholeRecord: false },
  ])
  fc.assert(
    fc.property(
      text,
      fc.nat(3),
      fc.array(fc.tuple(header, fc.array(pane)), { maxLength: 5 }),
      (query, width, windows) => {
        const keyBy = names.slice(0, width)
        const keys = new KeyTable()
        const emitter = new Emitter()
        const writer = new PaneWriter(query, keyBy, keys, layout, emitter.out)
        const wanted: string[] = []
        emitter.panes(query, true)
        for (const [{ start, end, timing, final, closedByIdle }, panes] of windows) {
          writer.setHeader({ start, end, timing, final, closedByIdle })
          for (const { key, index, count } of panes) {
            if (key.length < width) continue
            const values = key.slice(0, width).map((each) => (typeof each === 'string' ? each.toWellFormed() : each))
            const table = new PaneTable(layout)
            const number = keys.restore(width === 1 ? values[0]! : values)
            table.cells[table.rowOf(number) * layout.cellStride] = count
            writer.line(number, index, table, 0)
            const parts = values.map(
              (each, i) => `${encoded(names[i]!)}=${typeof each === 'string' ? '' : '~'}${encoded(String(each))}`,
            )
            wanted.push(
              JSON.stringify({
                id: `${encoded(query)}/${parts.join('&') || '-'}/${start}-${end}`,
                query,
                key: Object.fromEntries(values.map((each, i) => [names[i]!, each])),
                window: { start, end },
                pane: { index, timing, final, ...(closedByIdle ? { closedBy: 'idle' } : {}) },
                values: { 'n "1"': count, none: null },
              }),
            )
          }
        }
        const lines = emitter.take().flatMap((emission) => (emission.kind === 'panes' ? emission.lines : []))
        expect(lines).toEqual(wanted)
      },
    ),
    { numRuns: 1_000 },
  )
})
