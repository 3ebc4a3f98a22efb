// `millrace tail`: prints the records of a stream as they come.
import { Command } from 'commander'
import { countValue, startValue } from './option-values.ts'
import type { TailOptions } from './run-tail.ts'

const examples = `
Examples:
  millrace tail --stream orders
  millrace tail --stream orders --from trim-horizon --limit 10 --json
  millrace tail --stream orders --from 2026-01-31T12:00:00Z --endpoint http://localhost:4567 | jq .page`

export function tailCommand(): Command {
  return new Command('tail')
    .description('print the records of a stream as they come, until Ctrl-C')
    .requiredOption('-s, --stream <name>', 'the stream')
    .option('--endpoint <url>', 'where Kinesis is, if not AWS (default: AWS_ENDPOINT_URL)')
    .option('--region <region>', 'the AWS region (default: AWS_REGION)')
    .option('--from <where>', 'latest, trim-horizon, or a time', startValue, 'LATEST')
    .option('-n, --limit <n>', 'stop after so many records', countValue)
    .option('--json', 'one JSON object a line: shard, position, partitionKey, arrivedAt, and data or dataBase64')
    .option('-q, --quiet', 'nothing on standard error')
    .addHelpText('after', examples)
    .action(async (options: TailOptions) => {
      const { runTail } = await import('./run-tail.ts')
      await runTail(options)
    })
}
