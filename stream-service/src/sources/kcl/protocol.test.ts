// The protocol as Amazon's own implementation for Node speaks it: `aws-kcl` and the source `kcl` are told the same by a
// daemon, and must answer the same.
import { PassThrough } from 'node:stream'
// @ts-expect-error: the package has no types.
import KCLManager from 'aws-kcl/lib/kcl/kcl_manager.js'
import { describe, expect, test } from 'vitest'
import { Conversation } from './conversation.ts'
import { checkpointLine, type Question, readMessage } from './protocol.ts'

interface Said {
  readonly action: string
  readonly sequenceNumber?: string | null
  readonly responseFor?: string
}

/** Answers a line of the processor as the daemon would, with what it says next; undefined when it has no more to say. */
type Script = (heard: Said) => string | undefined

const records = JSON.stringify({
  action: 'processRecords',
  records: [7, 8].map((n) => ({
    data: Buffer.from(String(n)).toString('base64'),
    partitionKey: 'k',
    sequenceNumber: String(n),
    approximateArrivalTimestamp: 1,
    subSequenceNumber: 0,
    action: 'record',
  })),
  millisBehindLatest: 0,
})

/** Asks these one after the other, and confirms checkpoints. */
function script(...questions: readonly string[]): { first: string; next: Script } {
  const left = questions.slice(1)
  return {
    first: questions[0]!,
    next: ({ action, sequenceNumber = null }) =>
      action === 'checkpoint' ? JSON.stringify({ action, sequenceNumber, error: null }) : left.shift(),
  }
}

const initialize = '{"action":"initialize","shardId":"s1","sequenceNumber":"TRIM_HORIZON","subSequenceNumber":0}'
const scripts = {
  'a lease that is lost': [initialize, records, records, '{"action":"leaseLost"}'],
  'a shard that ends': [initialize, records, '{"action":"shardEnded"}'],
  'a shutdown': [initialize, records, '{"action":"shutdownRequested"}', '{"action":"leaseLost"}'],
}

/** Lets a processor and a scripted daemon talk until the script is over; what the processor said, in order. */
async function talk(
  questions: readonly string[],
  processor: (input: PassThrough, output: PassThrough) => void,
): Promise<Said[]> {
  const input = new PassThrough()
  const output = new PassThrough()
  const { first, next } = script(...questions)
  const said: Said[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  let rest = ''
  output.on('data', (chunk) => {
    rest += chunk
    const lines = rest.split('\n')
    rest = lines.pop()!
    for (const line of lines.filter((text) => text !== '')) {
      const { action, sequenceNumber, responseFor }: Said = JSON.parse(line)
      said.push(
        action === 'checkpoint'
          ? { action, sequenceNumber: sequenceNumber ?? null }
          : { action, responseFor: responseFor! },
      )
      const answer = next(said.at(-1)!)
      if (answer === undefined) resolve()
      else input.write(`${answer}\n`)
    }
  })
  processor(input, output)
  input.write(`${first}\n`)
  await promise
  input.end()
  return said
}

function awsKcl(input: PassThrough, output: PassThrough): void {
  const manager = new KCLManager({ recordProcessor }, input, output, new PassThrough())
  manager.run()
}

interface AwsInput {
  readonly records: ReadonlyArray<{ readonly sequenceNumber: string }>
  readonly checkpointer: { checkpoint(sequenceNumber: string, done: () => void): void }
}

const recordProcessor = {
  initialize: (_: unknown, done: () => void) => done(),
  processRecords: (given: AwsInput, done: () => void) =>
    given.checkpointer.checkpoint(given.records.at(-1)!.sequenceNumber, done),
  leaseLost: (_: unknown, done: () => void) => done(),
  shardEnded: ({ checkpointer }: AwsInput, done: () => void) =>
    (checkpointer.checkpoint as unknown as (done: () => void) => void)(done),
  shutdownRequested: ({ checkpointer }: AwsInput, done: () => void) => checkpointer.checkpoint('8', done),
}

function ours(input: PassThrough, output: PassThrough): void {
  const socket = Object.assign(input, { write: input.write.bind(input) })
  const conversation: Conversation = new Conversation(
    new Proxy(socket, {
      get: (target, name) => (name === 'write' ? output.write.bind(output) : bound(target, name)),
    }) as never,
    {
      answer: async (question: Question) => {
        if (question.action === 'processRecords') await conversation.checkpoint(question.batch.records.at(-1)!.position)
        if (question.action === 'shardEnded') await conversation.checkpoint('SHARD_END')
        if (question.action === 'shutdownRequested') await conversation.checkpoint('8')
      },
      closed: () => {},
    },
  )
}

function bound(target: object, name: string | symbol): unknown {
  const value = Reflect.get(target, name)
  return typeof value === 'function' ? value.bind(target) : value
}

test.each(Object.entries(scripts))('aws-kcl says the same: %s', async (_, questions) => {
  const expected = await talk(questions, awsKcl)
  expect(expected.length).toBeGreaterThan(questions.length)
  expect(await talk(questions, ours)).toEqual(expected)
})

describe('what aws-kcl cannot say', () => {
  test('a checkpoint may name a place in an aggregate', () => {
    expect(JSON.parse(checkpointLine('7:3'))).toEqual({
      action: 'checkpoint',
      sequenceNumber: '7',
      subSequenceNumber: 3,
    })
  })

  test('a line that is broken is told with its beginning', () => {
    expect(() => readMessage([Buffer.from(`{"action":"${'x'.repeat(1_000)}"}`)])).toThrow(
      /unknown action: .{200}… \(1013 characters\)/,
    )
    expect(() => readMessage([Buffer.from('[')])).toThrow('no JSON')
    expect(() => readMessage([Buffer.from('7')])).toThrow('no object')
    expect(() => readMessage([Buffer.from('{"action":"initialize"}')])).toThrow('names no shard')
  })
})
