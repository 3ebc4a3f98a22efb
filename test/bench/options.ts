// The command line of `npm run bench`.
import { parseArgs } from 'node:util'
import { type Contestant, contestants, standard } from './contestants.ts'
import { type Query, queries } from './queries.ts'

export interface BenchOptions {
  readonly queries: readonly Query[]
  readonly contestants: readonly Contestant[]
  readonly records: number
  readonly runs: number
  readonly seed: number
  readonly json: boolean
}

/** The command line makes no sense; `message` says why. Exit code 2. */
export class UsageError extends Error {
  readonly code = 'BAD_USAGE'
}

export const help = `Usage: npm run bench -- [options]

Measures the CPU time per record and the memory of windowed queries over a file, side by side with JSON.parse alone and,
on request, with other engines, and checks every result.

Options:
  --peers               all contestants; what they need is installed into .cache/bench
  --contestants A,B     only these (floor always runs, the ratios need it): ${names(contestants)}
  --also NAME=COMMAND   one more contestant, run as COMMAND QUERY INPUT OUTPUT; may be given several times
  --queries A,B         only these: ${names(queries)}
  --nexmark             the Nexmark queries in place of Q1 to Q5
  --records N           length of the input (default 1000000)
  --runs N              runs, interleaved; their medians are told (default 3)
  --seed N              another input of the same kind (default 1)
  --json                the result as JSON, with every sample
  -h, --help            this text

Contestants:
${contestants.map(({ name, about }) => `  ${name.padEnd(14)}${about}`).join('\n')}

Queries:
${queries.map(({ name, asks }) => `  ${name.padEnd(16)}${asks}`).join('\n')}

Exit code: 0 done, 1 a contestant failed or was wrong, 2 bad usage.
`

/** Undefined when help is asked for. */
export function parseOptions(argv: readonly string[]): BenchOptions | undefined {
  const values = parse(argv)
  if (values.help) return undefined
  if (values.peers && values.contestants !== undefined)
    throw new UsageError('--peers and --contestants exclude each other')
  const wanted = values.contestants ?? names(values.peers ? contestants : standard)
  const chosen = choose('contestant', wanted, contestants)
  const floor = contestants.filter(({ name }) => name === 'floor' && !chosen.some((other) => other.name === name))
  const workload = values.nexmark ? 'nexmark' : 'shop'
  return {
    queries: choose('query', values.queries ?? names(queries.filter((query) => query.workload === workload)), queries),
    contestants: [...floor, ...chosen, ...values.also.map(oneMore)],
    records: wholeNumber('--records', values.records, 1),
    runs: wholeNumber('--runs', values.runs, 1),
    seed: wholeNumber('--seed', values.seed, 0),
    json: values.json,
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        peers: { type: 'boolean', default: false },
        contestants: { type: 'string' },
        also: { type: 'string', multiple: true, default: [] },
        queries: { type: 'string' },
        nexmark: { type: 'boolean', default: false },
        records: { type: 'string', default: '1000000' },
        runs: { type: 'string', default: '3' },
        seed: { type: 'string', default: '1' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
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
