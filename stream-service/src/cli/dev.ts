// `millrace dev`, which is what `npm start` runs: everything on one machine, to see it work and to try queries out.
import { Command, InvalidArgumentError } from 'commander'
import { countValue, durationValue, rateValue, seedValue } from './option-values.ts'
import type { DevOptions } from './run-dev.ts'

const help = `
Starts a Kinesis API in this process, a producer of sample events, and the service as a process of its own, and shows panes
as they fire. Everything it writes goes into one folder, which each start empties. Ctrl-C ends it: the producer stops, what
is in the stream is read to its end, all windows close, and the ledger is shown. A second Ctrl-C ends it at once.

Examples:
  millrace dev --duration 20s
  millrace dev --query my-query.json --no-producer --kinesis-port 4567
  millrace produce --stream events --file events.ndjson --endpoint http://127.0.0.1:4567`

export function devCommand(): Command {
  return new Command('dev')
    .description('run the whole of it here: embedded Kinesis, sample producer and service')
    .option('-d, --duration <time>', 'end by itself after this long, like 20s', durationValue)
    .option('-r, --rate <n/s>', 'sample events a second', rateValue, 200)
    .option(
      '-p, --port <port>',
      'HTTP port of the service, 0 for any (default: 8080, or any when that is taken)',
      portValue,
    )
    .option(
      '--kinesis-port <port>',
      'port of the Kinesis API, 0 for any (default: 4567, or any when that is taken)',
      portValue,
    )
    .option('--no-producer', 'put no sample events')
    .option('--stream <name>', 'name of the stream', 'events')
    .option('--shards <n>', 'how many shards it has', countValue, 2)
    .option(
      '-q, --query <file>',
      'a query to run instead of the deployed ones; may be given several times',
      collect,
      [],
    )
    .option('--folder <folder>', 'where state and output go; emptied at the start', '.millrace/dev')
    .option('--seed <n>', 'the seed of the sample events', seedValue, 1)
    .option('--json', 'write only a summary at the end, as JSON')
    .addHelpText('after', help)
    .action(async (options: DevOptions) => {
      const { runDev } = await import('./run-dev.ts')
      await runDev(options)
    })
}

function portValue(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('A port is a whole number from 0 to 65535.')
  return port
}

function collect(value: string, previous: string[]): string[] {
  return [...previous, value]
}
