// One replay whose windows are all open when its input is held back:
//
//   records … ──> millrace replay      its last line is refused: everything before it is in the windows
//                 peak so far          the windows are open
//   end     ────> panes are written
//                 peak to the end
//
// The line that is refused is no JSON, on purpose: the program tells of it at once, so nobody has to guess when all has been
// taken from the pipe.
import { readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { imbalance, type Ledger } from '../../../stream-service/src/engine/ledger.ts'
import { workFolder } from '../cache.ts'
import { workloads } from '../generate.ts'
import { generatorCommand, type InputOptions } from '../inputs.ts'
import { forEachLine } from '../lines.ts'
import { startProcess } from '../processes.ts'
import { queryFile } from '../queries.ts'
import { ReportedProcess } from '../reported-process.ts'

const millrace = fileURLToPath(new URL('../../../stream-service/bin/millrace.js', import.meta.url))
const lastLine = 'all records have been taken'

export interface OpenWindows {
  readonly keys: number
  readonly panes: number
  /** Before the input ended, and in all. */
  readonly openPeakRssMb: number
  readonly peakRssMb: number
  readonly faults: readonly string[]
}

interface Replay extends InputOptions {
  readonly workload: 'many-keys' | 'one-key'
}

export async function replayOpenWindows(replay: Replay): Promise<OpenWindows> {
  const { workload, records } = replay
  const output = join(workFolder, 'memory.ndjson')
  const ledger = join(workFolder, 'memory-ledger.json')
  const files = ['--query', queryFile('memory'), '--input', '-', '--output', output, '--ledger', ledger]
  const program = new ReportedProcess({ command: [millrace, 'replay', ...files] })
  const feeding = (async () => {
    await pipeline(startProcess(generatorCommand(workload, replay, '-')), program.input, { end: false })
    program.input.write(`${lastLine}\n`)
  })()
  // Should the program end early, its exit code says why, and not that the pipe has broken.
  await Promise.race([feeding.catch(() => program.ended), program.ended])
  await program.says(new RegExp(`^standard input:${records + 1}: invalid-json `, 'm'))
  const open = await program.usage()
  const writtenBytes = statSync(output).size
  program.input.end()
  const { peakRssMb } = await program.ended
  const expected = valuesByKey(replay)
  const keys = expected.size
  const { panes, faults } = compare(output, expected)
  rmSync(output)
  return {
    keys,
    panes,
    openPeakRssMb: open.peakRssMb,
    peakRssMb,
    faults: [
      ...(writtenBytes === 0 ? [] : ['panes were written while all windows should have been open']),
      ...faultsIn(JSON.parse(readFileSync(ledger, 'utf8')) as Ledger, records),
      ...faults,
    ],
  }
}

/** The books hold all records, and one more that was refused. */
function faultsIn({ queries }: Ledger, records: number): string[] {
  const { total } = queries.memory!
  const isRight = total.aggregated === records && total.read === records + 1 && imbalance(total) === 0
  return isRight ? [] : [`the books do not hold ${records} records: ${JSON.stringify(total)}`]
}

interface Expected {
  count: number
  sum: number
}

function valuesByKey({ workload, records, seed }: Replay): Map<string, Expected> {
  const keys = new Map<string, Expected>()
  const next = workloads[workload](seed)
  for (let n = 0; n < records; n++) {
    const { userId, value } = JSON.parse(next()) as { userId: string; value: number }
    const known = keys.get(userId)
    if (known === undefined) keys.set(userId, { count: 1, sum: value })
    else {
      known.count++
      known.sum += value
    }
  }
  return keys
}

interface Pane {
  readonly id: string
  readonly key: { readonly userId: string }
  readonly values: Expected
}

/** Holds the panes against what is expected, and takes from it what it finds. */
function compare(output: string, expected: Map<string, Expected>): { panes: number; faults: string[] } {
  let wrong = 0
  let first = ''
  const panes = forEachLine(output, (line) => {
    const { id, key, values } = JSON.parse(line) as Pane
    const wanted = expected.get(key.userId)
    expected.delete(key.userId)
    const isRight = values.count === wanted?.count && Math.abs(values.sum - wanted.sum) <= 1e-6 * wanted.sum
    if (isRight) return
    wrong++
    first ||= `${id} ${JSON.stringify(values)} rather than ${JSON.stringify(wanted)}`
  })
  const [missing] = expected.keys()
  return {
    panes,
    faults: [
      ...(wrong === 0 ? [] : [`${wrong} wrong panes, first ${first}`]),
      ...(missing === undefined ? [] : [`${expected.size} panes missing, first ${missing}`]),
    ],
  }
}
