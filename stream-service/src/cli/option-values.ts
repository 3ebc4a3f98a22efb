// Values of options as people write them, turned into what the commands work with. A bad value is bad usage (exit 2).
import { InvalidArgumentError } from 'commander'
import { parseDuration } from '../time/duration.ts'

/** `100`, `100/s`, `0.5/s`: how often a second. */
export function rateValue(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(?:\/s)?$/.exec(text)
  const rate = Number(match?.[1])
  if (!match || rate <= 0) throw new InvalidArgumentError('A rate is a number of records a second, like 100 or 0.5/s.')
  return rate
}

export function countValue(text: string): number {
  const count = Number(text)
  if (!/^\d+$/.test(text) || count < 1 || !Number.isSafeInteger(count)) {
    throw new InvalidArgumentError('It must be a whole number from 1.')
  }
  return count
}

export function seedValue(text: string): number {
  const seed = Number(text)
  if (!/^\d+$/.test(text) || seed >= 2 ** 32) throw new InvalidArgumentError('It must be a whole number below 2^32.')
  return seed
}

/** `20s`, `5m`: in milliseconds. */
export function durationValue(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined || ms <= 0) throw new InvalidArgumentError('A duration is a number and a unit, like 20s or 5m.')
  return ms
}

/** `latest`, `trim-horizon`, or a time: ISO 8601 (without a zone it is UTC) or epoch milliseconds. */
export function startValue(text: string): 'LATEST' | 'TRIM_HORIZON' | Date {
  if (/^latest$/i.test(text)) return 'LATEST'
  if (/^trim[-_]horizon$/i.test(text)) return 'TRIM_HORIZON'
  const hasZone = /(Z|[+-]\d\d:?\d\d)$/i.test(text)
  const at = /^\d+$/.test(text) ? new Date(Number(text)) : new Date(hasZone || !text.includes('T') ? text : `${text}Z`)
  if (Number.isNaN(at.getTime()) || !/^\d/.test(text)) {
    throw new InvalidArgumentError("It must be 'latest', 'trim-horizon', or a time like 2026-01-31T12:00:00Z.")
  }
  if (at.getTime() > Date.now()) throw new InvalidArgumentError('It must not lie in the future.')
  return at
}
