// What every sink promises, as tests. Each maker of a sink runs them against itself, with its destination at hand.
import { afterEach, describe, expect, test } from 'vitest'
import type { OutputLine, Sink } from './sink.ts'

export interface SinkUnderTest {
  open(): Promise<Sink>
  /** A sink whose destination does not exist or cannot be written. Opening or publishing rejects. */
  openBroken(): Promise<Sink>
  /** The destination's bytes, as text. */
  delivered(): Promise<string>
  dispose(): Promise<void>
}

export const aLine = (text: string, key = 'k'): OutputLine => ({ id: `line ${text}`, key, text })

export const untilDone = () => new AbortController().signal

export function sinkContract(name: string, make: () => Promise<SinkUnderTest>): void {
  describe(`${name}, as a sink`, () => {
    const made: SinkUnderTest[] = []
    const underTest = async () => {
      const one = await make()
      made.push(one)
      return one
    }
    afterEach(async () => {
      for (const one of made.splice(0)) await one.dispose()
    })

    test('delivers lines in order, each with a line break, before it gives their receipts', async () => {
      const target = await underTest()
      const sink = await target.open()
      const receipts = await sink.publish(
        [aLine('{"n":1}', 'a'), aLine('{"n":2}', 'b'), aLine('{"n":3}', 'a')],
        untilDone(),
      )
      expect(await target.delivered()).toBe('{"n":1}\n{"n":2}\n{"n":3}\n')
      expect(receipts).toEqual([{ status: 'accepted' }, { status: 'accepted' }, { status: 'accepted' }])
      await sink.close()
    })

    test('takes more lines than a call of its destination would, and several calls of ours', async () => {
      const target = await underTest()
      const sink = await target.open()
      const lines = Array.from({ length: 1_201 }, (_, n) => aLine(String(n), `k${n % 7}`))
      expect(await sink.publish(lines.slice(0, 700), untilDone())).toHaveLength(700)
      expect(await sink.publish(lines.slice(700), untilDone())).toHaveLength(501)
      expect(await target.delivered()).toBe(lines.map(({ text }) => `${text}\n`).join(''))
      await sink.close()
    })

    test('keeps every character, in long lines too', async () => {
      const target = await underTest()
      const sink = await target.open()
      const texts = ['{"page":"/käse/🧀"}', `"${'ß'.repeat(250_000)}"`, '""']
      await sink.publish(
        texts.map((text) => aLine(text)),
        untilDone(),
      )
      expect(await target.delivered()).toBe(`${texts.join('\n')}\n`)
      await sink.close()
    })

    test('nothing to deliver is no receipt', async () => {
      const target = await underTest()
      const sink = await target.open()
      expect(await sink.publish([], untilDone())).toEqual([])
      expect(await target.delivered()).toBe('')
      await sink.close()
    })

    test('an aborted signal rejects with its reason, and nothing is delivered', async () => {
      const target = await underTest()
      const sink = await target.open()
      await expect(sink.publish([aLine('x')], AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop')
      expect(await target.delivered()).toBe('')
      await sink.close()
    })

    test('a destination that cannot work rejects with a code and with advice', async () => {
      const target = await underTest()
      const trying = target.openBroken().then((sink) => sink.publish([aLine('x')], untilDone()))
      await expect(trying).rejects.toMatchObject({
        code: expect.any(String),
        message: expect.stringMatching(/^Could not .*\. \w/),
      })
    })

    test('can be closed twice', async () => {
      const target = await underTest()
      const sink = await target.open()
      await sink.close()
      await sink.close()
    })
  })
}
