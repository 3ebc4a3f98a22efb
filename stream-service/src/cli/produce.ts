// `millrace produce`: puts sample events or the lines of a file into a stream.
import { Command } from 'commander'
import { countValue, durationValue, rateValue, seedValue } from './option-values.ts'
import type { ProduceOptions } from './run-produce.ts'

const examples = `
Without --file, sample events of a small shop are put until Ctrl-C: page views, clicks, searches and purchases, keyed by
user. With --file, every line is a record; gzip is told by its first bytes. Lines that are not JSON are refused and told,
and the command then exits with 1; --raw puts every line as it is.

Examples:
  millrace produce --stream orders --rate 500/s --duration 1m
  millrace produce --stream orders --file events.ndjson --key userId
  zcat old.ndjson.gz | millrace produce --stream orders --file - --rate 1000 --endpoint http://localhost:4567`

export function produceCommand(): Command {
  return new Command('produce')
    .description('put sample events, or the lines of a file, into a stream')
    .requiredOption('-s, --stream <name>', 'the stream')
    .option('--endpoint <url>', 'where Kinesis is, if not AWS (default: AWS_ENDPOINT_URL)')
    .option('--region <region>', 'the AWS region (default: AWS_REGION)')
    .option('-f, --file <file>', "put the lines of this file, '-' for standard input")
    .option('--raw', 'put every line as it is, JSON or not')
    .option('-k, --key <field>', 'the field whose value is the partition key, as a path (default: a hash of the line)')
    .option('-r, --rate <n/s>', 'records a second (default: 100 for sample events, unlimited for a file)', rateValue)
    .option('-n, --count <n>', 'stop after so many records', countValue)
    .option('-d, --duration <time>', 'stop after this long, like 20s', durationValue)
    .option('--seed <n>', 'the seed of the sample events: the same seed gives the same events', seedValue)
    .option('--json', 'write the summary as JSON to standard output')
    .option('-q, --quiet', 'no progress on standard error')
    .addHelpText('after', examples)
    .action(async (options: ProduceOptions) => {
      const { runProduce } = await import('./run-produce.ts')
      await runProduce(options)
    })
}
