// The books. Every record a lane reads ends up in exactly one account, per query:
//   read = aggregated + filtered + late + rejected + heavyDone + pending
// `lateWindows` stands beside them: windows that aggregated records missed because only some of theirs were still open.

export interface LaneLedger {
  read: number
  aggregated: number
  filtered: number
  late: number
  rejected: number
  heavyDone: number
  pending: number
  lateWindows: number
}

export interface QueryLedger {
  readonly lanes: Readonly<Record<string, LaneLedger>>
  readonly total: LaneLedger
}

export interface Ledger {
  readonly queries: Readonly<Record<string, QueryLedger>>
}

export function emptyLedger(): LaneLedger {
  return { read: 0, aggregated: 0, filtered: 0, late: 0, rejected: 0, heavyDone: 0, pending: 0, lateWindows: 0 }
}

export function sumLedgers(ledgers: Iterable<LaneLedger>): LaneLedger {
  const total = emptyLedger()
  for (const ledger of ledgers) {
    for (const account of Object.keys(total) as (keyof LaneLedger)[]) total[account] += ledger[account]
  }
  return total
}

/** By how many records the books do not balance; 0 when they do. */
export function imbalance(ledger: LaneLedger): number {
  const { read, aggregated, filtered, late, rejected, heavyDone, pending } = ledger
  return read - (aggregated + filtered + late + rejected + heavyDone + pending)
}
