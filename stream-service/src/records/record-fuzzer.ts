// Random records to try decoders with, the same ones for the same seed. Most are valid JSON written in unusual ways, few have
// one byte or a few wrong: what a decoder gets wrong lies close to what is right.

/** Names that collide with each other, with wanted paths, and with what every object inherits. */
const names = [
  'a',
  'b',
  'c',
  'ab',
  'page',
  'value',
  'ts',
  'data',
  'length',
  '__proto__',
  'constructor',
  'toString',
  '',
  'ä',
  'x.y',
]
const longNames = [
  'customerIdentifier',
  'customerIbentifier',
  'customerIdentifieR',
  'a name with blanks',
  'q'.repeat(80),
]
const texts = [
  '',
  'a',
  'abc',
  '/p/7',
  '"',
  '\\',
  '\n',
  '\u0000',
  'ä',
  '日本',
  '😀',
  '\ud800',
  ',"a":1',
  '}',
  'x'.repeat(59),
  'y'.repeat(70),
]
const literalNumbers = [
  '0', '-0', '1', '12', '123', '1234', '12345', '1699999997372', '9007199254740991', '9007199254740993', '12345678901234567890',
  '0.1', '-0.0', '22.21', '1.5', '0.30000000000000004', '123456789.123456789', '1e5', '1E+2', '1e-7', '1e999', '-1e999', '5e-324',
  '1e22', '1e23', '0e0', '0.000001', '100000000000000000000000', '0.00000000000000000000000000001', '-9.75',
] // biome-ignore format: a table
const wrongNumbers = [
  '01',
  '+1',
  '.5',
  '1.',
  '-',
  '1e',
  '1e+',
  '--1',
  '0x1',
  '1_0',
  'NaN',
  'Infinity',
  '-.5',
  '00',
  '-01',
  '1.e5',
]
const wrongBytes = [...Buffer.from('"\\{}[],:0123456789.eE+-tfn \n\r\t\0\x1f\x7f/ua'), 0x80, 0xc3, 0xe2, 0xff]

/** Plans whose paths meet the names above at several depths. */
export const fuzzedPlans: readonly (readonly string[])[] = [
  ['page', 'value', 'ts'],
  ['a', 'b'],
  ['a.b', 'a.c', 'b'],
  ['a', 'a.b', 'a.b.c', 'data'],
  ['data.page', 'data.a.b', 'value', 'a'],
  ['__proto__', 'constructor', 'length', 'toString'],
  ['__proto__.a', 'constructor.length', 'a.length', 'a.__proto__'],
  ['', 'ä', '.a', 'a.', 'customerIdentifier', 'customerIbentifier'],
  ['\ud800', '\ufffd', 'a'],
  [],
]

/** A generator of numbers, mulberry32. */
class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** A whole number from 0 to `bound - 1`. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound)
  }

  oneIn(count: number): boolean {
    return this.below(count) === 0
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!
  }
}

export class RecordFuzzer {
  readonly #random: Random
  /** How this record is written: how often blanks come, names and texts are escaped, and what is odd. */
  #blanks = 0
  #escapes = 0
  #oddity = 0

  constructor(seed: number) {
    this.#random = new Random(seed)
  }

  next(): Buffer {
    const random = this.#random
    this.#blanks = random.pick([0, 0, 0, 2, 8])
    this.#escapes = random.pick([0, 0, 0, 4, 30])
    this.#oddity = random.pick([0, 0, 0, 0, 10])
    const text = random.oneIn(3) ? this.#ordinary() : random.oneIn(30) ? this.#value(0) : this.#object(0)
    let record: Buffer = Buffer.from(`${text}${random.oneIn(8) ? this.#blank() : ''}`)
    while (random.oneIn(3)) record = this.#spoil(record)
    return record
  }

  /** A record as producers write them, its fields in their order or nearly. */
  #ordinary(): string {
    const random = this.#random
    const members = [
      `"eventId":"e${random.below(1e6)}"`,
      `"page":"/p/${random.below(5)}"`,
      `"value":${random.below(1e5) / 100}`,
      `"ts":${1_699_999_997_372 + random.below(1e4)}`,
      `"data":{"page":"${random.pick(['/p/1', 'ä', ''])}","a":{"b":${random.below(3)}}}`,
      `"a":${random.pick(['1', '"x"', 'null', 'true', '{"b":{"c":5},"c":"t"}', '[1,{"b":2}]'])}`,
      `"ok":${random.oneIn(2)}`,
      `"tags":["x",{"page":1},[]]`,
    ]
    if (random.oneIn(3)) members.splice(random.below(members.length), 1)
    if (random.oneIn(6)) members.push(random.pick(members))
    if (random.oneIn(6)) members.splice(random.below(members.length), 0, members.pop()!)
    const blank = random.pick(['', '', '', ' '])
    return `{${members.join(`,${blank}`)}}`
  }

  #object(depth: number): string {
    const random = this.#random
    const members: string[] = []
    for (let count = random.oneIn(20) ? 0 : random.below(6 - Math.min(depth, 4)) + 1; count > 0; count--) {
      members.push(
        `${this.#blank()}${this.#name()}${this.#blank()}:${this.#blank()}${this.#value(depth + 1)}${this.#blank()}`,
      )
    }
    return `{${members.length === 0 ? this.#blank() : members.join(',')}}`
  }

  #array(depth: number): string {
    const random = this.#random
    const values: string[] = []
    for (let count = random.oneIn(5) ? 0 : random.below(3) + 1; count > 0; count--) {
      values.push(`${this.#blank()}${this.#value(depth + 1)}${this.#blank()}`)
    }
    return `[${values.length === 0 ? this.#blank() : values.join(',')}]`
  }

  #value(depth: number): string {
    const random = this.#random
    if (this.#isOdd())
      return random.pick([...wrongNumbers, 'True', 'nul', 'undefined', "'x'", '', '"\t"', '"\\x"', '"\\u12g4"'])
    if (random.oneIn(5_000)) return `${'['.repeat(70)}${']'.repeat(70)}`
    switch (random.below(depth > 4 ? 4 : 8)) {
      case 0:
      case 1:
        return random.pick(literalNumbers)
      case 2:
        return random.oneIn(2)
          ? String(random.below(1e6) / 100)
          : `${this.#digits()}${random.oneIn(2) ? `.${this.#digits()}` : ''}`
      case 3:
        return random.oneIn(2) ? this.#text(random.pick(texts)) : random.pick(['true', 'false', 'null'])
      case 4:
        return this.#text(random.pick(texts))
      case 5:
        return this.#array(depth)
      default:
        return this.#object(depth)
    }
  }

  #digits(): string {
    const random = this.#random
    let digits = String(1 + random.below(9))
    for (let count = random.below(20); count > 0; count--) digits += random.below(10)
    return digits
  }

  #name(): string {
    return this.#text(this.#random.oneIn(8) ? this.#random.pick(longNames) : this.#random.pick(names))
  }

  #text(text: string): string {
    const random = this.#random
    let written = ''
    for (let i = 0; i < text.length; i++) {
      const unit = text[i]!
      if (this.#escapes > 0 && random.oneIn(this.#escapes)) {
        written += `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`
      } else written += JSON.stringify(unit).slice(1, -1)
    }
    // Halves of a pair that were written apart are one character again unless one of them was escaped.
    return `"${written.replaceAll(/\\ud83d\\ude00/g, random.oneIn(2) ? '😀' : '\\ud83d\\ude00')}"`
  }

  #blank(): string {
    if (this.#isOdd()) return this.#random.pick(['\v', '\u00a0', '/**/', '\0', '\ufeff'])
    return this.#blanks > 0 && this.#random.oneIn(this.#blanks)
      ? this.#random.pick([' ', '\t', '\r', '\n', '  ', '\r\n'])
      : ''
  }

  #isOdd(): boolean {
    return this.#oddity > 0 && this.#random.oneIn(this.#oddity)
  }

  /** Changes, takes out, puts in, cuts off or repeats bytes. */
  #spoil(record: Buffer): Buffer {
    const random = this.#random
    const at = random.below(record.length + 1)
    const byte = Buffer.alloc(
      random.oneIn(4) ? 1 + random.below(9) : 1,
      random.oneIn(4) ? random.below(256) : random.pick(wrongBytes),
    )
    switch (random.below(8)) {
      case 6:
      case 7:
        return this.#spoilLead(record, byte)
      case 0:
        return Buffer.concat([record.subarray(0, at), byte, record.subarray(at + 1)])
      case 1:
        return Buffer.concat([record.subarray(0, at), byte, record.subarray(at)])
      case 2:
        return Buffer.concat([record.subarray(0, at), record.subarray(at + 1 + random.below(3))])
      case 3:
        return record.subarray(0, at)
      case 4: {
        const end = at + random.below(12)
        return Buffer.concat([record.subarray(0, end), record.subarray(at)])
      }
      default:
        return Buffer.concat([record, byte])
    }
  }

  /** Puts something else in place of what stands between two values: bytes, what stands elsewhere, or nearly the same. */
  #spoilLead(record: Buffer, bytes: Buffer): Buffer {
    const random = this.#random
    const leads = [...record.toString('latin1').matchAll(/[{,]\s*"\w*"\s*:\s*"?/g)]
    if (leads.length === 0) return Buffer.concat([bytes, record])
    const lead = random.pick(leads)
    let other = random.pick([bytes, Buffer.from(random.pick(leads)[0], 'latin1'), Buffer.from(lead[0], 'latin1')])
    if (random.oneIn(2)) {
      other = Buffer.from(other)
      other[random.below(other.length)] = random.pick(wrongBytes)
    }
    const end = lead.index + (random.oneIn(4) ? 0 : lead[0].length)
    return Buffer.concat([record.subarray(0, lead.index), other, record.subarray(end)])
  }
}
