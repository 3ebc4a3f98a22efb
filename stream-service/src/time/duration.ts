// Durations are written the way people say them ('5s', '1m', '250ms') and become milliseconds once, at the edge.

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** A duration as users write it: `'500ms'`, `'5s'`, `'1m'`, `'2h'`, `'1d'`, or a whole number of milliseconds. */
export type Duration = string | number

/**
 * The duration in whole milliseconds, or undefined when `text` is none. Fractions are allowed where they come out whole
 * (`'1.5s'` is 1500); a leading minus is allowed, so that callers can refuse or accept negative offsets themselves.
 */
export function parseDuration(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined
  if (typeof value !== 'string') return undefined
  const match = /^\s*(-?\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)\s*$/.exec(value)
  if (!match) return undefined
  const exact = Number(match[1]) * unitMs[match[2]!]!
  const ms = Math.round(exact)
  // 0.1 is no binary fraction: '1.1s' comes out as 1100.0000000000002.
  return Math.abs(exact - ms) < 1e-6 && Number.isSafeInteger(ms) ? ms : undefined
}
