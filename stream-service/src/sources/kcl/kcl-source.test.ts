import type { Timing } from '@millrace/shared/retry'
import { firstValueFrom, ReplaySubject } from 'rxjs'
import { afterEach, describe, expect, test } from 'vitest'
import { CreditGate } from '../../operators/credit-gate.ts'
import { FakeKinesis } from '../fake-kinesis.ts'
import type { Gap } from '../shard-reader.ts'
import type { RecordBatch, ShardSession } from '../shard-source.ts'
import { FakeDaemon, type FakeRelay } from './fake-daemon.ts'
import { createKclSource, type KclSourceOptions } from './kcl-source.ts'

const opened: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of opened.splice(0)) await close()
})

/** Sleeps end when a test says so, by their length. */
class HandTime implements Timing {
  #sleeps: Array<{ ms: number; resolve(): void }> = []
  #onSleep: Array<() => void> = []
  now = () => 0
  random = () => 0

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
      this.#sleeps.push({ ms, resolve })
      for (const notify of this.#onSleep.splice(0)) notify()
    })
  }

  async elapse(ms: number): Promise<void> {
    while (!this.#sleeps.some((sleep) => sleep.ms === ms)) await new Promise<void>((done) => this.#onSleep.push(done))
    for (const sleep of this.#sleeps) if (sleep.ms === ms) sleep.resolve()
  }
}

const handoverMs = 300

async function open({
  credits = 2,
  kinesis = new FakeKinesis('s1', 's2'),
  ...given
}: Partial<KclSourceOptions> & { credits?: number; kinesis?: FakeKinesis } = {}) {
  const daemon = new FakeDaemon()
  const gates = new Map<string, CreditGate>()
  const gaps: Gap[] = []
  const warnings: string[] = []
  const timing = new HandTime()
  const gate = (shardId: string) => {
    const made = gates.get(shardId) ?? new CreditGate(credits)
    gates.set(shardId, made)
    return made
  }
  const source = createKclSource({
    client: kinesis.client,
    streamName: 'orders',
    leases: daemon.leases,
    daemon: daemon.make,
    startAt: 'TRIM_HORIZON',
    gate,
    handoverMs,
    timing,
    logger: { info: () => {}, warn: (_, message) => void warnings.push(message) },
    onGap: (gap) => void gaps.push(gap),
    ...given,
  })
  const initial = await source.initialShards
  const handedOut: ShardSession[] = []
  const sessions = new ReplaySubject<ShardSession>()
  source.shards().subscribe(sessions)
  sessions.subscribe({ next: (session) => handedOut.push(session), error: () => {} })
  opened.push(() => {
    for (const relay of daemon.relays) relay.die()
    return source.stop()
  })
  return { source, daemon, gate, gaps, warnings, timing, kinesis, initial, sessions, handedOut }
}

/** Reads a session; what it gave is kept, and credits are given back by the test. */
function read(session: ShardSession) {
  const batches = new ReplaySubject<RecordBatch>()
  const texts: string[] = []
  let isComplete = false
  session.batches.subscribe(batches)
  batches.subscribe({
    next: ({ records }) => texts.push(...records.map(({ data }) => Buffer.from(data).toString())),
    complete: () => {
      isComplete = true
    },
  })
  return { texts, batches, isComplete: () => isComplete }
}

/** The event loop has gone round often enough for bytes on a local socket to arrive. */
async function quiet(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

describe('sessions', () => {
  test('come with the leases, and begin after the checkpoints', async () => {
    const { daemon, sessions, initial } = await open()
    expect(initial.map(({ shardId }) => shardId)).toEqual(['s1', 's2'])
    await daemon.lease('s1', '7', 3)
    expect(await firstValueFrom(sessions)).toMatchObject({ shardId: 's1', parentShardIds: [], startAfter: '7:3' })
    for (const [sequence, startAfter] of [
      ['TRIM_HORIZON', undefined],
      ['LATEST', undefined],
      ['8', '8'],
    ] as const) {
      const other = await open()
      await other.daemon.lease('s1', sequence)
      expect((await firstValueFrom(other.sessions)).startAfter).toBe(startAfter)
    }
  })

  test('give the records of the shard in order, empty reads too', async () => {
    const { daemon, sessions, gate } = await open()
    const relay = await daemon.lease('s1')
    const { texts, batches } = read(await firstValueFrom(sessions))
    await relay.records(1, 2)
    await relay.records()
    gate('s1').give()
    await relay.records(3)
    expect(texts).toEqual(['1', '2', '3'])
    expect(await firstValueFrom(batches)).toMatchObject({ millisBehindLatest: 0 })
  })

  test('hold the daemon back while no credit is free', async () => {
    const { daemon, sessions, gate } = await open({ credits: 1 })
    const relay = await daemon.lease('s1')
    const { texts } = read(await firstValueFrom(sessions))
    await relay.records(1)
    const second = relay.records(2)
    await quiet()
    expect(texts).toEqual(['1'])
    expect(relay.asked).toBe('processRecords')
    gate('s1').give()
    await second
    expect(texts).toEqual(['1', '2'])
  })

  test('hold the daemon back until somebody reads', async () => {
    const { daemon, sessions } = await open()
    const relay = await daemon.lease('s1')
    const asked = relay.records(1)
    const session = await firstValueFrom(sessions)
    await quiet()
    expect(relay.asked).toBe('processRecords')
    read(session)
    await asked
  })

  test('end when the lease is lost, and may come again', async () => {
    const { daemon, sessions, gate, handedOut } = await open()
    const relay = await daemon.lease('s1')
    const session = await firstValueFrom(sessions)
    const { isComplete } = read(session)
    await relay.records(5)
    await relay.ask({ action: 'leaseLost' })
    relay.die()
    expect(await session.released).toBe('lease-lost')
    expect(isComplete()).toBe(true)
    await expect(session.checkpoint('5')).rejects.toMatchObject({ code: 'lease-lost' })

    await daemon.lease('s1', '4')
    await quiet()
    // The consumer is not through with what the first session gave.
    expect(handedOut).toHaveLength(1)
    gate('s1').give()
    await quiet()
    expect(handedOut.map(({ startAfter }) => startAfter)).toEqual([undefined, '4'])
    expect(daemon.calls).toEqual(['start'])
  })
})

describe('checkpoints', () => {
  async function reading() {
    const opened = await open({ credits: 1 })
    const relay = await opened.daemon.lease('s1')
    const session = await firstValueFrom(opened.sessions)
    read(session)
    await relay.records(1, 2)
    return { ...opened, relay, session, give: () => opened.gate('s1').give() }
  }

  test('wait for the next read, and the newest is sent', async () => {
    const { relay, session, give } = await reading()
    const both = Promise.all([session.checkpoint('1'), session.checkpoint('2')])
    await quiet()
    expect(relay.checkpoints).toEqual([])
    give()
    await relay.records()
    await both
    expect(relay.checkpoints).toEqual(['2'])
    await session.checkpoint('2')
    await session.checkpoint('1')
    expect(relay.checkpoints).toEqual(['2'])
  })

  test('are sent at once while the daemon is held back', async () => {
    const { relay, session, give } = await reading()
    const held = relay.records(3)
    await quiet()
    await session.checkpoint('2')
    expect(relay.checkpoints).toEqual(['2'])
    expect(relay.asked).toBe('processRecords')
    give()
    await held
  })

  test('name the place in an aggregate', async () => {
    const { relay, session, give } = await reading()
    const wanted = session.checkpoint('2:4')
    give()
    await relay.records()
    await wanted
    expect(relay.checkpoints).toEqual(['2:4'])
  })

  test('are asked for again when DynamoDB is busy', async () => {
    const { relay, session, give, timing } = await reading()
    relay.refusals.push('ThrottlingException')
    const wanted = session.checkpoint('2')
    give()
    const asked = relay.records()
    await timing.elapse(200)
    await Promise.all([wanted, asked])
    expect(relay.checkpoints).toEqual(['2'])
  })

  test.each([
    ['ShutdownException', 'lease-lost'],
    ['IllegalArgumentException', 'checkpoint-refused'],
  ])('that are refused with %s fail', async (exception, code) => {
    const { relay, session, give } = await reading()
    relay.refusals.push(exception)
    const wanted = expect(session.checkpoint('2')).rejects.toMatchObject({ code })
    give()
    await relay.records()
    await wanted
  })
})

describe('the end of a shard', () => {
  async function atEnd() {
    const opened = await open()
    const relay = await opened.daemon.lease('s1')
    const session = await firstValueFrom(opened.sessions)
    const { isComplete } = read(session)
    opened.kinesis.split('s1', 's3', 's4')
    const asked = relay.ask({ action: 'shardEnded' })
    return { ...opened, relay, session, isComplete, asked }
  }

  test('is checkpointed by the consumer, and its children are known by then', async () => {
    const { source, relay, session, isComplete, asked } = await atEnd()
    expect(await session.released).toBe('shard-end')
    expect(isComplete()).toBe(true)
    expect(source.openShards().map(({ shardId }) => shardId)).toEqual(['s1', 's2', 's3', 's4'])
    expect(source.openShards().at(-1)).toMatchObject({ parentShardIds: ['s1'] })
    expect(relay.asked).toBe('shardEnded')
    await session.checkpoint('SHARD_END')
    await asked
    expect(relay.checkpoints).toEqual(['SHARD_END'])
    expect(source.openShards().map(({ shardId }) => shardId)).toEqual(['s2', 's3', 's4'])
  })

  test('is not told twice when the daemon dies before it has written it down', async () => {
    const { daemon, relay, session, handedOut } = await atEnd()
    await session.released
    relay.die()
    await daemon.called('restart')
    const again = await daemon.lease('s1')
    await again.records(9)
    const asked = again.ask({ action: 'shardEnded' })
    await quiet()
    // The consumer's snapshot is not durable yet.
    expect(again.checkpoints).toEqual([])
    await session.checkpoint('SHARD_END')
    await asked
    expect(again.checkpoints).toEqual(['SHARD_END'])
    expect(handedOut).toHaveLength(1)
  })

  test('of an earlier run is answered for the consumer', async () => {
    const { daemon, handedOut } = await open({ startAfter: new Map([['s1', 'SHARD_END']]) })
    const relay = await daemon.lease('s1')
    await relay.records(1)
    await relay.ask({ action: 'shardEnded' })
    expect(relay.checkpoints).toEqual(['SHARD_END'])
    expect(handedOut).toEqual([])
  })

  test('cannot be checkpointed before it has come', async () => {
    const { daemon, sessions } = await open()
    await daemon.lease('s1')
    await expect((await firstValueFrom(sessions)).checkpoint('SHARD_END')).rejects.toThrow('not at its end')
  })
})

describe('stop', () => {
  async function stopping(sequences: readonly number[]) {
    const opened = await open({ credits: 1 })
    const relay = await opened.daemon.lease('s1')
    const session = await firstValueFrom(opened.sessions)
    const reading = read(session)
    if (sequences.length > 0) await relay.records(...sequences)
    const held = sequences.length > 0 ? relay.records(8, 9) : undefined
    await quiet()
    const stopped = opened.source.stop()
    await opened.daemon.called('terminate')
    await held
    return { ...opened, relay, session, reading, stopped }
  }

  test('lets the consumer checkpoint what it has, and then kills the daemon and lets the leases go', async () => {
    const { daemon, relay, session, reading, stopped, sessions } = await stopping([1, 2])
    const asked = relay.ask({ action: 'shutdownRequested' })
    expect(await session.released).toBe('shutdown')
    expect(reading.texts).toEqual(['1', '2'])
    expect(reading.isComplete()).toBe(true)
    await quiet()
    expect(relay.asked).toBe('shutdownRequested')
    await session.checkpoint('2')
    await asked
    await stopped
    expect(relay.checkpoints).toEqual(['2'])
    expect(daemon.calls).toEqual(['start', 'terminate', 'kill', 'release'])
    await sessions.forEach(() => {})
  })

  test('does not wait longer than the consumer may take', async () => {
    const { relay, session, timing, stopped } = await stopping([1])
    const asked = relay.ask({ action: 'shutdownRequested' })
    await timing.elapse(handoverMs)
    await Promise.all([asked, stopped])
    await expect(session.checkpoint('1')).rejects.toMatchObject({ code: 'lease-lost' })
  })

  test('does not wait when nothing has to be saved', async () => {
    const { relay, stopped } = await stopping([])
    await relay.ask({ action: 'shutdownRequested' })
    await stopped
  })

  test('does not wait for a daemon that does not ask', async () => {
    const { session, timing, stopped } = await stopping([1])
    await timing.elapse(handoverMs + 2_000)
    await stopped
    expect(await session.released).toBe('shutdown')
  })
})

describe('whatever breaks between daemon and service', () => {
  const breaks: Array<[string, (relay: FakeRelay) => void]> = [
    ['a relay that dies', (relay) => relay.die()],
    ['a line that is no JSON', (relay) => relay.say('{"action":')],
    ['an unknown action', (relay) => relay.say('{"action":"sing"}')],
    ['records that are none', (relay) => relay.say('{"action":"processRecords","records":7}')],
  ]
  test.each(breaks)('starts the daemon again: %s', async (_, breakIt) => {
    const { daemon, sessions } = await open()
    const relay = await daemon.lease('s1')
    const session = await firstValueFrom(sessions)
    read(session)
    await relay.records(1)
    const wanted = expect(session.checkpoint('1')).rejects.toMatchObject({ code: 'lease-lost' })
    breakIt(relay)
    expect(await session.released).toBe('lease-lost')
    await daemon.called('restart')
    await wanted
    await relay.closed
  })

  test('a daemon that cannot be started fails the source', async () => {
    const { daemon, sessions } = await open()
    daemon.fail(new Error('no java'))
    await expect(sessions.forEach(() => {})).rejects.toThrow('no java')
  })
})

describe('a gap', () => {
  test('is reported when retention has taken records behind the checkpoint', async () => {
    const kinesis = new FakeKinesis('s1')
    kinesis.put('s1', 'a', 'b', 'c')
    const [a, c] = [kinesis.positionOf('a'), kinesis.positionOf('c')]
    kinesis.trim('s1', 2)
    const { daemon, gaps, sessions } = await open({ kinesis })
    await daemon.lease('s1', a)
    await firstValueFrom(sessions)
    await expect
      .poll(() => gaps)
      .toEqual([{ shardId: 's1', after: a, firstRead: c, firstArrivedAt: expect.any(Number) }])
  })

  test('is not there when the record at the checkpoint is', async () => {
    const kinesis = new FakeKinesis('s1')
    kinesis.put('s1', 'a', 'b')
    const { daemon, gaps } = await open({ kinesis })
    await daemon.lease('s1', kinesis.positionOf('a'))
    await expect.poll(() => kinesis.calls.some(({ call }) => call === 'GetRecords')).toBe(true)
    await quiet()
    expect(gaps).toEqual([])
  })
})
