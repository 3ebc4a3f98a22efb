// How long the event loop came to nothing else: the longest time between two of its turns.
import { setImmediate as nextTurn } from 'node:timers/promises'

export async function longestStall(work: () => Promise<void>): Promise<number> {
  await nextTurn()
  let longestMs = 0
  let lastAt = performance.now()
  let isOver = false
  const turn = () => {
    const now = performance.now()
    longestMs = Math.max(longestMs, now - lastAt)
    lastAt = now
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  await work()
  await nextTurn()
  isOver = true
  return longestMs
}
