import { firehoseClient } from '@millrace/shared/aws-clients'
import type { Timing } from '@millrace/shared/retry'
import { expect, test } from 'vitest'
import { FakeFirehose } from './fake-firehose.ts'
import { createFirehoseSink, firehoseLimits } from './firehose.ts'
import { aLine, sinkContract, untilDone } from './sink-contract.ts'

const atOnce: Timing = { now: () => 0, random: () => 0.5, sleep: async (_, signal) => signal?.throwIfAborted() }

async function aFirehose() {
  const firehose = new FakeFirehose()
  const endpoint = await firehose.listen()
  const client = firehoseClient({ endpoint, env: {} })
  const sinkTo = (deliveryStreamName: string) =>
    createFirehoseSink({
      client,
      deliveryStreamName,
      endpoint,
      timing: atOnce,
      onRetry: ({ reason }) => reasons.push(reason),
    })
  const reasons: string[] = []
  const close = () => {
    client.destroy()
    firehose.close()
  }
  return { firehose, reasons, sink: sinkTo('panes'), brokenSink: sinkTo('nowhere'), close }
}

sinkContract('a Firehose delivery stream', async () => {
  const { firehose, sink, brokenSink, close } = await aFirehose()
  return {
    open: async () => sink,
    openBroken: async () => brokenSink,
    delivered: async () => firehose.records.join(''),
    dispose: async () => close(),
  }
})

test('only the records that were turned away go again, and lines of one key keep their order', async () => {
  const { firehose, sink, close } = await aFirehose()
  firehose.turnsAway = (n) => n === 0 || n === 2 || n === 5
  const lines = [aLine('a1', 'a'), aLine('b1', 'b'), aLine('a2', 'a'), aLine('c1', 'c')]
  const receipts = await sink.publish(lines, untilDone())
  expect(receipts.every(({ status }) => status === 'accepted')).toBe(true)
  expect(firehose.calls).toEqual([4, 2, 1])
  expect(firehose.records.toSorted()).toEqual(['a1\n', 'a2\n', 'b1\n', 'c1\n'])
  close()
})

test('a line that is too large is refused, and its neighbours are delivered', async () => {
  const { firehose, sink, close } = await aFirehose()
  const largest = 'x'.repeat(firehoseLimits.recordBytes - 1)
  const receipts = await sink.publish(
    [aLine('before'), aLine(`${largest}x`), aLine(largest), aLine('after')],
    untilDone(),
  )
  expect(receipts.map(({ status }) => status)).toEqual(['accepted', 'refused', 'accepted', 'accepted'])
  expect(receipts[1]).toEqual({ status: 'refused', reason: 'too-large' })
  expect(firehose.records.map(({ length }) => length)).toEqual([7, largest.length + 1, 6])
  close()
})

test('calls are cut at 4 MiB', async () => {
  const { firehose, sink, close } = await aFirehose()
  const line = aLine('x'.repeat(512 * 1024 - 1))
  await sink.publish(
    Array.from({ length: 9 }, () => line),
    untilDone(),
  )
  expect(firehose.calls).toEqual([8, 1])
  close()
})

test('an hour of throttling is sat out', async () => {
  const { firehose, reasons, sink, close } = await aFirehose()
  const outage = { status: 503, type: 'ServiceUnavailableException' }
  firehose.failures.push(...Array.from({ length: 40 }, () => outage))
  expect(await sink.publish([aLine('x')], untilDone())).toEqual([{ status: 'accepted' }])
  expect(reasons).toHaveLength(40)
  expect(firehose.records).toEqual(['x\n'])
  close()
})

test('an abort ends the retrying with its reason', async () => {
  const { firehose, reasons, sink, close } = await aFirehose()
  firehose.turnsAway = () => true
  const controller = new AbortController()
  const publishing = sink.publish([aLine('x')], controller.signal)
  await expect.poll(() => reasons.length).toBeGreaterThan(2)
  controller.abort(new Error('shutdown'))
  await expect(publishing).rejects.toThrow('shutdown')
  close()
})

test('a delivery stream that does not exist is named', async () => {
  const { brokenSink, close } = await aFirehose()
  await expect(brokenSink.publish([aLine('x')], untilDone())).rejects.toThrow(
    /Could not publish to the Firehose delivery stream "nowhere" at http:\/\/127.0.0.1:\d+: it does not exist there/,
  )
  close()
})
