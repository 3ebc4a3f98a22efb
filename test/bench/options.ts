// The command line of `npm run bench`. It has modes: the comparison of contestants, and one for each question that a
// comparison does not answer.
import { parseArgs } from 'node:util'
import { type Contestant, contestants, standard } from './contestants.ts'
import { queries } from './queries.ts'
import type { Query } from './query.ts'

export type BenchOptions =
  | ComparisonOptions
  | MemoryOptions
  | TogetherOptions
  | ThreadsOptions
  | LatencyOptions
  | SnapshotsOptions

export interface ComparisonOptions {
  readonly mode: 'comparison'
  readonly queries: readonly Query[]
  readonly contestants: readonly Contestant[]
  readonly records: number
  /** As many as usual when left out: fewer of what takes long. */
  readonly runs: number | undefined
  readonly seed: number
  readonly json: boolean
}

export interface MemoryOptions {
  readonly mode: 'memory'
  readonly records: number
  readonly runs: number
  readonly seed: number
  readonly json: boolean
}

export interface TogetherOptions {
  readonly mode: 'together'
  readonly records: number
  readonly runs: number
  readonly seed: number
  readonly json: boolean
}

export interface ThreadsOptions {
  readonly mode: 'threads'
  readonly records: number
  readonly runs: number
  readonly seed: number
  readonly json: boolean
}

export interface LatencyOptions {
  readonly mode: 'latency'
  readonly seconds: number
  readonly seed: number
  readonly json: boolean
}

export interface SnapshotsOptions {
  readonly mode: 'snapshots'
  readonly panes: number
  readonly runs: number
  readonly seed: number
  readonly json: boolean
}

/** The command line makes no sense; `message` says why. Exit code 2. */
export class UsageError extends Error {
  readonly code = 'BAD_USAGE'
}

export const modes = ['memory', 'together', 'threads', 'latency', 'snapshots'] as const

const options = {
  memory: { type: 'boolean' },
  together: { type: 'boolean' },
  threads: { type: 'boolean' },
  latency: { type: 'boolean' },
  snapshots: { type: 'boolean' },
  peers: { type: 'boolean' },
  contestants: { type: 'string' },
  also: { type: 'string', multiple: true },
  queries: { type: 'string' },
  nexmark: { type: 'boolean' },
  records: { type: 'string' },
  runs: { type: 'string' },
  seconds: { type: 'string' },
  panes: { type: 'string' },
  seed: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

type Values = ReturnType<typeof parse>

/** What may be said beside a mode. */
const taken: Readonly<Record<BenchOptions['mode'], readonly (keyof Values)[]>> = {
  comparison: ['peers', 'contestants', 'also', 'queries', 'nexmark', 'records', 'runs', 'seed', 'json'],
  memory: ['records', 'runs', 'seed', 'json'],
  together: ['records', 'runs', 'seed', 'json'],
  threads: ['records', 'runs', 'seed', 'json'],
  latency: ['seconds', 'seed', 'json'],
  snapshots: ['panes', 'runs', 'seed', 'json'],
}

/** Undefined when help is asked for. */
export function parseOptions(argv: readonly string[]): BenchOptions | undefined {
  const values = parse(argv)
  if (values.help) return undefined
  const mode = modeOf(values)
  const json = values.json ?? false
  const seed = wholeNumber('--seed', values.seed ?? '1', 0)
  if (mode === 'latency') return { mode, seconds: wholeNumber('--seconds', values.seconds ?? '60', 1), seed, json }
  if (mode === 'snapshots') {
    const panes = wholeNumber('--panes', values.panes ?? '100000', 1)
    return { mode, panes, runs: wholeNumber('--runs', values.runs ?? '9', 1), seed, json }
  }
  const records = wholeNumber('--records', values.records ?? '1000000', 1)
  const runs = values.runs === undefined ? undefined : wholeNumber('--runs', values.runs, 1)
  if (mode !== 'comparison') return { mode, records, runs: runs ?? 3, seed, json }
  return { mode, queries: queriesOf(values), contestants: contestantsOf(values), records, runs, seed, json }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function modeOf(values: Values): BenchOptions['mode'] {
  const asked = modes.filter((name) => values[name])
  if (asked.length > 1) throw new UsageError(`--${asked[0]} and --${asked[1]} exclude each other`)
  const [mode = 'comparison'] = asked
  for (const name of Object.keys(values) as (keyof Values)[]) {
    if (name === mode || taken[mode].includes(name)) continue
    const without = name === 'panes' ? '--snapshots' : '--latency'
    throw new UsageError(`--${name} has no meaning ${mode === 'comparison' ? `without ${without}` : `with --${mode}`}`)
  }
  return mode
}

function queriesOf(values: Values): Query[] {
  const workload = values.nexmark ? 'nexmark' : 'shop'
  return choose('query', values.queries ?? names(queries.filter((query) => query.workload === workload)), queries)
}

function contestantsOf(values: Values): Contestant[] {
  if (values.peers && values.contestants !== undefined)
    throw new UsageError('--peers and --contestants exclude each other')
  const wanted = values.contestants ?? names(values.peers ? contestants : standard)
  const chosen = choose('contestant', wanted, contestants)
  const floor = contestants.filter(({ name }) => name === 'floor' && !chosen.some((other) => other.name === name))
  return [...floor, ...chosen, ...(values.also ?? []).map(oneMore)]
}

function choose<Named extends { readonly name: string }>(
  kind: string,
  wanted: string,
  known: readonly Named[],
): Named[] {
  const chosen = wanted
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (chosen.length === 0) throw new UsageError(`no ${kind} is named`)
  return [...new Set(chosen)].map((name) => {
    const found = known.find((one) => one.name === name)
    if (found === undefined) throw new UsageError(`there is no ${kind} '${name}'; there are ${names(known)}`)
    return found
  })
}

function oneMore(text: string): Contestant {
  const [, name, command] = /^([\w.-]+)=(.+)$/s.exec(text) ?? []
  if (name === undefined || command === undefined) throw new UsageError(`--also takes NAME=COMMAND, not '${text}'`)
  if (contestants.some((known) => known.name === name)) throw new UsageError(`there is a contestant '${name}' already`)
  return { name, about: command, command: () => ['sh', '-c', `${command} "$@"`, name], warmUpRecords: 100_000 }
}

function wholeNumber(name: string, text: string, least: number): number {
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= least && Number.isSafeInteger(number)) return number
  throw new UsageError(`${name} must be a whole number from ${least}, not '${text}'`)
}

function names(all: readonly { readonly name: string }[]): string {
  return all.map(({ name }) => name).join(',')
}
