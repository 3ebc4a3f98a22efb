// The hash key space that shards divide among themselves: the integers 0 to 2^128 - 1. A record's key is the MD5 of its
// partition key, unless the producer names one.
//
// Keys are kept as 32 hexadecimal digits where records are routed, since fixed-width hex orders as the number does and
// costs no big integer per record. Ranges and their arithmetic are big integers.
import { hash } from 'node:crypto'
import { invalidArgument } from './errors.ts'

/** 32 lower-case hexadecimal digits; text order is numeric order. */
export type HashKey = string

const KEY_COUNT = 2n ** 128n

/** Both ends are inclusive, as in the API. */
export interface HashKeyRange {
  readonly start: bigint
  readonly end: bigint
}

/**
 * The key that routes a record: the one its producer names, else the MD5 of the partition key's UTF-8 bytes, read as a
 * 128-bit integer. Source: "PutRecord", Kinesis API reference.
 */
export function hashKeyOf(partitionKey: string, explicitHashKey: string | undefined): HashKey {
  if (explicitHashKey === undefined) return hash('md5', partitionKey, 'hex')
  const key = BigInt(explicitHashKey)
  if (key < KEY_COUNT) return hexOf(key)
  throw invalidArgument(
    'Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was ' +
      explicitHashKey,
  )
}

export function hexOf(key: bigint): HashKey {
  return key.toString(16).padStart(32, '0')
}

/**
 * `count` adjacent ranges that cover the whole space and differ in width by one key at most. Every boundary of `n` ranges
 * is also one of `2n`, so that doubling a stream splits each shard once.
 */
export function uniformRanges(count: number): HashKeyRange[] {
  const boundary = (index: number) => (KEY_COUNT * BigInt(index)) / BigInt(count)
  return Array.from({ length: count }, (_, index) => ({
    start: boundary(index),
    end: boundary(index + 1) - 1n,
  }))
}
