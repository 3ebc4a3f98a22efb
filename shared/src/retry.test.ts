import { describe, expect, test } from 'vitest'
import {
  backoffDelayMs,
  type EntryOutcome,
  type RetryEntriesOptions,
  retryEntries,
  sleep,
  type Timing,
} from './retry.ts'

const ok = (value: string): EntryOutcome<string> => ({ status: 'accepted', value })
const again: EntryOutcome<string> = { status: 'retry', reason: 'Throttled' }

/** A clock that only sleeping moves. */
function handTiming(): Timing & { slept: number[] } {
  let now = 0
  const slept: number[] = []
  return {
    slept,
    now: () => now,
    random: () => 0.5,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted()
      slept.push(ms)
      now += ms
    },
  }
}

/** Runs entries named like `a1` (key a) in calls of four; `answer` decides by entry and by how often it was sent. */
async function run(
  entries: string[],
  answer: (entry: string, attempt: number) => EntryOutcome<string>,
  options: Partial<RetryEntriesOptions<string, string>> = {},
) {
  const calls: string[][] = []
  const seen = new Map<string, number>()
  const results = await retryEntries<string, string>({
    entries,
    keyOf: (entry) => entry.charAt(0),
    send: async (batch) => {
      calls.push([...batch])
      return batch.map((entry) => {
        const attempt = (seen.get(entry) ?? 0) + 1
        seen.set(entry, attempt)
        return answer(entry, attempt)
      })
    },
    retryReason: (error) => (error instanceof Error && error.message === 'network' ? 'network' : undefined),
    limits: { entries: 4, bytes: 1_000, bytesOf: (entry) => entry.length },
    timing: handTiming(),
    ...options,
  })
  return { calls, results }
}

describe('retryEntries', () => {
  test('sends only the failed entries again, and answers in input order', async () => {
    const { calls, results } = await run(['a1', 'b1', 'c1'], (entry, attempt) =>
      entry === 'b1' && attempt === 1 ? again : ok(entry),
    )
    expect(calls).toEqual([['a1', 'b1', 'c1'], ['b1']])
    expect(results).toEqual([ok('a1'), ok('b1'), ok('c1')])
  })

  test('an entry that was not sent yet waits behind a failing one of its key, others go on', async () => {
    const { calls } = await run(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4', 'c2'], (entry, attempt) =>
      (entry === 'a1' || entry === 'a2') && attempt <= 2 ? again : ok(entry),
    )
    expect(calls).toEqual([
      ['a1', 'a2', 'b1', 'c1'],
      ['a1', 'a2', 'b2', 'c2'],
      ['a1', 'a2'],
      ['a3', 'a4'],
    ])
  })

  test('no key is overtaken, whatever fails', async () => {
    const entries = Array.from({ length: 200 }, (_, n) => `${'abcdef'.charAt((n * n) % 6)}${n}`)
    const accepted: string[] = []
    // Calls of one entry: then any overtaking would be the queue's doing, not the service's.
    await run(
      entries,
      (entry, attempt) => {
        if ((Number(entry.slice(1)) * 7 + attempt) % 3 === 0) return again
        accepted.push(entry)
        return ok(entry)
      },
      { limits: { entries: 1, bytes: 1_000, bytesOf: () => 1 } },
    )
    for (const key of 'abcdef') {
      expect(accepted.filter((entry) => entry.startsWith(key))).toEqual(
        entries.filter((entry) => entry.startsWith(key)),
      )
    }
  })

  test('a refused entry is not sent again and holds nobody up', async () => {
    const { calls, results } = await run(['a1', 'a2'], (entry) =>
      entry === 'a1' ? { status: 'refused', reason: 'bad' } : ok(entry),
    )
    expect(calls).toHaveLength(1)
    expect(results).toEqual([{ status: 'refused', reason: 'bad' }, ok('a2')])
  })

  test('gives an entry up after its attempts, with the reason, and goes on with its key', async () => {
    const { calls, results } = await run(
      ['a1', 'a2', 'a3', 'a4', 'a5'],
      (entry) => (entry === 'a1' ? again : ok(entry)),
      {
        maxAttempts: 2,
      },
    )
    expect(calls).toEqual([['a1', 'a2', 'a3', 'a4'], ['a1'], ['a5']])
    expect(results[0]).toEqual({ status: 'abandoned', reason: 'Throttled', attempts: 2 })
    expect(results[4]).toEqual(ok('a5'))
  })

  test('stops at the deadline and abandons the rest', async () => {
    const timing = handTiming()
    const { results } = await run(['a1', 'a2', 'a3', 'a4', 'a5'], (entry) => (entry === 'a1' ? again : ok(entry)), {
      timing,
      timeoutMs: 1_000,
    })
    expect(timing.now()).toBe(1_000)
    expect(results[0]).toMatchObject({ status: 'abandoned', reason: 'timeout' })
    expect(results[1]).toEqual(ok('a2'))
    expect(results[4]).toEqual({ status: 'abandoned', reason: 'timeout', attempts: 0 })
  })

  test('an abort ends the waiting and keeps what was accepted', async () => {
    const controller = new AbortController()
    const { results } = await run(['a1', 'b1'], (entry) => (entry === 'a1' ? again : ok(entry)), {
      signal: controller.signal,
      onRetry: () => controller.abort(),
    })
    expect(results).toEqual([{ status: 'abandoned', reason: 'aborted', attempts: 1 }, ok('b1')])
  })

  test('a failed call is a failure of all its entries when it may pass, and rejects when it cannot', async () => {
    let failures = 2
    const send = async (batch: readonly string[]) => {
      if (failures-- > 0) throw new Error('network')
      return batch.map(ok)
    }
    const timing = handTiming()
    expect((await run(['a1', 'a2'], ok, { send, timing })).results).toEqual([ok('a1'), ok('a2')])
    expect(timing.slept).toEqual([50, 100])
    const denied = async () => Promise.reject(new Error('denied'))
    await expect(run(['a1'], ok, { send: denied })).rejects.toThrow('denied')
  })

  test('cuts calls by bytes, and gives an entry that travels alone its own call', async () => {
    const limits = {
      entries: 4,
      bytes: 6,
      bytesOf: (entry: string) => entry.length,
      travelsAlone: (entry: string) => entry.startsWith('x'),
    }
    const { calls } = await run(['a1', 'b1', 'c1', 'd1', 'x1', 'e1', 'f12345678'], ok, { limits })
    expect(calls).toEqual([['a1', 'b1', 'c1'], ['d1'], ['x1'], ['e1'], ['f12345678']])
  })
})

test('the backoff doubles, is capped, and takes a random share of it', () => {
  const backoff = { baseMs: 100, capMs: 1_000 }
  expect([0, 1, 2, 3, 4, 99].map((failures) => backoffDelayMs(failures, backoff, () => 0.5))).toEqual([
    50, 100, 200, 400, 500, 500,
  ])
  expect(backoffDelayMs(5, backoff, () => 0)).toBe(0)
})

test('sleep rejects with the reason of the signal', async () => {
  const controller = new AbortController()
  const sleeping = sleep(60_000, controller.signal)
  controller.abort(new Error('stop'))
  await expect(sleeping).rejects.toThrow('stop')
})
