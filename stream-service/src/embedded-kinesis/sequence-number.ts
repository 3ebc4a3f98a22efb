// Sequence numbers: 56 decimal digits, as Kinesis gives them, far beyond 2^53 and always of one length.
//
//   49 | 000001700000000 | 000000002 | 1000000000000042 | 00000000000003
//      | shard created   | reshard   | ordinal + 10^15  | shard index
//      | 15 digits, ms   | 9 digits  | 16 digits        | 14 digits
//
// The instant and the reshard come first, so that every record of a child is greater than every record of its parents,
// even when a split and its puts share one millisecond. The ordinal inside makes finding a record's place arithmetic
// instead of a search. Clients must read nothing into the digits: the service promises order within a shard, no more.

const LENGTH = 56
const LEAD = '49'
const ORDINAL_AT = 26
const ORDINAL_DIGITS = 16
/** Keeps the ordinal at 16 digits without padding; 9 * 10^15 numbers fit below 2^53. */
const ORDINAL_BASE = 10 ** 15

/** Makes and reads the sequence numbers of one shard. Ordinal 0 is the shard's start, 1 its first record. */
export class SequenceNumbers {
  readonly #prefix: string
  readonly #suffix: string

  constructor(shard: { createdAt: number; reshard: number; index: number }) {
    this.#prefix = LEAD + digits(shard.createdAt, 15) + digits(shard.reshard, 9)
    this.#suffix = digits(shard.index, 14)
  }

  of(ordinal: number): string {
    return this.#prefix + (ORDINAL_BASE + ordinal) + this.#suffix
  }

  /** The ordinal within this shard, or undefined when another shard or another stream gave out this number. */
  ordinalOf(sequenceNumber: string): number | undefined {
    if (sequenceNumber.length !== LENGTH) return undefined
    if (!sequenceNumber.startsWith(this.#prefix) || !sequenceNumber.endsWith(this.#suffix)) return undefined
    const ordinal = Number(sequenceNumber.slice(ORDINAL_AT, ORDINAL_AT + ORDINAL_DIGITS)) - ORDINAL_BASE
    return ordinal >= 0 ? ordinal : undefined
  }
}

function digits(value: number, width: number): string {
  return String(Math.trunc(value)).padStart(width, '0')
}
