// What a state is made of in a snapshot.

/** Arrays of numbers that snapshots hold as the bytes they are. */
export type SnapshotArray = Uint8Array | Float64Array | Uint32Array | Int32Array

/** JSON whose leaves may also be arrays of numbers; they come back as what they were. */
export type SnapshotValue =
  | string
  | number
  | boolean
  | null
  | SnapshotArray
  | readonly SnapshotValue[]
  | { readonly [name: string]: SnapshotValue }
