// Scenarios: files that say what happens in each shard and when, so that idleness, resharding and lateness can be replayed
// exactly. One JSON object a line:
//   {"at":0,"shards":[{"id":"s1"},{"id":"s3","parents":["s1"]}]}   shards become known
//   {"at":5,"shard":"s1","data":{…}}     a record arrives and is read; or "raw":"text", or "b64":"…"
//   {"at":9,"shard":"s1","empty":true}   a read comes back empty and caught up; "behind":MS if not caught up
//   {"at":9,"shard":"s1","end":true,"children":["s2"]}
//   {"at":60000}                         time passes
import { isUtf8 } from 'node:buffer'
import type { Emission } from '../engine/emission.ts'
import { type Job, ShardEndedError } from '../engine/job.ts'
import { Faults, type ObjectReader } from '../queries/faults.ts'
import { readBlocks } from './input-file.ts'
import { LineCutter } from './lines.ts'

/** A line of a scenario that makes no sense; the message names file and line. */
export class ScenarioError extends Error {
  readonly code = 'INVALID_SCENARIO'

  constructor(path: string, lineNumber: number, problem: string) {
    super(`${path === '-' ? 'standard input' : path}:${lineNumber}: ${problem}`)
    this.name = 'ScenarioError'
  }
}

type Event =
  | { readonly kind: 'shards'; readonly shards: readonly { shardId: string; parentShardIds: string[] }[] }
  | { readonly kind: 'record'; readonly shardId: string; readonly data: Buffer }
  | { readonly kind: 'empty'; readonly shardId: string; readonly behindMs: number }
  | { readonly kind: 'end'; readonly shardId: string; readonly children: readonly string[] }
  | { readonly kind: 'time' }

/**
 * Plays a scenario into `job`, with `at` as the clock: time passes first, then the line happens. The end of the file
 * closes nothing unless `drain`. Returns the number of records.
 * @throws ScenarioError at the first line that cannot be played; InputError when the file cannot be read.
 */
export async function replayScenario(
  path: string,
  job: Job,
  options: { readonly drain: boolean; readonly onEmissions: (emissions: readonly Emission[]) => Promise<void> | void },
): Promise<number> {
  const emissions: Emission[] = []
  let now = Number.NEGATIVE_INFINITY
  let records = 0
  const play = (text: string, lineNumber: number) => {
    const { at, event } = parseLine(text, path, lineNumber)
    now = Math.max(now, at)
    emissions.push(...job.tick(now))
    try {
      emissions.push(...apply(job, event, now, lineNumber))
    } catch (error) {
      if (error instanceof ShardEndedError) throw new ScenarioError(path, lineNumber, error.message)
      throw error
    }
    if (event.kind === 'record') records++
    // What an event brings about without time passing, such as idleAfter 0.
    emissions.push(...job.tick(now))
  }
  const cutter = new LineCutter({
    line(bytes, start, end, isKnownUtf8, lineNumber) {
      if (!isKnownUtf8 && !isUtf8(bytes.subarray(start, end))) {
        throw new ScenarioError(path, lineNumber, 'the line is not valid UTF-8; write such records as "b64"')
      }
      play(bytes.toString('utf8', start, end), lineNumber)
    },
    tooLong(_head, length, lineNumber) {
      throw new ScenarioError(path, lineNumber, `the line has ${length} bytes, which is too long`)
    },
  })
  const handOn = async () => options.onEmissions(emissions.splice(0))
  for await (const block of readBlocks(path)) {
    cutter.push(block)
    await handOn()
  }
  cutter.end()
  if (options.drain) emissions.push(...job.drain())
  await handOn()
  return records
}

function apply(job: Job, event: Event, now: number, lineNumber: number): Emission[] {
  switch (event.kind) {
    case 'time':
      return []
    case 'shards':
      return job.declare(event.shards)
    case 'record': {
      const record = { position: String(lineNumber), partitionKey: '', arrivedAt: now, data: event.data }
      return job.accept(event.shardId, [record], 0, now)
    }
    case 'empty':
      return job.accept(event.shardId, [], event.behindMs, now)
    case 'end':
      return job.end(event.shardId, event.children)
  }
}

function parseLine(text: string, path: string, lineNumber: number): { at: number; event: Event } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new ScenarioError(path, lineNumber, `the line is no JSON: ${(error as Error).message}`)
  }
  const faults = new Faults()
  const line = faults.object(value, '')
  const at = line?.required('at', 'a time in epoch milliseconds', (ms) =>
    typeof ms === 'number' && Math.abs(ms) <= 8.64e15 ? ms : undefined,
  )
  const event = line === undefined ? undefined : parseEvent(line, faults)
  line?.refuseOthers()
  if (at === undefined || event === undefined || faults.list.length > 0) {
    const problems = faults.list.map(({ path: where, message }) => `${where || 'the line'} ${message}`)
    throw new ScenarioError(path, lineNumber, problems.join('; '))
  }
  return { at, event }
}

const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)
const texts = (value: unknown) =>
  Array.isArray(value) && value.every((each) => text(each) !== undefined) ? (value as string[]) : undefined
const isTrue = (value: unknown) => (value === true ? true : undefined)

function parseEvent(line: ObjectReader, faults: Faults): Event | undefined {
  // Known, so that a misspelled one is told with the nearest of them.
  for (const name of ['shard', 'data', 'raw', 'b64', 'empty', 'behind', 'end', 'children', 'shards']) line.get(name)
  if (line.names.includes('shards')) return parseShards(line, faults)
  const shardId = line.optional('shard', 'the id of a shard', text)
  const kinds = ['data', 'raw', 'b64', 'empty', 'end'].filter((name) => line.names.includes(name))
  if (shardId === undefined) {
    return kinds.length === 0 ? { kind: 'time' } : faults.add('shard', `is missing beside '${kinds[0]}'`)
  }
  if (kinds.length !== 1) {
    return faults.add('', `needs exactly one of data, raw, b64, empty, end for shard '${shardId}'`)
  }
  switch (kinds[0]) {
    case 'data':
      return { kind: 'record', shardId, data: Buffer.from(JSON.stringify(line.get('data'))) }
    case 'raw': {
      const raw = line.required('raw', 'a text', (value) => (typeof value === 'string' ? value : undefined))
      return raw === undefined ? undefined : { kind: 'record', shardId, data: Buffer.from(raw) }
    }
    case 'b64': {
      const encoded = line.required('b64', 'bytes in base64', (value) =>
        typeof value === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(value) ? value : undefined,
      )
      return encoded === undefined ? undefined : { kind: 'record', shardId, data: Buffer.from(encoded, 'base64') }
    }
    case 'empty': {
      line.required('empty', 'true', isTrue)
      const behindMs = line.optional('behind', 'milliseconds, 0 or more', (ms) =>
        Number.isFinite(ms) && (ms as number) >= 0 ? (ms as number) : undefined,
      )
      return { kind: 'empty', shardId, behindMs: behindMs ?? 0 }
    }
    default: {
      line.required('end', 'true', isTrue)
      const children = line.optional('children', 'a list of shard ids', texts) ?? []
      if (children.includes(shardId)) return faults.add('children', `shard '${shardId}' cannot be its own child`)
      return { kind: 'end', shardId, children }
    }
  }
}

function parseShards(line: ObjectReader, faults: Faults): Event | undefined {
  const list = line.required('shards', 'a list of shards', (value) =>
    Array.isArray(value) ? (value as unknown[]) : undefined,
  )
  const shards = list?.map((value, i) => {
    const shard = faults.object(value, `shards[${i}]`)
    const shardId = shard?.required('id', 'the id of a shard', text)
    const parentShardIds = shard?.optional('parents', 'a list of shard ids', texts) ?? []
    shard?.refuseOthers()
    return { shardId: shardId ?? '', parentShardIds }
  })
  if (shards === undefined) return undefined
  for (const { shardId } of shards) {
    if (isAncestor(shardId, shardId, shards))
      return faults.add('shards', `shard '${shardId}' cannot be its own parent or ancestor`)
  }
  return { kind: 'shards', shards }
}

/** Whether a shard comes before another by way of parents. */
function isAncestor(
  ancestor: string,
  shardId: string,
  shards: readonly { readonly shardId: string; readonly parentShardIds: readonly string[] }[],
): boolean {
  const seen = new Set<string>()
  const open = [shardId]
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    for (const parent of shards.find((shard) => shard.shardId === id)?.parentShardIds ?? []) {
      if (parent === ancestor) return true
      if (!seen.has(parent)) open.push(parent)
      seen.add(parent)
    }
  }
  return false
}
