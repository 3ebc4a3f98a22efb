import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RecordBatch } from '../shard-source.ts'
import { batchOf, type RecordMessage, readProcessRecords } from './process-records.ts'

const sequenceNumber = '49590338271490256608559692538361571095921575989136588898'

function aRecord(given: Partial<RecordMessage> = {}): RecordMessage & { readonly action: 'record' } {
  return {
    data: Buffer.from('{"n":1}').toString('base64'),
    partitionKey: 'k',
    sequenceNumber,
    approximateArrivalTimestamp: 1_700_000_000_000,
    subSequenceNumber: 0,
    ...given,
    action: 'record',
  }
}

function aLine(records: readonly RecordMessage[], millisBehindLatest: number | null = 0): string {
  return JSON.stringify({ action: 'processRecords', records, millisBehindLatest })
}

function read(line: string | Uint8Array, pieceBytes = 1_000_000): RecordBatch | undefined {
  const bytes = Buffer.from(line)
  const pieces: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += pieceBytes) pieces.push(bytes.subarray(at, at + pieceBytes))
  return readProcessRecords(pieces)
}

function plain(batch: RecordBatch | undefined) {
  return (
    batch && {
      millisBehindLatest: batch.millisBehindLatest,
      records: batch.records.map(({ position, partitionKey, arrivedAt, data }) => ({
        position,
        partitionKey,
        arrivedAt,
        data: Buffer.from(data).toString('hex'),
      })),
    }
  )
}

describe('a line of the usual form', () => {
  test('becomes a batch', () => {
    const batch = read(aLine([aRecord({ partitionKey: 'käse' })], 12))
    expect(plain(batch)).toEqual({
      millisBehindLatest: 12,
      records: [
        {
          position: sequenceNumber,
          partitionKey: 'käse',
          arrivedAt: 1_700_000_000_000,
          data: Buffer.from('{"n":1}').toString('hex'),
        },
      ],
    })
  })

  test('may be empty', () => {
    expect(read(aLine([], 0))).toEqual({ records: [], millisBehindLatest: 0 })
  })

  test('gives user records of an aggregate their places, and plain records none', () => {
    const positions = (...subs: number[]) =>
      read(aLine(subs.map((subSequenceNumber) => aRecord({ subSequenceNumber }))))?.records.map(({ position }) =>
        position.slice(sequenceNumber.length),
      )
    expect(positions(0)).toEqual([''])
    expect(positions(0, 1, 2)).toEqual([':0', ':1', ':2'])
    // Read on from a checkpoint inside it.
    expect(positions(1, 2)).toEqual([':1', ':2'])
    const next = `${sequenceNumber.slice(0, -1)}9`
    const batch = read(aLine([aRecord(), aRecord({ sequenceNumber: next, subSequenceNumber: 1 })]))
    expect(batch?.records.map(({ position }) => position)).toEqual([sequenceNumber, `${next}:1`])
  })
})

describe('a line of another form is left to JSON.parse', () => {
  const usual = aLine([aRecord()])
  test.each([
    ['cut', usual.slice(0, -1)],
    ['with more behind it', `${usual} `],
    ['with blanks', usual.replace(',"partitionKey"', ', "partitionKey"')],
    ['with an escape in a key', aLine([aRecord({ partitionKey: 'a"b' })])],
    ['without data', aLine([aRecord({ data: null })])],
    ['whose data are no base64', aLine([aRecord({ data: 'ab c' })])],
    ['whose data lack padding', aLine([aRecord({ data: 'YQ' })])],
    ['with a negative number', aLine([aRecord({ approximateArrivalTimestamp: -1 })])],
    ['with a fraction', aLine([aRecord()], 0.5)],
    [
      'with another order of fields',
      usual.replace('"subSequenceNumber":0,"action":"record"', '"action":"record","subSequenceNumber":0'),
    ],
  ])('%s', (_, line) => {
    expect(read(line)).toBeUndefined()
  })
})

test('whatever a line holds, both ways of reading it agree', () => {
  const record = fc.record({
    data: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes).toString('base64')),
    partitionKey: fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
    sequenceNumber: fc.bigInt({ min: 1n, max: 2n ** 186n }).map(String),
    approximateArrivalTimestamp: fc.option(fc.nat({ max: 2_000_000_000_000 })),
    subSequenceNumber: fc.nat({ max: 3 }),
  })
  fc.assert(
    fc.property(
      fc.array(record, { maxLength: 20 }),
      fc.option(fc.nat()),
      fc.integer({ min: 1, max: 400 }),
      (records, behind, pieceBytes) => {
        const line = aLine(records.map(aRecord), behind)
        const expected = plain(batchOf(JSON.parse(line)))
        const actual = plain(read(line, pieceBytes))
        if (actual !== undefined) expect(actual).toEqual(expected)
        // Only what JSON has to escape may be left to it.
        else expect(records.some(({ partitionKey }) => JSON.stringify(partitionKey) !== `"${partitionKey}"`)).toBe(true)
      },
    ),
    { numRuns: 500 },
  )
})

test('a line that is broken anywhere is never misread', () => {
  const line = Buffer.from(aLine([aRecord(), aRecord({ data: Buffer.alloc(50, 7).toString('base64') })], 3))
  fc.assert(
    fc.property(fc.nat({ max: line.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
      const broken = Buffer.from(line)
      broken[at] = byte
      const actual = read(broken)
      if (actual === undefined) return
      expect(plain(actual)).toEqual(plain(batchOf(JSON.parse(broken.toString('utf8')))))
    }),
    { numRuns: 2_000 },
  )
})
