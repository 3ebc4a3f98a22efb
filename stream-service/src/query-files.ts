// Queries that live in files: JSON documents, as `--query` and the folder of deployed queries take them.
import { readFileSync } from 'node:fs'
import { Faults } from './queries/faults.ts'
import { parseQuery, QueryError } from './queries/parse-query.ts'
import type { QuerySpec } from './queries/query-spec.ts'

/**
 * Reads one query per file.
 * @throws QueryError for a file that is missing, is no JSON or holds no valid query, and for a name used twice.
 */
export function readQueryFiles(paths: readonly string[]): QuerySpec[] {
  const queries: QuerySpec[] = []
  const errors: QueryError[] = []
  for (const path of paths) {
    try {
      queries.push(readQueryFile(path))
    } catch (error) {
      if (!(error instanceof QueryError)) throw error
      errors.push(error)
    }
  }
  if (errors.length > 0) throw QueryError.all(errors)
  const seen = new Map<string, string>()
  for (const [i, { name }] of queries.entries()) {
    const other = seen.get(name)
    if (other !== undefined) throw fault(paths[i]!, 'name', `'${name}' is the name of the query in ${other} already`)
    seen.set(name, paths[i]!)
  }
  return queries
}

function readQueryFile(path: string): QuerySpec {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw fault(path, '', code === 'ENOENT' ? 'there is no such file' : `the file cannot be read: ${message}`)
  }
  let value: unknown
  try {
    value = JSON.parse(text.startsWith('\ufeff') ? text.slice(1) : text)
  } catch (error) {
    throw fault(path, '', `the file is no JSON: ${(error as Error).message}`)
  }
  return parseQuery(value, path)
}

function fault(source: string, path: string, message: string): QueryError {
  const faults = new Faults()
  faults.add(path, message)
  return new QueryError(source, faults.list)
}
