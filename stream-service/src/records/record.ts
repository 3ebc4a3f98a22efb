// One record as it stands in a shard, before anyone looked into its bytes, and the position that orders records of a
// shard. Every source makes these; the engine consumes them.

/**
 * Where a record stands in its shard: the sequence number as Kinesis gives it (a decimal string, far beyond 2^53),
 * followed by `:n` for the n-th user record of an aggregated record, from 0. In a file it is the line number.
 */
export type Position = string

export interface StreamRecord {
  readonly position: Position
  readonly partitionKey: string
  /** Arrival time: when Kinesis took the record, epoch milliseconds. Undefined where nothing has an arrival, as in a plain file. */
  readonly arrivedAt: number | undefined
  readonly data: Uint8Array
}

/**
 * Orders two positions of one shard: negative when `a` comes first, 0 when they are the same, positive otherwise.
 * Sequence numbers are compared as decimal strings without leading zeros: the longer one is the greater.
 */
export function comparePositions(a: Position, b: Position): number {
  const [aSequence, aSub] = split(a)
  const [bSequence, bSub] = split(b)
  return compareDecimals(aSequence, bSequence) || aSub - bSub
}

function split(position: Position): [sequence: string, sub: number] {
  const colon = position.indexOf(':')
  return colon < 0 ? [position, -1] : [position.slice(0, colon), Number(position.slice(colon + 1))]
}

function compareDecimals(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : a > b ? 1 : 0
}
