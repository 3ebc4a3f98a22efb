// The frame of a contestant that is a Node program, `CONTESTANT QUERY INPUT OUTPUT`: the warm-up, the clock, the line that
// tells what was used.
import { cpuMs, peakRssMb, type Usage } from '../usage.ts'

/** Runs one query over a file, writes its results, and returns how many records there were. */
export type Replay = (query: string, input: string, output: string) => number | Promise<number>

/**
 * Replays the file that BENCH_WARMUP names and throws its results away, then replays INPUT with the clock on: reading,
 * parsing, windows, formatting and writing are inside; the start of the process and the warm-up are not.
 */
export async function contest(replay: Replay): Promise<void> {
  const [query, input, output] = process.argv.slice(2)
  if (query === undefined || input === undefined || output === undefined) {
    throw new Error('usage: CONTESTANT QUERY INPUT OUTPUT')
  }
  const warmUp = process.env.BENCH_WARMUP
  if (warmUp) await replay(query, warmUp, '/dev/null')
  // No collection is forced here: it would throw away compiled code together with the objects of the warm-up that it knows.
  const cpuBefore = cpuMs()
  const startedAt = performance.now()
  const records = await replay(query, input, output)
  const usage: Usage = {
    records,
    wallMs: performance.now() - startedAt,
    cpuMs: cpuMs() - cpuBefore,
    peakRssMb: peakRssMb(),
  }
  process.stdout.write(`${JSON.stringify(usage)}\n`)
}

/** Picks the query's replay from a table. */
export function byQuery(replays: Readonly<Record<string, (input: string, output: string) => number>>): Replay {
  return (query, input, output) => {
    const replay = replays[query]
    if (replay === undefined) throw new Error(`no query ${query}; there are ${Object.keys(replays).join(', ')}`)
    return replay(input, output)
  }
}
