// Entry point of the command line; see program.ts.
import { run } from './program.ts'

process.exitCode = await run(process.argv.slice(2))
