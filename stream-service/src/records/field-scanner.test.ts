// The scanner and the reference, JsonDecoder, over hard cases one by one and over random records.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FieldScanner } from './field-scanner.ts'
import { FieldPlan } from './fields.ts'
import { JsonDecoder } from './json-decoder.ts'
import { fuzzedPlans, RecordFuzzer } from './record-fuzzer.ts'
import { ScannerAgreement } from './scanner-agreement.ts'

const runs = Number(process.env.PROPERTY_RUNS ?? 3_000)

const paths = [
  'a',
  'b',
  'a.b',
  'a.b.c',
  'page',
  'value',
  'ts',
  'length',
  '__proto__',
  'constructor',
  'd.e',
  'd.f.g',
  '',
  'ä',
]
const ordinary =
  '{"page":"/p/7","value":22.21,"ts":1699999997372,"d":{"e":"x","f":{"g":[1,2]}},"a":{"b":{"c":true}},"tags":["x",null]}'

/** Each record is tried by a scanner that knows nothing and by one that knows the records of the list before it. */
function expectAgreement(records: readonly (string | Uint8Array)[]): void {
  const learning = new ScannerAgreement(paths)
  learning.difference(Buffer.from(ordinary))
  for (const record of records) {
    const bytes = Buffer.from(record as string)
    expect(new ScannerAgreement(paths).difference(bytes)).toBeUndefined()
    expect(learning.difference(bytes)).toBeUndefined()
  }
}

const inMember = (values: readonly string[]) =>
  values.flatMap((value) => [`{"a":${value}}`, `{"z":${value},"a":1}`, `{"d":{"e":${value}}}`])

test.each<[string, readonly (string | Uint8Array)[]]>([
  ['an ordinary record', [ordinary, ordinary, JSON.stringify(JSON.parse(ordinary), null, 2)]],
  [
    'names written with escapes',
    ['{"\\u0061":1}', '{"p\\u0061ge":"x","page":"y"}', '{"page":"y","p\\u0061ge":"x"}', '{"d":{"\\u0065":1}}'],
  ],
  ['names that hold quotes and backslashes', ['{"\\"a":1,"a\\\\":2}', '{"a\\"":1,"a":2}']],
  [
    'a field that is there twice',
    ['{"a":1,"a":2}', '{"a":"x","a":null,"b":1}', '{"a":1,"b":2,"a":{"b":3}}', '{"page":"x","page":[1]}'],
  ],
  [
    'an object that is there twice',
    ['{"d":{"e":1},"d":{"f":2}}', '{"d":{"e":1},"d":5}', '{"d":5,"d":{"e":1}}', '{"d":{"f":{"g":1},"f":{}}}'],
  ],
  [
    'names inside strings and other objects',
    ['{"z":"\\"a\\":1","a":2}', '{"z":{"a":1,"page":"x"}}', '{"z":[{"a":1}],"page":"y"}', '{"z":",\\"a\\":1"}'],
  ],
  [
    'numbers',
    inMember([
      '0',
      '-0',
      '-0.0',
      '0e5',
      '7',
      '-7',
      '12',
      '123',
      '1234',
      '12345',
      '123456789',
      '1699999997372',
      '-1699999997372',
    ]),
  ],
  [
    'decimals',
    inMember([
      '0.1',
      '0.25',
      '22.21',
      '-9.75',
      '0.30000000000000004',
      '123456.789012',
      '0.000000000000000000000001',
      '1.0',
      '10.010',
    ]),
  ],
  [
    'numbers near the limits of doubles',
    inMember([
      '9007199254740991',
      '9007199254740992',
      '9007199254740993',
      '-9007199254740993',
      '900719925474099.3',
      '90071992547409.93',
      '12345678901234567890',
      '1e22',
      '1e23',
      '5e-324',
      '2e-324',
      '1e999',
      '-1e999',
      '0.1e400',
      '179769313486231580793e289',
      `1${'0'.repeat(400)}`,
      `0.${'0'.repeat(400)}1`,
      `1.${'3'.repeat(60)}`,
    ]),
  ],
  ['exponents', inMember(['1e5', '1E5', '1e+2', '1E-2', '1.5e3', '0e0', '-1e0'])],
  [
    'what looks like a number',
    inMember([
      '01',
      '-01',
      '00',
      '+1',
      '.5',
      '1.',
      '-',
      '-.5',
      '1.e5',
      '1e',
      '1e+',
      '1e-',
      '--1',
      '1-',
      '0x10',
      '1_0',
      '1,5',
      '1.2.3',
      '1e5.5',
      'NaN',
      'Infinity',
      '-Infinity',
      '1a',
      '12345678a',
      '1699999997372a',
    ]),
  ],
  [
    'literals',
    inMember(['true', 'false', 'null', 'tru', 'truee', 'fals', 'falsee', 'nul', 'nulll', 'True', 'undefined', 't', '']),
  ],
  [
    'strings',
    inMember([
      '""',
      '"x"',
      '"abc"',
      '"abcd"',
      '"abcde"',
      '"ä"',
      '"日本語"',
      '"😀"',
      '"\u007f"',
      '"\u2028"',
      `"${'x'.repeat(63)}"`,
      `"${'x'.repeat(64)}"`,
      `"${'ä'.repeat(40)}"`,
    ]),
  ],
  [
    'escapes',
    inMember([
      '"\\""',
      '"\\\\"',
      '"\\/"',
      '"\\b\\f\\n\\r\\t"',
      '"\\u0000"',
      '"\\u00E4"',
      '"\\ud83d\\ude00"',
      '"a\\\\"',
      '"a\\\\\\""',
      '"\\u0022"',
    ]),
  ],
  ['lone surrogates', inMember(['"\\ud800"', '"\\udc00"', '"\\ud800x"', '"\\udc00\\ud800"'])],
  [
    'wrong escapes',
    inMember(['"\\x41"', '"\\u12"', '"\\u123g"', '"\\U0041"', '"\\', '"\\"', '"\\u"', '"\\0"', '"\\\n"']),
  ],
  [
    'control characters in strings',
    inMember(Array.from({ length: 33 }, (_, code) => `"x${String.fromCharCode(code)}y"`)),
  ],
  [
    'objects and arrays as values',
    inMember([
      '{}',
      '[]',
      '[1,"b",{"c":null}]',
      '{"b":1}',
      '{"b":{"c":[{}]}}',
      '{"b":{}}',
      '{"b":[{"c":1}]}',
      '{"b":"c"}',
      '[{"b":1}]',
      '{"b":null}',
      '{"length":3}',
      '{"__proto__":{"b":1}}',
    ]),
  ],
  [
    'broken objects and arrays',
    inMember([
      '{',
      '[',
      '{]',
      '[}',
      '{,}',
      '[,]',
      '[1,]',
      '{"b":1,}',
      '{"b"}',
      '{"b":}',
      '{b:1}',
      "{'b':1}",
      '[1 2]',
      '{"b":1 "c":2}',
      '{"b":1,,"c":2}',
      '{1:2}',
      '{"b":1}}',
      '[1]]',
      '[1}',
      '{"b":1]',
    ]),
  ],
  [
    'deep nesting',
    inMember(
      [60, 63, 64, 65, 66, 1_000].flatMap((depth) => [
        `${'['.repeat(depth)}${']'.repeat(depth)}`,
        `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`,
      ]),
    ),
  ],
  [
    'blanks everywhere',
    [
      ' { "a" : 1 , "b" : { "c" : [ 1 , 2 ] } } ',
      '\t{\r"a"\t:\r1\t,\r"b":2}\r',
      '{\n"a":\n1,\n"b":2\n}\n',
      '{ }',
      '{"a":1}\n\n',
      '{"a": 1, "b": "x", "page": "y"}',
    ],
  ],
  [
    'blanks that JSON does not know',
    ['{"a":\v1}', '{"a":\f1}', '{"a":\u00a01}', '{"a":\u20281}', '{"a":/**/1}', '\0{"a":1}', '{"a":1}\0', '{\0"a":1}'],
  ],
  [
    'something behind the record',
    ['{"a":1}x', '{"a":1}{"a":2}', '{"a":1},', '{"a":1}}', '{"a":1} null', '{"a":1}\n{"a":2}', '{"a":1}\r\n'],
  ],
  ['no object at the top', ['1', '"a"', 'null', 'true', '[]', '[{"a":1}]', '[{"a":1},"b"]', '-', 'nul', '"', '']],
  ['blank input', ['', ' ', '\n', '\t\r\n', '\0', '{', '}', '{}', '{}{', '{}}', '{{}}']],
  [
    'inherited names',
    [
      '{"__proto__":{"a":1},"constructor":"x","length":2}',
      '{"toString":1}',
      '{"length":null}',
      '{"constructor":{"prototype":1}}',
      '{"a":{"__proto__":{"b":1}}}',
      '{"a":"text","__proto__":null}',
    ],
  ],
  [
    'names of no and of many bytes',
    [
      '{"":1}',
      '{"":{"":2},"a":""}',
      '{"ä":"ä","a\u0308":1}',
      `{"${'n'.repeat(200)}":1,"a":2}`,
      '{"a":1,"a ":2," a":3}',
      '{"pag":1,"pagee":2,"page":3}',
    ],
  ],
  [
    'zero bytes in place of what stands between values',
    ['{"z":1\0\0\0\0"x"}', '{"page":"x"\0\0\0\0"y"}', '{"z":"x"\0\0\0\0\0\0\0\0"y"}', '\0\0\0\0"x"}', '{\0\0\0\0"x"}'],
  ],
  [
    'punctuation out of place',
    [
      '{"a"1}',
      '{"a"::1}',
      '{:1}',
      '{"a":1;"b":2}',
      '{,"a":1}',
      '{"a":1,}',
      '{"a":1,,"b":2}',
      '{"a":1 "b":2}',
      '{a:1}',
      "{'a':1}",
      '{"a":1,b:2}',
      '{"a" "b":1}',
      '{"a":1,"b"}',
      '{"a":1,"b":}',
      '{"a":"x""b":1}',
      '{"a":"x"b":1}',
      '{"page":"x","page"}',
    ],
  ],
])('agrees on %s', (_, records) => expectAgreement(records))

test('agrees wherever a record is cut off', () => {
  const records = [ordinary, '{"a":"\\ud83d\\ude00 ä 日本","value":-12.5e+10,"d":{"e":[true,false,null,{"x":{}}]}}']
  expectAgreement(
    records.flatMap((record) => {
      const bytes = Buffer.from(record)
      return Array.from({ length: bytes.length + 1 }, (_, length) => bytes.subarray(0, length))
    }),
  )
})

test('agrees on every byte in place of every byte of a record', () => {
  const record = Buffer.from('{"a":{"b":"ä"},"page":"/p","value":-1.5}')
  const agreement = new ScannerAgreement(paths)
  for (let at = 0; at < record.length; at++) {
    for (let byte = 0; byte < 256; byte++) {
      const changed = Buffer.from(record)
      changed[at] = byte
      expect(agreement.difference(changed)).toBeUndefined()
    }
  }
})

test('agrees on bytes that are not UTF-8, and on a byte order mark', () => {
  const wrong = [
    [0x80],
    [0xc3],
    [0xc3, 0x28],
    [0xe2, 0x82],
    [0xf0, 0x9f, 0x98],
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xff],
    [0xfe],
  ]
  const around = (head: string, bytes: readonly number[], tail: string) =>
    Buffer.concat([Buffer.from(head), Buffer.from(bytes), Buffer.from(tail)])
  expectAgreement(
    wrong.flatMap((bytes) => [
      around('{"a":"', bytes, '"}'),
      around('{"z":"', bytes, '","a":1}'),
      around('{"', bytes, '":1}'),
      around('{"a":1', bytes, '}'),
      around('{"a":1}', bytes, ''),
      around('', bytes, '{"a":1}'),
    ]),
  )
  expectAgreement([Buffer.from('\ufeff{"a":1}'), Buffer.from('{"a":1}\ufeff'), Buffer.from('{"\ufeff":1}')])
})

test('agrees however fields come and go, and in whatever order they are', () => {
  const members = [
    '"page":"x"',
    '"value":1.5',
    '"a":{"b":{"c":1}}',
    '"d":{"e":"y","f":{"g":1}}',
    '"z":[1]',
    '"length":"l"',
  ]
  const records: string[] = []
  for (let mask = 0; mask < 64; mask++) {
    const some = members.filter((_, i) => (mask >> i) & 1)
    records.push(`{${some.join(',')}}`, `{${some.toReversed().join(', ')}}`)
  }
  expectAgreement([...records, ...records])
})

test('agrees on a field that is a string in one record and a number in the next', () => {
  expectAgreement(
    ['"x"', '1', 'null', '"y"', '{"b":1}', '"x"', '[2]', '2', '"\\n"', 'true'].flatMap((value) => [
      `{"page":${value},"a":${value}}`,
      `{"page":${value}}`,
    ]),
  )
})

test('agrees on records that are written in different ways', () => {
  const record = { value: 1.5, d: { e: 'x', f: { g: 2 } }, a: { b: 1 }, z: 7, page: 'y' }
  const styles = [
    JSON.stringify(record),
    JSON.stringify(record).replaceAll(':', ': ').replaceAll(',', ', '),
    JSON.stringify(record).replaceAll(':', ' :\t').replaceAll('}', ' }'),
    JSON.stringify(record, null, 1),
  ]
  const agreement = new ScannerAgreement(paths)
  for (let i = 0; i < 64; i++)
    expect(agreement.difference(Buffer.from(styles[(i * 7 + (i >> 3)) % 4]!))).toBeUndefined()
  // All but those that span lines are taken as lines, whichever came first.
  expect(agreement.linesTaken).toBe(48)
})

test('agrees on more layouts than a scanner learns', () => {
  expectAgreement(
    Array.from(
      { length: 600 },
      (_, i) => `{"n${i}":${i},"page":"p${i}","a":{"x${i}":"t","b":${i}},"${'long'.repeat(i % 30)}":"v"}`,
    ),
  )
})

const anyRecord = (() => {
  const blank = fc.oneof({ weight: 6, arbitrary: fc.constant('') }, fc.constantFrom(' ', '\n', '\t', '\r\n', '  '))
  const name = fc.constantFrom(
    '"a"',
    '"b"',
    '"c"',
    '"page"',
    '"value"',
    '"d"',
    '"e"',
    '"f"',
    '"g"',
    '"length"',
    '"__proto__"',
    '""',
    '"\\u0061"',
    '"z"',
  )
  const scalar = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }).map((text) => JSON.stringify(text)),
    fc.string({ unit: 'grapheme-ascii', maxLength: 80 }).map((text) => JSON.stringify(text)),
    fc.double().map((value) => JSON.stringify(value)),
    fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }).map(String),
    fc
      .tuple(fc.nat(), fc.nat(), fc.constantFrom('', 'e5', 'E-7', 'e+300'))
      .map(([whole, part, exponent]) => `${whole}.${part}${exponent}`),
    fc.constantFrom('true', 'false', 'null', '-0', '0', '1e999'),
  )
  const spaced = (text: fc.Arbitrary<string>) => fc.tuple(blank, text, blank).map((parts) => parts.join(''))
  const { record } = fc.letrec<{ value: string; object: string; array: string; record: string }>((tie) => ({
    value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalar, tie('object'), tie('array')),
    object: fc
      .array(
        fc.tuple(spaced(name), spaced(tie('value'))).map((pair) => pair.join(':')),
        { maxLength: 6 },
      )
      .map((members) => `{${members.join(',')}}`),
    array: fc.array(spaced(tie('value')), { maxLength: 3 }).map((values) => `[${values.join(',')}]`),
    record: fc.oneof(
      { weight: 8, arbitrary: spaced(tie('object')) },
      { weight: 1, arbitrary: spaced(tie('value')) },
      { weight: 4, arbitrary: fc.constant(ordinary) },
    ),
  }))
  return record
})()

const change = fc.record({
  kind: fc.constantFrom('replace' as const, 'insert' as const, 'delete' as const, 'cut' as const),
  at: fc.nat(200),
  byte: fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('"\\{}[],:0.e-\n\t '))),
})

function changed(
  record: Buffer,
  { kind, at, byte }: { kind: 'replace' | 'insert' | 'delete' | 'cut'; at: number; byte: number },
): Buffer {
  const place = at % (record.length + 1)
  const head = record.subarray(0, place)
  if (kind === 'cut') return head
  if (kind === 'insert') return Buffer.concat([head, Buffer.of(byte), record.subarray(place)])
  return Buffer.concat([head, kind === 'delete' ? Buffer.alloc(0) : Buffer.of(byte), record.subarray(place + 1)])
}

test('agrees on random records, sound and spoilt', () => {
  const cases = fc.array(
    fc.tuple(anyRecord, fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.array(change, { maxLength: 3 }))),
    { minLength: 1, maxLength: 4 },
  )
  fc.assert(
    fc.property(cases, fc.constantFrom(paths, ...fuzzedPlans), (records, wanted) => {
      const agreement = new ScannerAgreement(wanted)
      for (const [text, changes] of records)
        expect(agreement.difference(changes.reduce(changed, Buffer.from(text)))).toBeUndefined()
    }),
    { numRuns: runs },
  )
})

test('agrees on what the fuzzer makes', () => {
  const fuzzer = new RecordFuzzer(1)
  for (const wanted of fuzzedPlans) {
    const agreement = new ScannerAgreement(wanted)
    for (let i = 0; i < runs / 10; i++) expect(agreement.difference(fuzzer.next())).toBeUndefined()
    if (runs >= 1_000) expect(agreement.linesTaken).toBeGreaterThan(0)
  }
})

describe('lines', () => {
  const scannerOf = (...wanted: string[]) => {
    const plan = new FieldPlan()
    for (const path of wanted) plan.slotOf(path)
    return new FieldScanner(plan)
  }

  const decodeLine = (scanner: FieldScanner, block: Buffer, start: number, stop: number) => {
    if (scanner.decodeLines(block, start, stop, 1) === 0) return -1
    scanner.fields.moveTo(0)
    return scanner.lineFeedAt(0)
  }

  test('a line ends at its line feed, behind blanks and a carriage return', () => {
    const block = Buffer.from('{"a":1}\n{"a":2} \r\n{"a":3}\n{"a":4,"b":"a line that goes on in the next block')
    const scanner = scannerOf('a')
    const ends: number[] = []
    for (let start = 0; start >= 0; ) {
      const end = decodeLine(scanner, block, start, block.length)
      if (end < 0) break
      ends.push(end, scanner.fields.value(0) as number)
      start = end + 1
    }
    expect(ends).toEqual([7, 1, 17, 2, 25, 3])
  })

  test('a record that goes on behind its line feed is no record', () => {
    const block = Buffer.from('{"a":1,\n"b":2}\n{"a":1\n,"b":2}\n{\n"a":1}\n{"a":\n1}\n          ')
    const scanner = scannerOf('a', 'b')
    // Learned in a record of its own, where a line feed is a blank like others.
    for (const record of ['{"a":1,\n"b":2}', '{"a":1\n,"b":2}', '{\n"a":1}', '{"a":\n1}']) {
      for (let i = 0; i < 3; i++) expect(scanner.decode(Buffer.from(record), 0, record.length, true)).toBeUndefined()
    }
    for (const start of [0, 15, 30, 39]) expect(decodeLine(scanner, block, start, block.length)).toBe(-1)
  })

  test('where the block ends too early, or a whole record is wanted, the end has to be found first', () => {
    expect(decodeLine(scannerOf('a'), Buffer.from('{"a":1}\n'), 0, 8)).toBe(-1)
    expect(decodeLine(scannerOf('a'), Buffer.from('{"a":1}\n{"a":2}\n'), 0, 4)).toBe(-1)
    const plan = new FieldPlan()
    plan.requireWholeRecord()
    expect(decodeLine(new FieldScanner(plan), Buffer.from('{"a":1}\n{"a":2}\n'), 0, 8)).toBe(-1)
  })
})

test('a plan that needs the whole record gets it', () => {
  const plan = new FieldPlan()
  plan.slotOf('a')
  plan.requireWholeRecord()
  const scanner = new FieldScanner(plan)
  const record = Buffer.from('{"a":1,"z":[2]}')
  expect(scanner.decode(record, 0, record.length, false)).toBeUndefined()
  expect(scanner.fields.value(0)).toBe(1)
  expect(scanner.fields.record).toEqual({ a: 1, z: [2] })
})

test('values do not depend on the records before', () => {
  const plan = new FieldPlan()
  for (const path of ['page', 'user', 'n']) plan.slotOf(path)
  const [scanner, reference] = [new FieldScanner(plan), new JsonDecoder(plan)]
  // More strings than are kept, few that come again, and a field whose strings never do.
  for (let i = 0; i < 200_000; i++) {
    const record = Buffer.from(
      `{"page":"/p/${i % 70_000}","user":"user-${i}${'é'.repeat(i % 3)}","n":${i * 37_777_777}}          `,
    )
    expect(scanner.decode(record, 0, record.length, true)).toBe(reference.decode(record, 0, record.length, true))
    for (let slot = 0; slot < 3; slot++) {
      const [value, wanted] = [scanner.fields.value(slot), reference.fields.value(slot)]
      if (value !== wanted) expect(value).toBe(wanted)
    }
  }
})
