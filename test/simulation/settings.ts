// The kinds of worlds that histories are made for.
import type fc from 'fast-check'
import { histories } from './arbitrary-history.ts'
import type { History } from './history.ts'
import { expectToHold } from './simulate.ts'

export interface NamedSetting {
  readonly name: string
  readonly histories: fc.Arbitrary<History>
  readonly holds: (history: History) => Promise<void>
}

const holds = async (history: History) => {
  await expectToHold(history)
}

export const settings: readonly NamedSetting[] = [
  { name: 'one task', histories: histories({ tasks: 1, partitions: 0 }), holds },
  { name: 'several tasks without an exchange', histories: histories({ tasks: 3, partitions: 0 }), holds },
  { name: 'several tasks and an exchange', histories: histories({ tasks: 3, partitions: 2 }), holds },
]
