// The ledger as a table for a person.
import { imbalance, type LaneLedger, type Ledger } from '../engine/ledger.ts'

const accounts = ['read', 'aggregated', 'filtered', 'late', 'rejected', 'heavyDone', 'pending'] as const

/** One row per query, and whether its books balance. */
export function ledgerTable(ledger: Ledger): string {
  const rows = Object.entries(ledger.queries).map(([name, { total }]) => [
    name,
    ...accounts.map((account) => String(total[account])),
    balance(total),
  ])
  const table = [['query', ...accounts, 'books'], ...rows]
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  return table
    .map((row) =>
      row
        .map((cell, i) => (i === 0 || i === row.length - 1 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

export function isBalanced(ledger: Ledger): boolean {
  return Object.values(ledger.queries).every(({ total, lanes }) =>
    [total, ...Object.values(lanes)].every((books) => imbalance(books) === 0),
  )
}

function balance(total: LaneLedger): string {
  return imbalance(total) === 0 ? 'balanced' : `off by ${imbalance(total)}`
}
