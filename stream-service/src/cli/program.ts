// The command line: `millrace <command>`. Exit 0 done, 1 failed, 2 bad usage; data goes to standard output, everything else
// to standard error.
import { Command, CommanderError } from 'commander'
import { devCommand } from './dev.ts'
import { CommandError } from './exit.ts'
import { produceCommand } from './produce.ts'
import { replayCommand } from './replay.ts'
import { tailCommand } from './tail.ts'

function millrace(): Command {
  const program = new Command('millrace')
    .description('Real-time stream processing on Amazon Kinesis: event-time windows you can trust.')
    .version('0.1.0')
    .showHelpAfterError('(run with --help for all options)')
    .addCommand(devCommand())
    .addCommand(replayCommand())
    .addCommand(produceCommand())
    .addCommand(tailCommand())
  for (const command of [program, ...program.commands])
    command.exitOverride().configureOutput({ outputError: writeError })
  for (const command of program.commands)
    command.showHelpAfterError(`(run 'millrace ${command.name()} --help' for all options)`)
  return program
}

function writeError(text: string, write: (text: string) => void): void {
  write(text.replace(/^error: /, 'millrace: '))
}

/** Runs the command line and answers with the exit code. */
export async function run(argv: readonly string[]): Promise<number> {
  const program = millrace()
  try {
    if (argv.length === 0) {
      program.outputHelp({ error: true })
      return 2
    }
    await program.parseAsync(argv, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (error instanceof CommandError) {
      process.stderr.write(`millrace: ${error.message}\n`)
      return error.exitCode
    }
    process.stderr.write(`millrace: unexpected failure: ${(error as Error).stack ?? error}\n`)
    return 1
  }
}
