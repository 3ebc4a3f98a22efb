// DuckDB as a yardstick: batch SQL over the whole file, nothing streams, p95 and distinct counts are exact. It is compiled,
// so it needs no warm-up; the clock covers the one statement.
import { openDuckdb } from '../duckdb.ts'
import { forEachLine } from '../lines.ts'
import { queryNamed } from '../queries.ts'
import { contest } from './contest.ts'

const database = await openDuckdb()
const records = forEachLine(process.argv[3]!, () => {})
await contest(async (query, input, output) => {
  await database.write({ query: queryNamed(query), input, output, forChecking: false })
  return records
})
database.close()
