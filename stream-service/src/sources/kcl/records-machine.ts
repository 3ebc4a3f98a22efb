// The inner part of the reader of `processRecords` lines as it runs: one WebAssembly instance for the process. Its source is
// in `wasm/`. A line is put into its memory and packed in place, since what comes out is never longer than what was read:
//
//   before  {"action":"processRecords","records":[{"data":"BASE64","partitionKey":"k","sequenceNumber":"49…",…},…]
//   after   data key sequence-number  data key sequence-number  …            and a table of where each of them ends
import { recordsModule } from './records-module.ts'

/** As much of it as is used here; the types of Node lack it. */
declare const WebAssembly: {
  readonly Module: new (binary: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown }
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  /** From where on the memory is free. */
  base(): number
  /** Makes the memory go up to `end`. */
  reach(end: number): void
  /**
   * Packs the line in `[start, end)`, behind which sixteen zero bytes stand, and writes 24 bytes per record to `table`: the
   * ends of data, partition key and sequence number, the sub-sequence number, and the arrival time as a double, NaN for
   * null. Returns how many records there are, or -1 when the line is not of the daemon's usual form.
   */
  readLine(start: number, end: number, table: number): number
  /** Of the line just read. */
  millisBehindLatest(): number
  packedEndAt(): number
}

/** The records of a line, packed. Ends are positions in `bytes`; each part begins where the one before it ends. */
export interface PackedRecords {
  readonly count: number
  readonly bytes: Buffer
  /** Six numbers a record, of which the first four count: ends of data, key and sequence number, sub-sequence number. */
  readonly ends: Int32Array
  /** Three numbers a record, of which the last counts: epoch milliseconds, NaN for none. */
  readonly arrivals: Float64Array
  readonly millisBehindLatest: number
}

const entryBytes = 24
/** No record takes less of a line. */
const recordBytesMin = 100
const zeros = Buffer.alloc(16)
let machine: Exports | undefined

/** Reads a line given in pieces; undefined when it is not of the daemon's usual form. `ends` is valid until the next call. */
export function packRecords(pieces: readonly Uint8Array[]): PackedRecords | undefined {
  machine ??= makeMachine()
  const start = machine.base()
  let length = 0
  for (const piece of pieces) length += piece.length
  const table = (start + length + zeros.length + 15) & ~15
  machine.reach(table + entryBytes * Math.ceil(length / recordBytesMin))
  const memory = Buffer.from(machine.memory.buffer)
  let at = start
  for (const piece of pieces) {
    memory.set(piece, at)
    at += piece.length
  }
  memory.set(zeros, at)
  const count = machine.readLine(start, at, table)
  if (count < 0) return undefined
  const packed = memory.subarray(start, machine.packedEndAt())
  const bytes = Buffer.allocUnsafeSlow(packed.length)
  bytes.set(packed)
  return {
    count,
    bytes,
    ends: new Int32Array(memory.buffer, table, 6 * count),
    arrivals: new Float64Array(memory.buffer, table, 3 * count),
    millisBehindLatest: machine.millisBehindLatest(),
  }
}

function makeMachine(): Exports {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(recordsModule, 'base64')), {
    env: { abort: () => {} },
  })
  return instance.exports as Exports
}
