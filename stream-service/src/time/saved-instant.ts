// Instants in snapshots. JSON has no infinities, and a watermark that no record has moved yet is one.

export type SavedInstant = number | 'Infinity' | '-Infinity'

export function saveInstant(at: number): SavedInstant {
  if (at === Number.POSITIVE_INFINITY) return 'Infinity'
  return at === Number.NEGATIVE_INFINITY ? '-Infinity' : at
}

export function loadInstant(saved: SavedInstant): number {
  return Number(saved)
}
