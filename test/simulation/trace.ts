// Prints what happened in one history, for people: `node test/simulation/trace.ts '<history as JSON>' [kill number] [before|after]`.
import { describeHistory, type History } from './history.ts'
import { brokenInvariants } from './invariants.ts'
import { simulate } from './simulate.ts'

const [text = '', at, when] = process.argv.slice(2)
const history = JSON.parse(text) as History
const kill = at === undefined ? {} : { kill: { at: Number(at), when: when === 'after' ? 'after' : 'before' } as const }
const world = await simulate(history, { keepsTrace: true, ...kill })
process.stdout.write(`${world.scheduler.trace.join('\n')}\n\n${describeHistory(history)}\n`)
process.stdout.write(`${brokenInvariants(world).join('\n') || 'everything holds'}\n`)
