// `node scripts/with-node24.mjs PROGRAM [ARGUMENTS]`: what the npm scripts go through, see node24.mjs.
import { install, runNode } from './node24.mjs'

await install()
process.exitCode = await runNode(process.argv.slice(2))
