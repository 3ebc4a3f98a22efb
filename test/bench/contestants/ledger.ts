// The books of a replay, as `--ledger` writes them, in a temporary file.
import { randomUUID } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Ledger } from '../../../stream-service/src/engine/ledger.ts'
import { imbalance } from '../../../stream-service/src/engine/ledger.ts'

/** Replays with the books kept in a file and returns how many records were read: by every query the same, and none refused. */
export async function countRecords(replay: (ledgerFile: string) => Promise<void>): Promise<number> {
  const file = join(tmpdir(), `millrace-bench-${randomUUID()}.json`)
  try {
    await replay(file)
    const ledger = JSON.parse(readFileSync(file, 'utf8')) as Ledger
    const totals = Object.values(ledger.queries).map(({ total }) => total)
    const { read } = totals[0]!
    for (const total of totals) {
      if (total.read !== read || total.late > 0 || total.rejected > 0 || imbalance(total) !== 0)
        throw new Error(`records were refused or lost: ${JSON.stringify(total)}`)
    }
    return read
  } finally {
    rmSync(file, { force: true })
  }
}
