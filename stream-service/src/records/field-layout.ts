// Tells a scan machine which fields of a record anyone wants: for each object on the way to one of them a layout, with a
// field for each name.
import type { ScanMachine } from './scan-machine.ts'

/** A field that somebody wants, or that leads to one. */
export interface WantedField {
  /** The slot of its value; -1 when only fields below it are wanted. */
  readonly slot: number
  /** The slots of fields below it, with their paths from here. */
  readonly below: readonly { readonly slot: number; readonly path: readonly string[] }[]
}

interface Path {
  readonly slot: number
  readonly path: readonly string[]
}

/** Makes the layout of records of which `paths` are wanted, by slot, and adds their fields to `fields`, by id. */
export function layOut(machine: ScanMachine, paths: readonly (readonly string[])[], fields: WantedField[]): number {
  const sayable = paths
    .map((path, slot) => ({ slot, path }))
    // A name that is no well-formed text has no bytes of its own: it can only be written with escapes.
    .filter(({ path }) => path.every((name) => name.isWellFormed()))
  return layOutObject(machine, sayable, fields)
}

function layOutObject(machine: ScanMachine, paths: readonly Path[], fields: WantedField[]): number {
  const layout = machine.newLayout()
  for (const [name, wanted] of Map.groupBy(paths, ({ path }) => path[0]!)) {
    const slot = wanted.find(({ path }) => path.length === 1)?.slot ?? -1
    const below = wanted.filter(({ path }) => path.length > 1).map(({ slot, path }) => ({ slot, path: path.slice(1) }))
    const id = fields.push({ slot, below }) - 1
    const bytes = Buffer.from(name)
    const nameAt = machine.allocate(bytes.length)
    new Uint8Array(machine.memory.buffer).set(bytes, nameAt)
    const belowLayout = below.length > 0 ? layOutObject(machine, below, fields) : 0
    machine.newField(id, slot, layout, nameAt, bytes.length, belowLayout)
  }
  return layout
}
