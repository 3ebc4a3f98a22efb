// What --help says.
import { contestants } from './contestants.ts'
import { queries } from './queries.ts'

const long = queries.filter(({ isLong }) => isLong)
const supplements = contestants.filter(({ isSupplement }) => isSupplement)

export const help = `Usage: npm run bench -- [mode] [options]

Measures what windowed queries cost, and checks every result.

Modes:
  (none)                CPU time per record and memory of queries over a file, side by side with JSON.parse alone and, on
                        request, with other engines
  --memory              peak memory while windows with as many keys as records are open, and with one key
  --together            CPU time per record of ten queries over one stream, as a multiple of one query
  --threads             elapsed time of four shards with their lanes on one and on two threads
  --latency             from the record that completes a window to its panes, through an embedded Kinesis and the service
  --snapshots           how long a snapshot of many open panes stalls the service, takes in all, and takes to be restored

Options:
  --peers               all contestants; what they need is installed into .cache/bench
  --contestants A,B     only these (floor always runs, the ratios need it): ${names(contestants)}
  --also NAME=COMMAND   one more contestant, run as COMMAND QUERY INPUT OUTPUT; may be given several times
  --queries A,B         only these: ${names(queries)}
  --nexmark             the Nexmark queries in place of Q1 to Q5
  --records N           length of the input (default 1000000); not with --latency and --snapshots
  --runs N              runs, interleaved; their medians are told (default 3, but of ${names(long)} by
                        ${names(supplements)} 1, and of --snapshots 9); not with --latency
  --seconds N           with --latency: how long it measures, after 5 s that do not count (default 60)
  --panes N             with --snapshots: how many are open (default 100000)
  --seed N              another input of the same kind (default 1)
  --json                the result as JSON
  -h, --help            this text

The first five belong to the comparison, without a mode.

Contestants:
${contestants.map(({ name, about }) => `  ${name.padEnd(14)}${about}`).join('\n')}

Queries:
${queries.map(({ name, asks }) => `  ${name.padEnd(16)}${asks}`).join('\n')}

Exit code: 0 done, also when a target is missed; 1 something failed or a result was wrong; 2 bad usage.
`

function names(all: readonly { readonly name: string }[]): string {
  return all.map(({ name }) => name).join(',')
}
