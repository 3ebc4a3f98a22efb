import { describe, expect, test } from 'vitest'
import { LineOutbox } from './line-outbox.ts'

const line = (id: string) => ({ id, key: id, text: `{"id":"${id}"}` })
const ids = (lines: readonly { readonly id: string }[]) => lines.map(({ id }) => id)

describe('the outbox', () => {
  test('lets lines of epoch 0 go at once, and others after the state that remembers them is durable', async () => {
    const outbox = new LineOutbox(100)
    outbox.add([line('a')], 0)
    outbox.add([line('b')], 1)
    outbox.add([line('c')], 0)
    expect(ids(await outbox.take(10))).toEqual(['a', 'c'])
    outbox.add([line('d')], 2)
    outbox.durable(1)
    expect(ids(await outbox.take(10))).toEqual(['a', 'b', 'c'])
  })

  test('keeps a line until it is accepted, and brings it back from a snapshot', async () => {
    const outbox = new LineOutbox(100)
    outbox.add([line('a')], 1)
    outbox.add([line('b')], 0)
    const restored = new LineOutbox(100, outbox.save())
    const taken = await restored.take(1)
    expect(ids(taken)).toEqual(['a'])
    expect(ids(await restored.take(1))).toEqual(['a'])
    restored.accepted(taken)
    expect(ids(await restored.take(1))).toEqual(['b'])
  })

  test('cuts lines that come as bytes when they go, some at a time', async () => {
    const outbox = new LineOutbox(100)
    const [a, b, c] = ['{"id":"ä"}', '{"id":"b"}', '{"id":"c"}']
    const idOf = (text: string) => text.slice(7, -2)
    outbox.addBlock({ bytes: Buffer.from(`${a}\n${b}\n${c}\n`), count: 3 }, idOf, 0)
    outbox.add([line('d')], 0)
    expect(outbox.size).toBe(4)
    outbox.accepted(await outbox.take(2))
    expect(await outbox.take(10)).toEqual([{ id: 'c', key: 'c', text: c }, line('d')])
    expect(outbox.save()).toEqual([
      ['c', 'c', c],
      ['d', 'd', line('d').text],
    ])
    outbox.accepted(await outbox.take(10))
    expect(outbox.size).toBe(0)
  })

  test('has no room while it holds as many lines as its limit', async () => {
    const outbox = new LineOutbox(2)
    outbox.add([line('a'), line('b')], 0)
    let hasRoom = false
    const room = outbox.room().then(() => {
      hasRoom = true
    })
    outbox.accepted([])
    await Promise.resolve()
    expect(hasRoom).toBe(false)
    outbox.accepted(await outbox.take(1))
    await room
    expect(hasRoom).toBe(true)
  })

  test('ends all waiting when it is closed', async () => {
    const outbox = new LineOutbox(1)
    const taking = outbox.take(1)
    outbox.close()
    expect(await taking).toEqual([])
    outbox.add([line('a')], 0)
    await outbox.room()
    expect(ids(await outbox.take(1))).toEqual(['a'])
  })
})
