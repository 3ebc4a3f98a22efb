import type { Subscription } from 'rxjs'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { CreditGate } from '../operators/credit-gate.ts'
import { createDirectSource, type DirectSourceOptions } from './direct.ts'
import { awsError, FakeKinesis } from './fake-kinesis.ts'
import type { Gap } from './shard-reader.ts'
import type { RecordBatch, ShardSession, ShardSource } from './shard-source.ts'

const running: Run[] = []
afterEach(async () => {
  for (const run of running.splice(0)) await run.stop()
})

/** Reads a stream to the full, giving each credit back at once and checkpointing each shard's end. */
class Run {
  /** What happened, in order: `begin s1`, `s1 text`, `end s1 shard-end`. */
  readonly log: string[] = []
  readonly batches: RecordBatch[] = []
  readonly gaps: Gap[] = []
  readonly sessions = new Map<string, ShardSession>()
  readonly gates = new Map<string, CreditGate>()
  readonly source: ShardSource
  error: unknown
  isComplete = false
  readonly #subscription: Subscription

  constructor(
    kinesis: FakeKinesis,
    options: Partial<DirectSourceOptions> & { holdEnds?: boolean; holdCredits?: boolean } = {},
  ) {
    running.push(this)
    this.source = createDirectSource({
      client: kinesis.client,
      streamName: 'orders',
      startAt: 'TRIM_HORIZON',
      timing: kinesis.timing,
      now: () => kinesis.timing.now(),
      listIntervalMs: Number.POSITIVE_INFINITY,
      onGap: (gap) => this.gaps.push(gap),
      gate: (shardId) => {
        this.gates.set(shardId, new CreditGate(1))
        return this.gates.get(shardId) as CreditGate
      },
      ...options,
    })
    this.#subscription = this.source.shards().subscribe({
      next: (session) => this.#read(session, options),
      error: (error) => {
        this.error = error
      },
      complete: () => {
        this.isComplete = true
      },
    })
  }

  get texts(): string[] {
    return this.log.filter((line) => !/^(begin|end) /.test(line))
  }

  async until(line: string): Promise<void> {
    await vi.waitFor(() => expect(this.log).toContain(line), { interval: 1 })
  }

  async stop(): Promise<void> {
    await this.source.stop()
    this.#subscription.unsubscribe()
  }

  #read(session: ShardSession, options: { holdEnds?: boolean; holdCredits?: boolean }): void {
    const { shardId } = session
    this.sessions.set(shardId, session)
    this.log.push(`begin ${shardId}`)
    session.batches.subscribe({
      next: (batch) => {
        this.batches.push(batch)
        for (const { data } of batch.records) this.log.push(`${shardId} ${Buffer.from(data)}`)
        if (!options.holdCredits) this.gates.get(shardId)?.give()
      },
      error: (error) => {
        this.error = error
      },
    })
    void session.released.then(async (reason) => {
      this.log.push(`end ${shardId} ${reason}`)
      if (reason === 'shard-end' && !options.holdEnds) await session.checkpoint('SHARD_END')
    })
  }
}

describe('resharding', () => {
  test('a split and a merge are followed, every record once, parents before children', async () => {
    const kinesis = new FakeKinesis('s1')
    kinesis.put('s1', 'a', 'b', 'c')
    kinesis.split('s1', 's2', 's3')
    kinesis.put('s3', 'd')
    kinesis.put('s2', 'e', 'f')
    kinesis.merge('s2', 's3', 's4')
    kinesis.put('s4', 'g')
    const run = new Run(kinesis)
    await run.until('s4 g')
    expect(run.texts.toSorted()).toEqual(['s1 a', 's1 b', 's1 c', 's2 e', 's2 f', 's3 d', 's4 g'])
    const at = (line: string) => run.log.indexOf(line)
    expect(at('end s1 shard-end')).toBeLessThan(Math.min(at('begin s2'), at('begin s3')))
    expect(Math.max(at('end s2 shard-end'), at('end s3 shard-end'))).toBeLessThan(at('begin s4'))
    expect(run.sessions.get('s4')?.parentShardIds).toEqual(['s2', 's3'])
  })

  test('shards that are resharded while they are read are followed without another listing', async () => {
    const kinesis = new FakeKinesis('s1')
    kinesis.put('s1', 'a')
    const run = new Run(kinesis, { startAt: new Date(0) })
    await run.until('s1 a')
    kinesis.split('s1', 's2', 's3')
    kinesis.put('s3', 'b')
    await run.until('s3 b')
    expect(kinesis.callsOf('ListShards')).toHaveLength(1)
  })

  test('a child whose other parent is not known yet waits for it', async () => {
    // s1 is split while it is still being read, and one half is merged with s2, whose end comes first.
    const kinesis = new FakeKinesis('s1', 's2')
    kinesis.put('s1', 'a1', 'a2')
    const run = new Run(kinesis, { holdCredits: true })
    await run.until('s1 a2')
    await run.until('begin s2')
    kinesis.put('s1', 'a3')
    kinesis.split('s1', 's3', 's4')
    kinesis.put('s4', 'b')
    kinesis.merge('s4', 's2', 's5')
    kinesis.put('s5', 'c')
    run.gates.get('s2')?.give()
    await run.until('end s2 shard-end')
    await vi.waitFor(() => expect(kinesis.callsOf('ListShards').length).toBeGreaterThan(1))
    for (const shardId of ['s1', 's1', 's1']) run.gates.get(shardId)?.give()
    await run.until('s5 c')
    const at = (line: string) => run.log.indexOf(line)
    expect(at('s4 b')).toBeLessThan(at('begin s5'))
  })

  test('children wait until the consumer has checkpointed the end of their parent', async () => {
    const kinesis = new FakeKinesis('s1')
    kinesis.split('s1', 's2', 's3')
    const run = new Run(kinesis, { holdEnds: true })
    await run.until('end s1 shard-end')
    await kinesis.timing.sleep(1)
    expect(run.sessions.size).toBe(1)
    await run.sessions.get('s1')?.checkpoint('SHARD_END')
    expect([...run.sessions.keys()]).toEqual(['s1', 's2', 's3'])
  })

  test('the end of a shard that is still being read cannot be checkpointed', async () => {
    const run = new Run(new FakeKinesis('s1'))
    await run.until('begin s1')
    await expect(run.sessions.get('s1')?.checkpoint('SHARD_END')).rejects.toThrow('not at its end')
  })

  test('tells the shards that were there at the start, page by page, and those not done yet', async () => {
    const kinesis = new FakeKinesis('s1', 's2', 's3')
    kinesis.split('s1', 's4', 's5')
    const run = new Run(kinesis, { startAfter: new Map([['s2', 'SHARD_END' as const]]) })
    expect((await run.source.initialShards).map(({ shardId }) => shardId)).toEqual(['s1', 's3', 's4', 's5'])
  })

  test('finds new shards by listing from time to time', async () => {
    const kinesis = new FakeKinesis('s1')
    const run = new Run(kinesis, { listIntervalMs: 10 })
    await run.until('begin s1')
    kinesis.shards.set('s9', { id: 's9', parents: [], children: [], records: [], isClosed: false })
    await run.until('begin s9')
  })
})

describe('credits and pace', () => {
  test('no read without a credit', async () => {
    const kinesis = new FakeKinesis('s1')
    kinesis.put('s1', ...'abcdefgh')
    const run = new Run(kinesis, { holdCredits: true })
    await run.until('s1 b')
    for (let turn = 0; turn < 50; turn++) await kinesis.timing.sleep(100)
    expect(kinesis.callsOf('GetRecords')).toHaveLength(1)
    run.gates.get('s1')?.give()
    await run.until('s1 d')
    expect(kinesis.callsOf('GetRecords')).toHaveLength(2)
  })

  test('a credit taken for a read that brought nothing is given back', async () => {
    const kinesis = new FakeKinesis('s1')
    const run = new Run(kinesis, { holdCredits: true })
    await run.until('begin s1')
    await run.stop()
    // The one credit is with the consumer if it got a batch, and free otherwise.
    const free = run.gates
      .get('s1')
      ?.take(AbortSignal.timeout(1))
      .then(
        () => 1,
        () => 0,
      )
    expect((await free) ?? 0).toBe(1 - run.batches.length)
  })

  test('reads at most five times a second, and on at once while it is behind', async () => {
    const kinesis = new FakeKinesis('s1')
    kinesis.put('s1', ...'abcdefghijklmnopqrst')
    const run = new Run(kinesis)
    await run.until('s1 t')
    const times = kinesis.callsOf('GetRecords').map(({ at }) => at)
    expect(times.slice(0, 5).every((at) => at === times[0])).toBe(true)
    for (const [n, at] of times.entries()) if (n >= 5) expect(at - (times[n - 5] ?? 0)).toBeGreaterThanOrEqual(1_000)
  })

  test('empty reads are delivered, so that idleness can be seen', async () => {
    const kinesis = new FakeKinesis('s1')
    const run = new Run(kinesis)
    await vi.waitFor(() => expect(run.batches.length).toBeGreaterThan(2))
    expect(run.batches[0]).toEqual({ records: [], millisBehindLatest: 0 })
  })
})

describe('faults', () => {
  test('throttling and network failures are sat out with a growing, jittered wait', async () => {
    const kinesis = new FakeKinesis('s1')
    kinesis.put('s1', 'a')
    kinesis.failures.GetRecords.push(
      awsError('ProvisionedThroughputExceededException'),
      Object.assign(new Error('reset'), { code: 'ECONNRESET' }),
      awsError('InternalFailure', '', 500),
    )
    const run = new Run(kinesis)
    await run.until('s1 a')
    const times = kinesis.callsOf('GetRecords').map(({ at }) => at)
    expect(times.slice(0, 4)).toEqual([0, 200, 600, 1_400])
    expect(run.texts).toEqual(['s1 a'])
  })

  test('an expired iterator is renewed after the last record that was read', async () => {
    const kinesis = new FakeKinesis('s1')
    kinesis.put('s1', 'a', 'b')
    const run = new Run(kinesis)
    await run.until('s1 b')
    kinesis.expireIterators()
    kinesis.put('s1', 'c')
    await run.until('s1 c')
    expect(run.texts).toEqual(['s1 a', 's1 b', 's1 c'])
    expect(run.gaps).toEqual([])
  })

  test('an iterator at LATEST that expires before any record came loses nothing', async () => {
    const kinesis = new FakeKinesis('s1')
    kinesis.put('s1', 'old')
    await kinesis.timing.sleep(10)
    const run = new Run(kinesis, { startAt: 'LATEST', holdCredits: true })
    await vi.waitFor(() => expect(run.batches).toHaveLength(1))
    await kinesis.timing.sleep(10)
    kinesis.put('s1', 'new')
    kinesis.expireIterators()
    run.gates.get('s1')?.give()
    await run.until('s1 new')
    expect(run.texts).toEqual(['s1 new'])
  })

  test('a stream that does not exist is an error with advice', async () => {
    const kinesis = new FakeKinesis('s1')
    kinesis.failures.ListShards.push(awsError('ResourceNotFoundException', 'Stream orders not found'))
    const run = new Run(kinesis, { endpoint: 'http://localhost:4567' })
    await vi.waitFor(() => expect(run.error).toBeDefined())
    expect(run.error).toMatchObject({ code: 'not-found' })
    expect(String(run.error)).toContain(
      'Could not read the stream "orders" at http://localhost:4567: it does not exist',
    )
    await expect(run.source.initialShards).rejects.toBe(run.error)
  })

  test('an endpoint that is down at the start is an error after a few attempts, and sat out later', async () => {
    const down = () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    const kinesis = new FakeKinesis('s1')
    kinesis.failures.ListShards.push(down(), down())
    await new Run(kinesis).until('begin s1')
    kinesis.failures.ListShards.push(...Array.from({ length: 5 }, down))
    const run = new Run(kinesis)
    await vi.waitFor(() => expect(run.error).toMatchObject({ code: 'unreachable' }))
  })

  test('a stream that is being created is waited for', async () => {
    const kinesis = new FakeKinesis('s1')
    kinesis.failures.ListShards.push(...Array.from({ length: 20 }, () => awsError('ResourceInUseException')))
    await new Run(kinesis).until('begin s1')
  })

  test('denied access to a shard ends its batches with an error', async () => {
    const kinesis = new FakeKinesis('s1')
    kinesis.failures.GetRecords.push(awsError('AccessDeniedException', 'not authorized to perform: kinesis:GetRecords'))
    const run = new Run(kinesis)
    await run.until('end s1 shutdown')
    expect(run.error).toMatchObject({ code: 'access-denied', message: expect.stringContaining('kinesis:GetRecords') })
  })
})

describe('continuing an earlier run', () => {
  test('begins after the position, without delivering its record again', async () => {
    const kinesis = new FakeKinesis('s1')
    kinesis.put('s1', 'a', 'b', 'c')
    const run = new Run(kinesis, { startAfter: new Map([['s1', kinesis.positionOf('b')]]) })
    await run.until('s1 c')
    expect(run.texts).toEqual(['s1 c'])
    expect(run.gaps).toEqual([])
    expect(run.sessions.get('s1')?.startAfter).toBe(kinesis.positionOf('b'))
  })

  test('a position inside an aggregated record brings that record again', async () => {
    const kinesis = new FakeKinesis('s1')
    kinesis.put('s1', 'a', 'b', 'c')
    const run = new Run(kinesis, { startAfter: new Map([['s1', `${kinesis.positionOf('b')}:3`]]) })
    await run.until('s1 c')
    expect(run.texts).toEqual(['s1 b', 's1 c'])
  })

  test('a position that retention has trimmed is a gap with its extent', async () => {
    const kinesis = new FakeKinesis('s1')
    kinesis.put('s1', 'a', 'b')
    await kinesis.timing.sleep(70)
    kinesis.put('s1', 'c')
    const after = kinesis.positionOf('a')
    kinesis.trim('s1', 2)
    const run = new Run(kinesis, { startAfter: new Map([['s1', after]]) })
    await run.until('s1 c')
    expect(run.gaps).toEqual([{ shardId: 's1', after, firstRead: kinesis.positionOf('c'), firstArrivedAt: 70 }])
  })

  test('a shard that ended and was trimmed is a gap without an end', async () => {
    const kinesis = new FakeKinesis('s1')
    kinesis.put('s1', 'a', 'b')
    const after = kinesis.positionOf('a')
    kinesis.split('s1', 's2', 's3')
    kinesis.trim('s1', 2)
    const run = new Run(kinesis, {
      startAfter: new Map([
        ['s1', after],
        ['s0', '1'],
      ]),
    })
    await run.until('begin s2')
    const unknown = { firstRead: undefined, firstArrivedAt: undefined }
    expect(run.gaps).toEqual([
      { shardId: 's0', after: '1', ...unknown },
      { shardId: 's1', after, ...unknown },
    ])
  })

  test('a shard that retention takes while it is read is over, and a gap', async () => {
    const kinesis = new FakeKinesis('s1', 's2')
    kinesis.put('s1', 'a')
    const run = new Run(kinesis)
    await run.until('s1 a')
    kinesis.shards.delete('s1')
    await run.until('end s1 shard-end')
    expect(run.gaps).toMatchObject([{ shardId: 's1', firstRead: undefined }])
    expect(run.error).toBeUndefined()
  })

  test('a position of another stream is an error that says so', async () => {
    const kinesis = new FakeKinesis('s1')
    kinesis.failures.GetShardIterator.push(awsError('InvalidArgumentException', 'did not come from this stream'))
    const run = new Run(kinesis, { startAfter: new Map([['s1', '77']]) })
    await vi.waitFor(() => expect(run.error).toMatchObject({ code: 'foreign-position' }))
  })
})

describe('stopping', () => {
  test('before the shards are known is no failure', async () => {
    const kinesis = new FakeKinesis('s1')
    const run = new Run(kinesis)
    await run.source.stop()
    expect(await run.source.initialShards).toEqual([])
    await vi.waitFor(() => expect(run.isComplete).toBe(true))
    expect(run.log).toEqual([])
  })

  test('ends all sessions with shutdown and completes', async () => {
    const kinesis = new FakeKinesis('s1', 's2', 's3')
    const run = new Run(kinesis)
    await run.until('begin s3')
    await run.source.stop()
    await vi.waitFor(() => expect(run.isComplete).toBe(true))
    expect(run.log.filter((line) => line.startsWith('end')).toSorted()).toEqual(
      ['s1', 's2', 's3'].map((id) => `end ${id} shutdown`),
    )
    const calls = kinesis.calls.length
    for (let turn = 0; turn < 20; turn++) await kinesis.timing.sleep(1_000)
    expect(kinesis.calls).toHaveLength(calls)
  })
})
