import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { SnapshotArray, SnapshotValue } from '../aggregates/snapshot-value.ts'
import { packTree, unpackTree } from './snapshot-tree.ts'

const roundTrip = (value: SnapshotValue) => unpackTree(packTree(value))

const array = fc.oneof(
  fc.uint8Array(),
  fc.float64Array({ noNaN: false }),
  fc.uint32Array(),
  fc.int32Array(),
) as fc.Arbitrary<SnapshotArray>
const names = fc.oneof(fc.string(), fc.constantFrom('$', '__proto__', 'a'))
const { tree } = fc.letrec<{ tree: SnapshotValue }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(
      array,
      fc.string(),
      fc.boolean(),
      fc.constant(null),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
    ),
    fc.array(tie('tree')),
    fc.dictionary(names, tie('tree'), { noNullPrototype: true }),
  ),
}))

test('any tree comes back, whatever its names are, and is left as it was', () => {
  fc.assert(
    fc.property(tree, (value) => {
      const before = structuredClone(value)
      expect(roundTrip(value)).toEqual(before)
      expect(value).toEqual(before)
    }),
    { examples: [[{ $: { $: [0, 'u8', 1] } }], [{ $: Uint8Array.of(1) }], [[{ $: 3 }, { $: 1, a: 2 }]]] },
  )
})

test('arrays that are parts of others come back without the rest', () => {
  const whole = Float64Array.of(1, 2, 3, 4)
  const [part] = roundTrip([whole.subarray(1, 3)]) as [Float64Array]
  expect(part).toEqual(Float64Array.of(2, 3))
  expect(part.buffer.byteLength).toBe(16)
})
