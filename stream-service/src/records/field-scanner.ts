// Bytes to fields in one pass, without parsing what nobody wants. It agrees with JsonDecoder, the reference, on every input:
// it takes only plain records itself, and as soon as it meets anything wrong or rare (a syntax error, an escape in a name, a
// nested object written twice, great depth) it hands the whole record to the reference and answers what that says.
//
// The reading is done in WebAssembly, in a memory of its own, to which records are copied first: lines many at a time, as
// a *window* of the block they lie in, and others one by one. Many records can be decoded at once, a row of `fields` each.
import { isUtf8 } from 'node:buffer'
import { layOut, type WantedField } from './field-layout.ts'
import type { FieldPlan, Fields } from './fields.ts'
import { type DecodeFault, JsonDecoder, valueAt } from './json-decoder.ts'
import { isNotAscii, isRead, newScanMachine, type ScanMachine } from './scan-machine.ts'
import { StringPool } from './string-pool.ts'

const lineFeed = 0x0a

/** A window stays in the cache while its lines are read. */
const windowBytes = 1 << 16
/** How many records are decoded at once, at most: about as many as a window has. */
const maxRows = 256
/** Longer records are left to the reference: the memory never gets smaller again. */
const maxRecordBytes = 1 << 24
/** A line that ends closer to the end of its block is left to `decode`. */
const marginBytes = 8

export class FieldScanner {
  readonly fields: Fields
  /** Shares `fields` with the scanner. */
  readonly #reference: JsonDecoder
  readonly #wanted: WantedField[] = []
  /** Undefined when the reference has to do everything, because somebody needs the whole record. */
  readonly #machine: ScanMachine | undefined
  readonly #layout: number = 0
  /** Where the window, the ends of its lines and a record of its own lie in the memory. */
  readonly #windowAt: number = 0
  readonly #endsAt: number = 0
  readonly #recordAt: number = 0
  #ends = new Int32Array(0)
  /** How long a record may be for the memory as it is. */
  #room = 0
  /** The window is `block[from, to)`, whole lines; a position in the block plus `#shift` is one in the memory. */
  #block: Buffer | undefined
  #from = 0
  #to = 0
  #shift = 0
  /** Where the next record goes that is added to the rows. */
  #rowAt = 0

  constructor(plan: FieldPlan) {
    this.#reference = new JsonDecoder(plan, plan.needsWholeRecord ? 1 : maxRows)
    this.fields = this.#reference.fields
    for (let slot = 0; slot < this.fields.slots; slot++) this.fields.pools[slot] = new StringPool()
    if (plan.needsWholeRecord) return
    const machine = newScanMachine({
      readNumber: (start, end) => Number(this.fields.bytes.toString('latin1', start, end)),
      takeSlice: (field, start, end) => this.#takeSlice(field, start, end),
    })
    this.#machine = machine
    machine.allocateValues(this.fields.slots, maxRows)
    this.#layout = layOut(machine, plan.paths, this.#wanted)
    this.#windowAt = machine.allocate(windowBytes + 16)
    this.#endsAt = machine.allocate(4 * maxRows)
    this.#recordAt = machine.allocate(0)
    this.#seeMemory(machine)
  }

  /**
   * Decodes the record in `bytes[start, end)` into the first row of `fields`, which are overwritten by the next call. Who
   * has checked a larger block that holds the record says so with `isKnownUtf8`.
   */
  decode(bytes: Buffer, start: number, end: number, isKnownUtf8: boolean): DecodeFault | undefined {
    const machine = this.#machine
    this.#toRow(0)
    if (machine !== undefined && this.#hasRoom(end - start)) {
      bytes.copy(this.fields.bytes, this.#recordAt, start, end)
      if (this.#scan(machine, this.#recordAt, end - start, isKnownUtf8)) return undefined
    }
    return this.#reference.decode(bytes, start, end, isKnownUtf8)
  }

  /** Decodes a record that has an array for itself, as records from a stream have. */
  decodeAlone(record: Uint8Array): DecodeFault | undefined {
    const { length } = record
    const machine = this.#machine
    this.#toRow(0)
    if (machine !== undefined && this.#hasRoom(length)) {
      this.fields.bytes.set(record, this.#recordAt)
      if (this.#scan(machine, this.#recordAt, length, false)) return undefined
    }
    return this.#reference.decode(Buffer.from(record.buffer, record.byteOffset, length), 0, length, false)
  }

  #toRow(row: number): void {
    this.fields.moveTo(row)
    this.#machine?.moveTo(row)
  }

  /**
   * Decodes a record that has an array for itself into a row, behind those of the records that were added before, from row 0
   * on. False when it has to be decoded alone: because it is no plain record, or there is no room for it besides the others.
   */
  addRow(row: number, record: Uint8Array): boolean {
    const machine = this.#machine
    if (machine === undefined || row >= maxRows || record.length === 0) return false
    const start = row === 0 ? this.#windowAt : this.#rowAt
    const end = start + record.length
    if (end > this.#windowAt + windowBytes) return false
    this.#block = undefined
    this.fields.bytes.set(record, start)
    this.#toRow(row)
    this.#rowAt = end + 1
    return this.#scan(machine, start, record.length, false)
  }

  /**
   * Decodes the records from `start` on, each of which ends with its line, before `stop`, in bytes that are known to be UTF-8,
   * into the rows from 0 on. Returns how many there were, `most` at most; `lineFeedAt` tells where each of them ends. After 0 the
   * end of the next line has to be found first, for `decode`. As long as the same `bytes` are given they must hold the same.
   */
  decodeLines(bytes: Buffer, start: number, stop: number, most = maxRows): number {
    if (bytes !== this.#block || start < this.#from || start >= this.#to) {
      if (!this.#openWindow(bytes, start, stop)) return 0
    }
    const shift = this.#shift
    const end = Math.min(stop, this.#to) + shift
    return this.#machine!.scanLines(this.#layout, start + shift, end, this.#endsAt, most)
  }

  /** Where the line feed of a row's record is, after `decodeLines`. */
  lineFeedAt(row: number): number {
    return this.#ends[row]! - this.#shift
  }

  /** Copies the lines from `start` on, as many as fit. */
  #openWindow(bytes: Buffer, start: number, stop: number): boolean {
    this.#block = undefined
    if (this.#machine === undefined) return false
    const end = Math.min(stop, bytes.length - marginBytes, start + windowBytes)
    if (end <= start) return false
    const last = bytes.lastIndexOf(lineFeed, end - 1)
    if (last < start) return false
    this.#block = bytes
    this.#from = start
    this.#to = last + 1
    this.#shift = this.#windowAt - start
    bytes.copy(this.fields.bytes, this.#windowAt, start, this.#to)
    return true
  }

  #hasRoom(length: number): boolean {
    return length > 0 && (length <= this.#room || this.#makeRoom(length))
  }

  #makeRoom(length: number): boolean {
    if (length > maxRecordBytes) return false
    this.#machine!.reach(this.#recordAt + 2 * length)
    this.#seeMemory(this.#machine!)
    return length <= this.#room
  }

  #seeMemory(machine: ScanMachine): void {
    const { buffer } = machine.memory
    this.fields.liveIn(buffer, {
      kinds: machine.kinds.value,
      numbers: machine.numbers.value,
      starts: machine.starts.value,
      lengths: machine.lengths.value,
      hashes: machine.hashes.value,
    })
    this.#ends = new Int32Array(buffer, this.#endsAt, maxRows)
    this.#room = buffer.byteLength - this.#recordAt - 64
  }

  /** Whether the reference is not needed for the record that was copied to `start`. */
  #scan(machine: ScanMachine, start: number, length: number, isKnownUtf8: boolean): boolean {
    const end = start + length
    const found = machine.scanRecord(this.#layout, start, end, isKnownUtf8)
    if (found !== isNotAscii) return found === isRead
    if (!isUtf8(this.fields.bytes.subarray(start, end))) return false
    return machine.scanRecord(this.#layout, start, end, true) === isRead
  }

  /** Takes a value by parsing it, and the wanted fields in it. */
  #takeSlice(id: number, start: number, end: number): void {
    const { fields } = this
    const { slot, below } = this.#wanted[id]!
    fields.moveTo(this.#machine!.row.value)
    const value: unknown = JSON.parse(fields.bytes.toString('utf8', start, end))
    if (slot >= 0) fields.set(slot, value)
    for (const { slot, path } of below) fields.set(slot, valueAt(value, path))
  }
}
