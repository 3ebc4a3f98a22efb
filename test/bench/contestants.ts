// The contestants: how each is started and what it needs. Every one is a process `COMMAND QUERY INPUT OUTPUT` that writes a
// line per window to OUTPUT and prints what it used as its last line (usage.ts).
import { fileURLToPath } from 'node:url'
import { installDuckdb } from './duckdb.ts'
import { buildJava, javaCommand } from './java.ts'
import type { Query } from './query.ts'

export interface Contestant {
  readonly name: string
  readonly about: string
  command(): readonly string[]
  /** Makes what the contestant needs. Throws an Unavailable when that cannot be had here. */
  prepare?(): Promise<void> | void
  /** Whether it has an answer to the query; to all when left out. */
  answers?(query: Query): boolean
  /** Records it replays before the clock starts; machine code is made on the way. */
  readonly warmUpRecords: number
  /** Its output is empty and not looked at. */
  readonly isUnchecked?: boolean
  /** Gives the same bytes every time. */
  readonly isDeterministic?: boolean
  /** It is another contestant and a constant: a single run of a long query is enough. */
  readonly isSupplement?: boolean
}

const nodeWarmUp = 500_000
/** The Java compilers take longer to be done. */
const javaWarmUp = 1_000_000

export const contestants: readonly Contestant[] = [
  {
    name: 'floor',
    about: 'JSON.parse of every line, nothing else',
    command: () => nodeCommand('floor'),
    warmUpRecords: nodeWarmUp,
    isUnchecked: true,
  },
  {
    name: 'millrace',
    about: 'Millrace as a library, in a warm process',
    command: () => nodeCommand('millrace'),
    warmUpRecords: nodeWarmUp,
    isDeterministic: true,
  },
  {
    name: 'millrace-cli',
    about: 'the command `millrace replay`, from its start to its end',
    command: () => nodeCommand('millrace-cli'),
    warmUpRecords: 0,
    isDeterministic: true,
    isSupplement: true,
  },
  {
    name: 'node-tight',
    about: 'JSON.parse and a loop written by hand for each query',
    command: () => nodeCommand('node-tight'),
    answers: isShop,
    warmUpRecords: nodeWarmUp,
  },
  {
    name: 'rxjs-naive',
    about: 'RxJS 7: groupBy window, groupBy key, reduce; no sessions',
    command: () => nodeCommand('rxjs-naive'),
    answers: (query) => isShop(query) && query.name !== 'Q5',
    warmUpRecords: nodeWarmUp,
  },
  {
    name: 'duckdb',
    about: 'DuckDB 1.5, one thread, batch SQL',
    command: () => nodeCommand('duckdb'),
    prepare: installDuckdb,
    answers: isShop,
    warmUpRecords: 0,
  },
  {
    name: 'flink',
    about: 'Flink 1.20, DataStream API, in one JVM, parallelism 1',
    command: () => javaCommand('FlinkContestant'),
    prepare: buildJava,
    answers: isShop,
    warmUpRecords: javaWarmUp,
  },
  {
    name: 'hazelcast',
    about: 'Hazelcast Jet 5.5, Pipeline API, embedded, one cooperative thread',
    command: () => javaCommand('HazelcastContestant'),
    prepare: buildJava,
    answers: isShop,
    warmUpRecords: javaWarmUp,
  },
]

/** Those that run unless others are asked for. */
export const standard = contestants.slice(0, 3)

function nodeCommand(name: string): string[] {
  return [process.execPath, fileURLToPath(new URL(`contestants/${name}.ts`, import.meta.url))]
}

function isShop({ workload }: Query): boolean {
  return workload === 'shop'
}
