// Millrace as a library: what `millrace replay` does, in this process and warm. millrace-cli.ts is the command itself. QUERY
// may be several names with commas between them: all of those queries over one reading of the input.
import { runReplay } from '../../../stream-service/src/cli/run-replay.ts'
import { queryFile } from '../queries.ts'
import { contest } from './contest.ts'
import { countRecords } from './ledger.ts'

await contest((query, input, output) =>
  countRecords((ledger) => runReplay({ query: query.split(',').map(queryFile), input, output, ledger, quiet: true })),
)
