// The simulation finds faults: of the list, each can still be made, and those that are found within a few runs are. The whole list
// is `npm run mutants`.
import { describe, expect, test } from 'vitest'
import { mutations } from './list.ts'
import { probe } from './run.ts'
import { mutated, sourceOf } from './scratch.ts'

test.each(mutations)('can be made: $name', (mutation) => {
  expect(mutated(sourceOf(mutation), mutation)).not.toBe(sourceOf(mutation))
})

/** Found within a few dozen runs. */
const quick = [
  'the checkpoint goes before the snapshot',
  'the end of a shard is checkpointed before what it gave has arrived',
  'records that are in the snapshot are taken again',
  'a merge that is taken up is not told again what was lost',
]

describe('is found', () => {
  test('the list has them', () => {
    expect(mutations.map(({ name }) => name)).toEqual(expect.arrayContaining(quick))
  })

  test.each(mutations.filter(({ name }) => quick.includes(name)))(
    '$name',
    async (mutation) => {
      expect((await probe(mutation, 60)).fault).toBeDefined()
    },
    300_000,
  )
})
