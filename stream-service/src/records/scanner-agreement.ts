// Holds a FieldScanner against the reference, JsonDecoder: whatever the bytes, both have to accept or refuse them, for the
// same reason, with the same values. Used by the tests and by `test/bench/scanner-fuzz.ts`.
import { isUtf8 } from 'node:buffer'
import { FieldScanner } from './field-scanner.ts'
import { FieldPlan } from './fields.ts'
import { type DecodeFault, JsonDecoder } from './json-decoder.ts'

/** What surrounds a record in a block, meant to be taken for a part of it. */
const before = Buffer.from('{"a":[1,"')
const behind = Buffer.from('0"}]}1.5e7,"a":true}}')
const nextLine = Buffer.from('\n{"a":1,"b":2}\n')

/** One scanner for all its records, as for a stream: what it has learned from one it uses for the next. */
export class ScannerAgreement {
  readonly #scanner: FieldScanner
  readonly #reference: JsonDecoder
  /** How many records the scanner took as lines without the reference. */
  linesTaken = 0

  constructor(paths: readonly string[]) {
    const plan = new FieldPlan()
    for (const path of paths) plan.slotOf(path)
    this.#scanner = new FieldScanner(plan)
    this.#reference = new JsonDecoder(plan)
  }

  /** How the two differ over a record; undefined when they agree: alone, inside a block, and as a line of a file. */
  difference(record: Uint8Array): string | undefined {
    const alone = Buffer.from(record)
    const block = Buffer.concat([before, alone, behind])
    const start = before.length
    const end = start + alone.length
    return (
      this.#compareAlone(alone) ??
      this.#compare('at the end of a block', Buffer.concat([before, alone]), start, end, isUtf8(alone)) ??
      this.#compare('in a block', block, start, end, false) ??
      this.#compare('in a block of UTF-8', block, start, end, isUtf8(alone)) ??
      (isUtf8(alone) ? this.#compareLine(Buffer.concat([before, alone, nextLine]), start) : undefined)
    )
  }

  #compareAlone(record: Buffer): string | undefined {
    const expected = this.#reference.decode(record, 0, record.length, false)
    return this.#tell('alone', expected, this.#scanner.decodeAlone(new Uint8Array(record)), record)
  }

  #compare(where: string, bytes: Buffer, start: number, end: number, isKnownUtf8: boolean): string | undefined {
    const expected = this.#reference.decode(bytes, start, end, isKnownUtf8)
    const found = this.#scanner.decode(bytes, start, end, isKnownUtf8)
    return this.#tell(where, expected, found, bytes.subarray(start, end))
  }

  /** A line that the scanner ends by itself must end where a line feed does, and be what the reference takes. */
  #compareLine(block: Buffer, start: number): string | undefined {
    if (this.#scanner.decodeLines(block, start, block.lastIndexOf('\n') + 1) === 0) return undefined
    this.linesTaken++
    this.#scanner.fields.moveTo(0)
    const found = this.#scanner.lineFeedAt(0)
    const end = block.indexOf('\n', start)
    if (found !== end) return `as a line it ends at ${found - start}, not at ${end - start}`
    return this.#tell(
      'as a line',
      this.#reference.decode(block, start, end, true),
      undefined,
      block.subarray(start, end),
    )
  }

  #tell(
    where: string,
    expected: DecodeFault | undefined,
    found: DecodeFault | undefined,
    record: Buffer,
  ): string | undefined {
    const say = (what: string) => `${where}, ${what}: ${JSON.stringify(record.toString('latin1'))}`
    if (found?.reason !== expected?.reason || found?.detail !== expected?.detail)
      return say(`${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`)
    if (expected !== undefined) return undefined
    const [wanted, values] = [this.#reference.fields, this.#scanner.fields]
    for (let slot = 0; slot < wanted.slots; slot++) {
      if (isSame(values.value(slot), wanted.value(slot))) continue
      return say(`slot ${slot} is ${show(values.value(slot))} instead of ${show(wanted.value(slot))}`)
    }
    return undefined
  }
}

/** Whether two JSON values are the same to the last bit, the order of names included. */
function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b)
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  const [left, right] = [Object.entries(a), Object.entries(b)]
  return (
    left.length === right.length &&
    left.every(([name, value], i) => name === right[i]![0] && isSame(value, right[i]![1]))
  )
}

function show(value: unknown): string {
  return Object.is(value, -0) ? '-0' : (JSON.stringify(value) ?? String(value))
}
