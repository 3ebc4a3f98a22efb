import { describe, expect, test } from 'vitest'
import { type Emission, PanesEmission } from '../engine/emission.ts'
import { Outbox } from './outbox.ts'

const pane = (id: string, settled: boolean): Emission => PanesEmission.of('q', settled, [`{"id":"${id}"}`])
const rejected: Emission = {
  kind: 'rejected',
  query: 'q',
  shardId: 's1',
  position: '7',
  reason: 'invalid-json',
  detail: 'x',
  partitionKey: 'k',
  data: Buffer.from('{'),
}
const ids = (lines: readonly { readonly id: string }[]) => lines.map(({ id }) => id)

describe('the outbox', () => {
  test('lets settled panes and refused records go at once, and others after the snapshot that holds them', async () => {
    const outbox = new Outbox(100)
    outbox.add([pane('a', true), pane('b', false), pane('c', true), rejected])
    expect(ids(await outbox.take('panes', 10))).toEqual(['a', 'c'])
    expect(ids(await outbox.take('refused', 10))).toEqual(['rejected q s1 7'])
    const snapshot = outbox.save()
    outbox.add([pane('d', false)])
    snapshot.freeAll()
    expect(ids(await outbox.take('panes', 10))).toEqual(['a', 'b', 'c'])
  })

  test('keeps a line until it is accepted, and brings it back from a snapshot', async () => {
    const outbox = new Outbox(100)
    outbox.add([pane('a', false), pane('b', true)])
    const { lines } = outbox.save()
    const restored = new Outbox(100, JSON.parse(JSON.stringify(lines)))
    const taken = await restored.take('panes', 1)
    expect(ids(taken)).toEqual(['a'])
    expect(ids(await restored.take('panes', 1))).toEqual(['a'])
    restored.accepted('panes', taken)
    expect(ids(await restored.take('panes', 1))).toEqual(['b'])
  })

  test('has no room while it holds as many lines as its limit', async () => {
    const outbox = new Outbox(2)
    outbox.add([pane('a', true), pane('b', true)])
    let hasRoom = false
    const room = outbox.room().then(() => {
      hasRoom = true
    })
    outbox.accepted('panes', [])
    await Promise.resolve()
    expect(hasRoom).toBe(false)
    outbox.accepted('panes', await outbox.take('panes', 1))
    await room
    expect(hasRoom).toBe(true)
  })

  test('ends all waiting when it is closed', async () => {
    const outbox = new Outbox(1)
    const taking = outbox.take('panes', 1)
    outbox.close()
    expect(await taking).toEqual([])
    outbox.add([pane('a', true)])
    await outbox.room()
    expect(ids(await outbox.take('panes', 1))).toEqual(['a'])
  })
})
