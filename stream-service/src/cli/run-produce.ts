// What `millrace produce` does once its options are known.
import { endpointOf, kinesisClient } from '@millrace/shared/aws-clients'
import { MillraceError } from '@millrace/shared/errors'
import type { RecordToPut } from '@millrace/shared/put-records'
import { InputError } from '../sources/input-file.ts'
import { type ProducerProgress, runProducer, sampleRecords } from '../sources/producer.ts'
import { fileRecords, type RefusedLine, withKeyFrom } from '../sources/record-lines.ts'
import { badUsage, CommandError } from './exit.ts'
import { onInterrupt } from './interrupt.ts'
import { Progress } from './progress.ts'

export interface ProduceOptions {
  readonly stream: string
  readonly endpoint?: string
  readonly region?: string
  readonly file?: string
  readonly raw?: boolean
  readonly key?: string
  readonly rate?: number
  readonly count?: number
  readonly duration?: number
  readonly seed?: number
  readonly json?: boolean
  readonly quiet?: boolean
}

/** How many refused lines are told one by one on standard error before only their number is. */
const toldOneByOne = 20

export async function runProduce(options: ProduceOptions): Promise<void> {
  const { stream: streamName, file } = options
  if (file === undefined && options.raw) throw badUsage('--raw is about the lines of a file; give --file too')
  if (file !== undefined && options.seed !== undefined) throw badUsage('--seed is for sample events, not for --file')

  const place = { endpoint: options.endpoint, region: options.region }
  const endpoint = endpointOf('KINESIS', place)
  const interrupt = onInterrupt()
  const progress = new Progress()
  const refusals = new Refusals(progress)
  const records = limited(
    file === undefined ? samples(options) : fileRecords({ ...options, file, onRefused: refusals.tell }),
    options.count,
  )
  const timeout = options.duration === undefined ? [] : [AbortSignal.timeout(options.duration)]
  let client: ReturnType<typeof kinesisClient> | undefined
  try {
    client = kinesisClient(place)
    const summary = await runProducer({
      client,
      streamName,
      endpoint,
      events: records,
      rate: options.rate ?? (file === undefined ? 100 : undefined),
      signal: AbortSignal.any([interrupt.signal, ...timeout]),
      onRefused: (_, reason) => refusals.tell({ place: streamName, reason: `not put: ${reason}` }),
      ...(options.quiet ? {} : { onProgress: (state) => progress.show(() => describe(state)) }),
    })
    progress.clear()
    report(summary, refusals, options)
    if (summary.failed + refusals.lines > 0)
      throw new CommandError(1, `${summary.failed + refusals.lines} records were not put`)
  } catch (error) {
    progress.clear()
    throw asCommandError(error)
  } finally {
    interrupt.release()
    client?.destroy()
    // Reading ended before the input did: an open standard input would keep the process waiting for it.
    if (file === '-') process.stdin.destroy()
  }
}

function samples(options: ProduceOptions): Iterable<RecordToPut> {
  const records = sampleRecords({ seed: options.seed ?? Math.floor(Math.random() * 2 ** 32) })
  return options.key === undefined ? records : withKeyFrom(options.key, records)
}

async function* limited(records: Iterable<RecordToPut> | AsyncIterable<RecordToPut>, count = Number.POSITIVE_INFINITY) {
  let left = count
  for await (const record of records) {
    yield record
    if (--left <= 0) return
  }
}

/** Tells refused lines as they come, and counts those of the file. */
class Refusals {
  lines = 0
  #told = 0
  readonly #progress: Progress

  constructor(progress: Progress) {
    this.#progress = progress
  }

  readonly tell = (refused: RefusedLine): void => {
    if (refused.line !== undefined) this.lines++
    if (this.#told++ >= toldOneByOne) return
    const at = refused.line === undefined ? refused.place : `${refused.place}:${refused.line}`
    this.#progress.say(`${at}: ${refused.reason}`)
  }

  get untold(): number {
    return Math.max(0, this.#told - toldOneByOne)
  }
}

function report(summary: ProducerProgress, refusals: Refusals, { json, stream }: ProduceOptions): void {
  if (refusals.untold > 0) process.stderr.write(`… and ${refusals.untold} more\n`)
  const perSecond = summary.put / (summary.elapsedMs / 1_000) || 0
  if (json) {
    const figures = { ...summary, elapsedMs: Math.round(summary.elapsedMs) }
    const recordsPerSecond = Math.round(perSecond * 10) / 10
    process.stdout.write(`${JSON.stringify({ stream, ...figures, recordsPerSecond, refused: refusals.lines })}\n`)
    return
  }
  const refused = refusals.lines > 0 ? `, ${refusals.lines} lines refused` : ''
  const unfinished = summary.unfinished > 0 ? `, ${summary.unfinished} not put any more` : ''
  process.stderr.write(`${stream}: ${describe(summary)}${refused}${unfinished}\n`)
}

function describe({ put, failed, retries, elapsedMs }: ProducerProgress): string {
  const seconds = elapsedMs / 1_000
  const perSecond = seconds > 0 ? (put / seconds).toFixed(put / seconds < 100 ? 1 : 0) : '0'
  return `${put} put, ${failed} failed, ${perSecond} records/s, ${retries} retries, ${seconds.toFixed(1)} s`
}

function asCommandError(error: unknown): unknown {
  if (error instanceof InputError) {
    const isMissing = ['ENOENT', 'EISDIR'].includes((error.cause as NodeJS.ErrnoException).code ?? '')
    return new CommandError(isMissing ? 2 : 1, error.message, { cause: error })
  }
  if (error instanceof MillraceError) {
    return new CommandError(error.code === 'bad-endpoint' ? 2 : 1, error.message, { cause: error })
  }
  return error
}
