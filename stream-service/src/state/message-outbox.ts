// What a lane has given its merges and they have not made durable yet: in the lane's snapshot until then, so that whatever
// the merges lose in a crash comes again. Messages go in order, per partition; a message made after something that does not
// follow from the shard's records (see `ShardLanes.epoch`) goes only after the lane's state with it is durable.
import type { LaneMessage, PortableRows } from '../engine/partials.ts'

interface Entry {
  readonly message: LaneMessage
  readonly epoch: number
  /** Numbers the lane's messages in this process. */
  readonly serial: number
  readonly bytes: number
}

interface Lane {
  entries: Entry[]
  /** Messages up to this serial were handed out. */
  handedOut: number
}

export class MessageOutbox {
  readonly #partitions: readonly Lane[]
  #serials = 0
  #durableEpoch = 0
  #bytes = 0

  constructor(partitions: number, saved: readonly LaneMessage[] = []) {
    this.#partitions = Array.from({ length: partitions }, () => ({ entries: [], handedOut: 0 }))
    this.add(saved, 0)
  }

  /** About how much memory the messages take. */
  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#partitions.every(({ entries }) => entries.length === 0)
  }

  add(messages: readonly LaneMessage[], epoch: number): void {
    for (const message of messages) {
      const lane = this.#partitions[message.partition]!
      const bytes = sizeOf(message)
      this.#dropStanding(lane, message)
      lane.entries.push({ message, epoch, serial: ++this.#serials, bytes })
      this.#bytes += bytes
    }
  }

  /** A message that only told where the lane stood is worth nothing once a later one tells. */
  #dropStanding(lane: Lane, { query, runs, opens }: LaneMessage): void {
    if (runs.length > 0 || opens !== undefined) return
    // Those of other queries may be between the two.
    for (let i = lane.entries.length - 1; i >= 0; i--) {
      const { message, serial, bytes } = lane.entries[i]!
      if (serial <= lane.handedOut || message.runs.length > 0 || message.opens !== undefined) return
      if (message.query !== query) continue
      lane.entries.splice(i, 1)
      this.#bytes -= bytes
      return
    }
  }

  /** The state up to an epoch is durable. */
  durable(epoch: number): void {
    this.#durableEpoch = epoch
  }

  /** The messages for a partition that may go and have not gone, in order. They stay until `accepted`. */
  handOut(partition: number): LaneMessage[] {
    const lane = this.#partitions[partition]!
    const messages: LaneMessage[] = []
    for (const { message, epoch, serial } of lane.entries) {
      if (serial <= lane.handedOut) continue
      if (epoch > this.#durableEpoch) break
      messages.push(message)
      lane.handedOut = serial
    }
    return messages
  }

  /** How far a partition's messages were handed out, for `accepted`. */
  handedOut(partition: number): number {
    return this.#partitions[partition]!.handedOut
  }

  /** Who was handed messages lost them: they go again from the first. */
  rewind(partition: number): void {
    this.#partitions[partition]!.handedOut = 0
  }

  /** What was handed out up to there is durable at its destination. Answers whether anything was. */
  accepted(partition: number, handedOut: number): boolean {
    const lane = this.#partitions[partition]!
    const before = lane.entries.length
    lane.entries = lane.entries.filter(({ serial, bytes }) => {
      if (serial > handedOut) return true
      this.#bytes -= bytes
      return false
    })
    return lane.entries.length < before
  }

  save(): readonly LaneMessage[] {
    return this.#partitions.flatMap(({ entries }) => entries.map(({ message }) => message))
  }
}

/** About how many bytes a message takes. */
export function sizeOf({ runs, opens }: LaneMessage): number {
  let bytes = 200
  for (const run of runs) {
    bytes += 50
    if ('rows' in run) bytes += rowBytes(run.rows)
  }
  if (opens !== undefined) bytes += opens.keys.length + opens.starts.byteLength
  return bytes
}

function rowBytes({ keys, cells, refs }: PortableRows): number {
  return keys.length + cells.byteLength + (refs?.length ?? 0)
}
