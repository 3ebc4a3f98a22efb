// DuckDB, one thread, over an NDJSON file: a contestant, and where it is installed the judge of the others. The npm package
// is no dependency of the project: it is put into .cache/bench when it is asked for.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { cacheFolder, installNpmPackage, makeOnce } from './cache.ts'
import type { Query } from './query.ts'
import { Unavailable } from './unavailable.ts'

const version = '1.5.6-r.1'
const folder = join(cacheFolder, `duckdb-${version}`)

export function isDuckdbInstalled(): boolean {
  return existsSync(folder)
}

export async function installDuckdb(): Promise<void> {
  await makeOnce(folder, (temporary) => {
    process.stderr.write('installing DuckDB (once) …\n')
    try {
      installNpmPackage('@duckdb/node-api', version, temporary)
    } catch (error) {
      throw new Unavailable(`npm could not install it: ${(error as Error).message.split('\n')[0]}`, { cause: error })
    }
  })
}

interface Connection {
  run(sql: string): Promise<unknown>
  closeSync(): void
}

interface Duckdb {
  readonly DuckDBInstance: {
    create(
      path: string,
      options: Record<string, string>,
    ): Promise<{ connect(): Promise<Connection>; closeSync(): void }>
  }
}

export interface Database {
  /** Writes a query's results as NDJSON. For checking, the 95th percentile is a pair of bounds. */
  write(options: ResultsOptions): Promise<void>
  close(): void
}

interface ResultsOptions {
  readonly query: Query
  readonly input: string
  readonly output: string
  readonly forChecking: boolean
}

export async function openDuckdb(): Promise<Database> {
  const { DuckDBInstance } = createRequire(join(folder, 'package.json'))('@duckdb/node-api') as Duckdb
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', preserve_insertion_order: 'false' })
  const connection = await instance.connect()
  return {
    async write(options) {
      await connection.run(`COPY (${select(options)}) TO ${quote(options.output)} (FORMAT JSON)`)
    },
    close() {
      connection.closeSync()
      instance.closeSync()
    },
  }
}

const aggregates: Readonly<Record<string, string>> = {
  count: 'count(*)',
  sum: 'sum(value)',
  min: 'min(value)',
  max: 'max(value)',
  avg: 'avg(value)',
  p95: 'quantile_disc(value, 0.95)',
  distinctUsers: 'count(DISTINCT userId)',
}

/** The bounds of query.ts. Positions count from 1 here. */
const p95Bounds = `[
  least(list_sort(list(value))[1 + floor(0.935 * (count(*) - 1))::INTEGER],
    0.99 * list_sort(list(value))[1 + floor(0.95 * (count(*) - 1))::INTEGER]),
  greatest(list_sort(list(value))[1 + ceil(0.965 * (count(*) - 1))::INTEGER],
    1.01 * list_sort(list(value))[1 + ceil(0.95 * (count(*) - 1))::INTEGER])]`

function select({ query, input, forChecking }: ResultsOptions): string {
  const { window } = query
  const [key] = query.keyBy
  const events = `read_json(${quote(input)}, format = 'newline_delimited',
    columns = {userId: 'VARCHAR', page: 'VARCHAR', value: 'DOUBLE', ts: 'BIGINT'})`
  const columns = Object.keys(query.columns)
    .map((name) => `${name === 'p95' && forChecking ? p95Bounds : aggregates[name]} AS "${name}"`)
    .join(', ')
  if ('gap' in window) {
    // A session begins at an event that comes more than a gap after the one before.
    return `SELECT ${key} AS "key", min(ts) AS windowStart, max(ts) + ${window.gap} AS windowEnd, ${columns}
      FROM (
        SELECT *, sum(begins) OVER (PARTITION BY ${key} ORDER BY ts ROWS UNBOUNDED PRECEDING) AS session
        FROM (
          SELECT *, coalesce(ts - lag(ts) OVER (PARTITION BY ${key} ORDER BY ts) > ${window.gap}, true)::INTEGER AS begins
          FROM ${events}))
      GROUP BY ${key}, session`
  }
  const { size, every } = window
  const last = `ts - ts % ${every}`
  const starts = size === every ? last : `unnest(range(${last} - ${size - every}, ${last} + 1, ${every}))`
  return `SELECT ${key} AS "key", windowStart, windowStart + ${size} AS windowEnd, ${columns}
    FROM (SELECT *, ${starts} AS windowStart FROM ${events})
    GROUP BY ${key}, windowStart`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
