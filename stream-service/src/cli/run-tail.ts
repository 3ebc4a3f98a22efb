// What `millrace tail` does once its options are known.
import { isUtf8 } from 'node:buffer'
import { endpointOf, kinesisClient } from '@millrace/shared/aws-clients'
import { MillraceError } from '@millrace/shared/errors'
import { concatMap, lastValueFrom, mergeMap } from 'rxjs'
import { CreditGate } from '../operators/credit-gate.ts'
import type { StreamRecord } from '../records/record.ts'
import { createDirectSource } from '../sources/direct.ts'
import type { RecordBatch, ShardSession, ShardSource } from '../sources/shard-source.ts'
import { CommandError } from './exit.ts'
import { onInterrupt } from './interrupt.ts'
import { LineOutput, OutputError } from './output.ts'

export interface TailOptions {
  readonly stream: string
  readonly endpoint?: string
  readonly region?: string
  readonly from: 'LATEST' | 'TRIM_HORIZON' | Date
  readonly limit?: number
  readonly json?: boolean
  readonly quiet?: boolean
}

export async function runTail(options: TailOptions): Promise<void> {
  const place = { endpoint: options.endpoint, region: options.region }
  const endpoint = endpointOf('KINESIS', place)
  const say = (text: string) => options.quiet || process.stderr.write(`${text}\n`)
  const interrupt = onInterrupt()
  let client: ReturnType<typeof kinesisClient> | undefined
  try {
    client = kinesisClient(place)
    const gates = new Map<string, CreditGate>()
    const source = createDirectSource({
      client,
      streamName: options.stream,
      endpoint,
      startAt: options.from,
      gate: (shardId) => {
        const gate = new CreditGate(1)
        gates.set(shardId, gate)
        return gate
      },
      logger: {
        info: () => {},
        warn: (fields, message) => say('reason' in fields ? `${message} (${fields.reason})` : message),
      },
    })
    interrupt.signal.addEventListener('abort', () => void source.stop(), { once: true })
    const shards = await source.initialShards
    if (interrupt.signal.aborted) return
    say(`${options.stream}: ${shards.length === 1 ? '1 shard' : `${shards.length} shards`}; Ctrl-C ends`)
    await print(source, gates, LineOutput.open('-'), options)
  } catch (error) {
    throw asCommandError(error)
  } finally {
    interrupt.release()
    client?.destroy()
  }
}

/** Prints until the source stops, which it is told at the limit or when nobody reads the output any more. */
async function print(
  source: ShardSource,
  gates: ReadonlyMap<string, CreditGate>,
  output: LineOutput,
  options: TailOptions,
): Promise<void> {
  const toLine = lineWriter(options.json === true, process.stdout.isTTY === true)
  let left = options.limit ?? Number.POSITIVE_INFINITY

  const printBatch = async (session: ShardSession, batch: RecordBatch) => {
    const records = batch.records.slice(0, left)
    left -= records.length
    for (const record of records) output.writeLine(toLine(session.shardId, record))
    await output.flush()
    if (left <= 0 || output.isClosed) void source.stop()
    gates.get(session.shardId)?.give()
  }
  const printShard = async (session: ShardSession) => {
    const printed = session.batches.pipe(concatMap((batch) => printBatch(session, batch)))
    await lastValueFrom(printed, { defaultValue: undefined })
    if ((await session.released) === 'shard-end') await session.checkpoint('SHARD_END')
  }
  await lastValueFrom(source.shards().pipe(mergeMap(printShard)), { defaultValue: undefined })
}

function lineWriter(isJson: boolean, isTerminal: boolean): (shard: string, record: StreamRecord) => string {
  if (isJson) {
    return (shard, { position, partitionKey, arrivedAt, data }) => {
      const body = isUtf8(data) ? { data: textOf(data) } : { dataBase64: Buffer.from(data).toString('base64') }
      return JSON.stringify({ shard, position, partitionKey, arrivedAt, ...body })
    }
  }
  // Records come from anybody: on a terminal their control characters must not become commands to it.
  return (_, { data }) => (isTerminal ? withoutControls(textOf(data)) : textOf(data))
}

function textOf(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString()
}

function withoutControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for; tab and line feed stay.
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (control) => {
    return `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
}

function asCommandError(error: unknown): unknown {
  if (error instanceof MillraceError) {
    return new CommandError(error.code === 'bad-endpoint' ? 2 : 1, error.message, { cause: error })
  }
  return error instanceof OutputError ? new CommandError(1, error.message, { cause: error }) : error
}
