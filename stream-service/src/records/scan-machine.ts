// The inner part of the field scanner as it runs: one WebAssembly instance with a memory of its own for each scanner. Its
// source is in `wasm/`. In its memory lie, one behind the other:
//
//   values by slot | what is wanted, and what was learned of how objects are written | records to be scanned
//
// Positions are addresses in that memory. It may grow, and then all views of it have to be made again.
import { scanModule } from './scan-module.ts'

/** As much of it as is used here; the types of Node lack it. */
declare const WebAssembly: {
  readonly Module: new (binary: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown }
}

interface Global {
  readonly value: number
}

/** Does what needs JavaScript. */
export interface ScanHost {
  /** The value of the number in `[start, end)`, which is well-formed. */
  readNumber(start: number, end: number): number
  /** Puts the value in `[start, end)`, which is valid JSON, into the slots of a field and the fields below it. */
  takeSlice(field: number, start: number, end: number): void
}

export interface ScanMachine {
  readonly memory: { readonly buffer: ArrayBuffer }
  /** Takes memory that is clear, for good, and returns where it is. */
  allocate(bytes: number): number
  /** Makes the memory go up to `end` and some way on. */
  reach(end: number): void
  /** Makes the arrays of values, and tells where they are by the globals below. */
  allocateValues(slots: number, rows: number): void
  /** Values of the next record go into this row; `scanLines` moves on by itself. */
  moveTo(row: number): void
  readonly row: Global
  readonly kinds: Global
  readonly numbers: Global
  readonly starts: Global
  readonly lengths: Global
  readonly hashes: Global
  /** A layout is an object of which fields are wanted. */
  newLayout(): number
  /** `slot` is -1 when only fields below it are wanted, `below` the layout of its value, 0 when none are. */
  newField(id: number, slot: number, owner: number, nameAt: number, nameLength: number, below: number): void
  /**
   * Reads the records from `start` on, each of which ends with its line, into the rows from 0 on, and puts where their line
   * feeds are, one behind the other, at `ends`. Returns how many there were: before `stop`, no more than `most`, and up to
   * the first that is for the reference. A line feed or a zero byte must be somewhere behind `start`.
   */
  scanLines(layout: number, start: number, stop: number, ends: number, most: number): number
  /**
   * Reads the record in `[start, end)`, overwriting the byte behind it. What is not known to be UTF-8 is read only when it is
   * ASCII; some is taken for more than that, because of what lies behind it.
   */
  scanRecord(layout: number, start: number, end: number, isKnownUtf8: boolean): number
}

/** What comes of a record: it was read; it has to be shown first that it is UTF-8. Otherwise it is for the reference. */
export const isRead = 1
export const isNotAscii = 2

let compiled: object | undefined

export function newScanMachine(host: ScanHost): ScanMachine {
  compiled ??= new WebAssembly.Module(Buffer.from(scanModule, 'base64'))
  return new WebAssembly.Instance(compiled, { host: { ...host } }).exports as ScanMachine
}
