// `millrace replay`: runs queries over a file as fast as the machine goes, or over a scenario line by line.
import { Command, InvalidArgumentError } from 'commander'
import type { ReplayRun } from './run-replay.ts'

const examples = `
Examples:
  millrace replay --query q.json --input events.ndjson
  zcat events.ndjson.gz | millrace replay --query a.json --query b.json --input - --output panes.ndjson
  millrace replay --query q.json --input story.ndjson --scenario --drain --ledger -`

export function replayCommand(): Command {
  return new Command('replay')
    .description('run queries over NDJSON (gzip too) as fast as the machine goes; panes go to standard output')
    .requiredOption('-q, --query <file>', 'a query in its JSON form; may be given several times', collect)
    .requiredOption('-i, --input <file>', "the input, '-' for standard input", once)
    .option('-o, --output <file>', "where the panes go, '-' for standard output", '-')
    .option('--ledger <file>', 'write the ledger of all records as JSON')
    .option('--late <file>', 'write records that were too late for all their windows')
    .option('--rejected <file>', 'write records that could not be used, with the reason')
    .option('--scenario', 'the input says what happens in which shard and when')
    .option('--drain', 'with --scenario: the end of the input closes all windows, as it does without')
    .option('--quiet', 'no summary on standard error')
    .addHelpText('after', examples)
    .action(async (options: ReplayRun) => {
      const { runReplay } = await import('./run-replay.ts')
      await runReplay(options)
    })
}

/** An option that means one thing must not silently take the last of several. */
function once(value: string, previous: string | undefined): string {
  if (previous !== undefined) throw new InvalidArgumentError('It may be given once; join files with cat and use -.')
  return value
}

function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value]
}
