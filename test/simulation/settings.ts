// The kinds of worlds that histories are made for.
import type fc from 'fast-check'
import { histories } from './arbitrary-history.ts'
import type { History } from './history.ts'
import { expectToHold } from './simulate.ts'
import type { WorldOptions } from './world/world.ts'

export interface NamedSetting {
  readonly name: string
  readonly histories: fc.Arbitrary<History>
  readonly options?: WorldOptions
}

/** @throws BrokenInvariant */
export async function holdsUnder({ options }: NamedSetting, history: History): Promise<void> {
  await expectToHold(history, options)
}

export const settings: readonly NamedSetting[] = [
  { name: 'one task', histories: histories({ tasks: 1, partitions: 0 }) },
  { name: 'several tasks without an exchange', histories: histories({ tasks: 3, partitions: 0 }) },
  { name: 'several tasks and an exchange', histories: histories({ tasks: 3, partitions: 2 }) },
  { name: 'zombies', histories: histories({ tasks: 2, partitions: 1, zombies: true }) },
  {
    name: 'lanes that become idle, one task',
    histories: histories({ tasks: 1, partitions: 0 }),
    options: { idleAfterMs: 1_500 },
  },
  {
    name: 'lanes that become idle, several tasks',
    histories: histories({ tasks: 2, partitions: 2 }),
    options: { idleAfterMs: 1_500 },
  },
  {
    name: 'the direct source',
    histories: histories({ tasks: 1, partitions: 0 }),
    options: { isDirect: true },
  },
  {
    name: 'the direct source, with retention',
    histories: histories({ tasks: 1, partitions: 0, hasRetention: true }),
    options: { isDirect: true },
  },
]
