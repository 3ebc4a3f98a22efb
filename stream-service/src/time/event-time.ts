// Event time: when something happened, by the producer's word, in epoch milliseconds. A query declares the unit of its
// time field and nothing is guessed: text where a number is due is invalid, and so is a number where text is due.

import type { Fields } from '../records/fields.ts'

export type TimeUnit = 's' | 'ms' | 'us' | 'ns' | 'iso'

export const timeUnits: readonly TimeUnit[] = ['s', 'ms', 'us', 'ns', 'iso']

/** The range of JavaScript's Date, ±100,000,000 days around 1970; beyond it millisecond arithmetic stops being exact. */
const maxTimeMs = 8.64e15

/** Reads a slot as event time in epoch milliseconds; NaN when it holds none. Fractions of a millisecond are floored. */
export type TimeReader = (fields: Fields, slot: number) => number

const readers: Readonly<Record<TimeUnit, TimeReader>> = {
  ms: (fields, slot) => inRange(Math.floor(fields.finite(slot))),
  s: (fields, slot) => inRange(floorProduct(fields.finite(slot) * 1_000)),
  us: (fields, slot) => inRange(Math.floor(fields.finite(slot) / 1_000)),
  ns: (fields, slot) => inRange(Math.floor(fields.finite(slot) / 1_000_000)),
  iso: (fields, slot) => {
    const value = fields.value(slot)
    return typeof value === 'string' ? parseIsoTime(value) : Number.NaN
  },
}

export function timeReader(unit: TimeUnit): TimeReader {
  return readers[unit]
}

function inRange(ms: number): number {
  return ms >= -maxTimeMs && ms <= maxTimeMs ? ms : Number.NaN
}

/**
 * Floors a product that is only inexact because decimal seconds are no binary fractions: 1.001 s times 1,000 comes out as
 * 1000.9999999999999 and means 1,001 ms. Within two units in the last place of a whole number it is that number.
 */
function floorProduct(ms: number): number {
  const whole = Math.round(ms)
  return Math.abs(ms - whole) <= Math.abs(ms) * 2 * Number.EPSILON ? whole : Math.floor(ms)
}

const isoPattern =
  /^([+-]\d{6}|\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s?([Zz]|[+-]\d\d(?::?\d\d)?)?)?$/

/**
 * ISO 8601 calendar dates and times to epoch milliseconds, NaN when `text` is none. A time without a zone is UTC (unlike
 * `Date.parse`, which takes the machine's zone), fractions are floored to the millisecond, and a day that the month does
 * not have is refused rather than carried over. Examples: `2026-11-24`, `2026-11-24T08:00Z`, `2026-11-24T08:00:00.123456+02:00`.
 */
export function parseIsoTime(text: string): number {
  const match = isoPattern.exec(text)
  if (!match || match[1] === '-000000') return Number.NaN
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as number[]
  const endOfDay = hour === 24 && minute === 0 && second === 0 && !/[1-9]/.test(match[7] ?? '')
  if (month! < 1 || month! > 12 || day! < 1 || day! > daysIn(year!, month!)) return Number.NaN
  if ((hour! > 23 && !endOfDay) || minute! > 59 || second! > 59) return Number.NaN
  const offsetMs = zoneOffsetMs(match[8])
  const date = new Date(0)
  date.setUTCFullYear(year!, month! - 1, day!)
  const millis = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3))
  return inRange(date.getTime() + hour! * 3_600_000 + minute! * 60_000 + second! * 1_000 + millis - offsetMs)
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

function zoneOffsetMs(zone: string | undefined): number {
  if (zone === undefined || zone === 'Z' || zone === 'z') return 0
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(3).replace(':', '') || 0)
  if (hours > 23 || minutes > 59) return Number.NaN
  return (zone[0] === '-' ? -1 : 1) * (hours * 60 + minutes) * 60_000
}
