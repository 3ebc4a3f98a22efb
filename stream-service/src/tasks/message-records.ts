// Messages of a lane as records of the exchange: small ones together, big ones in pieces.
import type { LaneMessage, PartialRun } from '../engine/partials.ts'
import { encodeMessages } from '../exchange/message-codec.ts'
import { sizeOf } from '../state/message-outbox.ts'

/** Small messages travel together in records of about this size. */
const recordBytes = 256 << 10
/** A message of more than this is put in pieces, each of which fits a record of 1 MiB even if nothing of it can be compressed. */
const pieceBytes = 512 << 10

/** Messages as records, several in one where they are small. */
export function recordsOf(messages: readonly LaneMessage[]): Uint8Array[] {
  const records: Uint8Array[] = []
  let together: LaneMessage[] = []
  let bytes = 0
  for (const message of messages.flatMap(inPieces)) {
    together.push(message)
    bytes += sizeOf(message)
    if (bytes < recordBytes) continue
    records.push(encodeMessages(together))
    together = []
    bytes = 0
  }
  if (together.length > 0) records.push(encodeMessages(together))
  return records
}

/** A message that is too big for one record as several; only the last tells where the lane stands. */
function inPieces(message: LaneMessage): LaneMessage[] {
  if (sizeOf(message) <= pieceBytes) return [message]
  const { opens: _, ...rest } = message
  const pieces: LaneMessage[] = []
  let { first } = message
  let runs: PartialRun[] = []
  let bytes = 0
  const close = () => {
    pieces.push({ ...rest, first, runs, watermark: '-Infinity' })
    for (const { units } of runs) first += units
    runs = []
    bytes = 0
  }
  for (const run of message.runs) {
    const size = sizeOf({ ...rest, runs: [run] })
    if (bytes > 0 && bytes + size > pieceBytes) close()
    runs.push(run)
    bytes += size
  }
  close()
  return [...pieces.slice(0, -1), { ...message, first: first - unitsOf(pieces.at(-1)!), runs: pieces.at(-1)!.runs }]
}

function unitsOf({ runs }: LaneMessage): number {
  return runs.reduce((units, run) => units + run.units, 0)
}
