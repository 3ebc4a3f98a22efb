// Holds the field scanner against the reference over millions of random records. Prints the seed first; the same seed makes
// the same records. Exits 1 after the first difference.
//
//   node test/bench/scanner-fuzz.ts [records, default 2000000] [seed, default from the clock]
import { fuzzedPlans, RecordFuzzer } from '../../stream-service/src/records/record-fuzzer.ts'
import { ScannerAgreement } from '../../stream-service/src/records/scanner-agreement.ts'

/** How many records a scanner reads before the next one begins anew, in turn: it errs in other ways while it learns. */
const recordsPerScanner = [1, 2, 5, 10, 50]

function main(records: number, seed: number): void {
  console.log(`${records} records, seed ${seed}`)
  const fuzzer = new RecordFuzzer(seed)
  let linesTaken = 0
  for (let done = 0, round = 0; done < records; round++) {
    const paths = fuzzedPlans[round % fuzzedPlans.length]!
    const most = recordsPerScanner[Math.floor(round / fuzzedPlans.length) % recordsPerScanner.length]!
    const agreement = new ScannerAgreement(paths)
    for (let i = 0; i < most && done < records; i++, done++) {
      const difference = agreement.difference(fuzzer.next())
      if (difference === undefined) continue
      console.error(`record ${done + 1}, fields ${JSON.stringify(paths)}: ${difference}`)
      process.exitCode = 1
      return
    }
    linesTaken += agreement.linesTaken
    if (round % 1_000 === 999) console.log(`${done} records agree`)
  }
  console.log(`${records} records agree; the scanner took ${linesTaken} of them by itself`)
}

main(Number(process.argv[2] ?? 2_000_000), Number(process.argv[3] ?? Date.now() % 1_000_000_007))
