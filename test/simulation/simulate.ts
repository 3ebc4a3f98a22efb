// One run: a history happens in a new world, and everything that has to hold is looked at.
import { describeHistory, type History } from './history.ts'
import { BrokenInvariant, brokenInvariants, isComplete } from './invariants.ts'
import { World, type WorldOptions } from './world/world.ts'

export async function simulate(history: History, options: WorldOptions = {}): Promise<World> {
  const world = new World(history, options)
  // Where nobody listens for a failure, a real process would end at any moment.
  const unhandled = (error: unknown) => {
    world.faults.push(`nobody handled: ${error instanceof Error ? error.stack : String(error)}`)
  }
  process.on('unhandledRejection', unhandled)
  try {
    await world.run(isComplete)
  } finally {
    process.off('unhandledRejection', unhandled)
  }
  return world
}

/** @throws BrokenInvariant with the history in words. */
export async function expectToHold(history: History, options: WorldOptions = {}): Promise<World> {
  const world = await simulate(history, options)
  const faults = brokenInvariants(world)
  if (faults.length === 0) return world
  const kill = options.kill === undefined ? '' : `\n  t0 is killed ${options.kill.when} operation ${options.kill.at}`
  throw new BrokenInvariant(
    `${faults.slice(0, 6).join('\n')}${faults.length > 6 ? `\nand ${faults.length - 6} more` : ''}\n${describeHistory(history)}${kill}`,
  )
}
