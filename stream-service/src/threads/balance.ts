// Which shard should be read by which thread. How much a shard costs, and how much else a thread has to do, is not known
// before: it is measured, and a shard goes from the busiest thread to the idlest when that takes work from the busiest.

export interface ThreadLoad {
  /** For how long the thread was at work, with everything it does. */
  readonly busyMs: number
  /** For how long with each of its shards. */
  readonly shardMs: ReadonlyMap<string, number>
}

export interface Move {
  readonly shardId: string
  readonly from: number
  readonly to: number
}

/** A thread that has so much to do has no need of help. */
const busyShare = 0.6
/** The busiest thread has to get by with so much less for a move to be worth its while. */
const worthShare = 0.05

/** The move that helps most; undefined when none does. `elapsedMs`: how long it was measured. */
export function balanced(threads: readonly ThreadLoad[], elapsedMs: number): Move | undefined {
  const byLoad = [...threads.keys()].sort((a, b) => threads[a]!.busyMs - threads[b]!.busyMs)
  const [to, from] = [byLoad[0]!, byLoad.at(-1)!]
  const { busyMs, shardMs } = threads[from]!
  if (busyMs < busyShare * elapsedMs) return undefined
  let best: Move | undefined
  let least = busyMs - worthShare * elapsedMs
  for (const [shardId, ms] of shardMs) {
    const most = Math.max(busyMs - ms, threads[to]!.busyMs + ms)
    if (most >= least) continue
    least = most
    best = { shardId, from, to }
  }
  return best
}
