// The KCL's daemon for unit tests: it says over the service's socket what a test tells it to, one relay for each shard, and
// tells what the service said. It keeps the rule that the daemon listens only between a question and its answer.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import type { DaemonMaker, Leases, SupervisedDaemon } from './kcl-source.ts'
import type { Lease } from './lease-table.ts'
import type { RecordMessage } from './process-records.ts'

export class FakeDaemon {
  readonly calls: Array<'start' | 'restart' | 'terminate' | 'kill' | 'release'> = []
  readonly relays = new Set<FakeRelay>()
  leaseRows: Lease[] = []
  fail: (error: Error) => void = () => {}
  #socketPath: string | undefined
  #onCall: Array<() => void> = []

  readonly make: DaemonMaker = ({ socketPath, onFailure }): SupervisedDaemon => {
    this.#socketPath = socketPath
    this.fail = onFailure
    return {
      start: async () => this.#note('start'),
      restart: () => this.#note('restart'),
      terminate: () => this.#note('terminate'),
      kill: async () => {
        this.#note('kill')
        for (const relay of this.relays) relay.die()
      },
    }
  }

  readonly leases: Leases = {
    prepare: async (startAt) => (startAt === 'TRIM_HORIZON' ? startAt : { atSecond: 0 }),
    list: async () => this.leaseRows,
    release: async () => {
      this.#note('release')
      return 0
    },
  }

  /** Waits until the service has done it. */
  async called(call: FakeDaemon['calls'][number]): Promise<void> {
    while (!this.calls.includes(call)) await new Promise<void>((resolve) => this.#onCall.push(resolve))
  }

  /** A shard's lease was acquired: its relay connects and is initialized. */
  async lease(shardId: string, sequenceNumber = 'TRIM_HORIZON', subSequenceNumber = 0): Promise<FakeRelay> {
    const socket = connect(this.#socketPath!)
    await once(socket, 'connect')
    const relay = new FakeRelay(socket)
    this.relays.add(relay)
    await relay.ask({ action: 'initialize', shardId, sequenceNumber, subSequenceNumber })
    return relay
  }

  #note(call: FakeDaemon['calls'][number]): void {
    this.calls.push(call)
    for (const resolve of this.#onCall.splice(0)) resolve()
  }
}

export class FakeRelay {
  readonly closed: Promise<unknown>
  /** What the service asked to be checkpointed, as `sequence` or `sequence:sub`, in order. */
  readonly checkpoints: string[] = []
  /** What to answer the next checkpoints with, before they are taken again. */
  readonly refusals: string[] = []
  readonly #socket: Socket
  #asked: { readonly action: string; resolve(): void } | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    this.closed = once(socket, 'close')
    socket.on('error', () => {})
    createInterface({ input: socket }).on('line', (line) => this.#hear(JSON.parse(line)))
  }

  /** Asks; resolves when the answer has come, or the daemon was killed before. */
  async ask(message: { readonly action: string; readonly [name: string]: unknown }): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#asked = { action: message.action, resolve }
    this.say(JSON.stringify(message))
    await Promise.race([promise, this.closed])
  }

  records(...sequenceNumbers: number[]): Promise<void> {
    return this.ask({ action: 'processRecords', records: sequenceNumbers.map(recordOf), millisBehindLatest: 0 })
  }

  say(line: string): void {
    this.#socket.write(`${line}\n`)
  }

  /** The question that is not answered. */
  get asked(): string | undefined {
    return this.#asked?.action
  }

  die(): void {
    this.#socket.destroy()
  }

  #hear(message: { action: string; responseFor?: string; sequenceNumber?: string | null; subSequenceNumber?: number }) {
    if (this.#asked === undefined) throw new Error(`the daemon does not listen now: ${JSON.stringify(message)}`)
    if (message.action === 'checkpoint') {
      const error = this.refusals.shift() ?? null
      const { sequenceNumber = null, subSequenceNumber = 0 } = message
      const name =
        sequenceNumber === null ? 'SHARD_END' : `${sequenceNumber}${subSequenceNumber ? `:${subSequenceNumber}` : ''}`
      if (error === null) this.checkpoints.push(name)
      this.say(JSON.stringify({ action: 'checkpoint', sequenceNumber, subSequenceNumber, error }))
      return
    }
    const { action, resolve } = this.#asked
    if (message.responseFor !== action) throw new Error(`answered ${message.responseFor} instead of ${action}`)
    this.#asked = undefined
    resolve()
  }
}

function recordOf(sequence: number): RecordMessage & { readonly action: 'record' } {
  return {
    data: Buffer.from(String(sequence)).toString('base64'),
    partitionKey: 'k',
    sequenceNumber: String(sequence),
    approximateArrivalTimestamp: 1_000,
    subSequenceNumber: 0,
    action: 'record',
  }
}
