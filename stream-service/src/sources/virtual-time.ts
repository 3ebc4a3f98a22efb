// A clock for unit tests that moves only when everybody sleeps: the earliest sleeper is woken, at its time, once nothing
// else has happened for a few turns of the event loop. Hours pass in milliseconds, in the same order each time.
import { setImmediate as turn } from 'node:timers/promises'
import type { Timing } from '@millrace/shared/retry'

const quietTurns = 5

export class VirtualTime implements Timing {
  #now = 0
  readonly #sleepers = new Set<{ readonly until: number; readonly wake: () => void }>()
  #isPumping = false

  now = (): number => this.#now

  random = (): number => 0.5

  sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
    if (signal?.aborted) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      const refuse = () => {
        this.#sleepers.delete(sleeper)
        reject(signal?.reason)
      }
      const sleeper = {
        until: this.#now + ms,
        wake: () => {
          signal?.removeEventListener('abort', refuse)
          resolve()
        },
      }
      signal?.addEventListener('abort', refuse, { once: true })
      this.#sleepers.add(sleeper)
      void this.#pump()
    })
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return
    this.#isPumping = true
    while (this.#sleepers.size > 0) {
      for (let quiet = 0; quiet < quietTurns; quiet++) await turn()
      const [first] = [...this.#sleepers].toSorted((a, b) => a.until - b.until)
      // Who sleeps for ever (an interval that the test does not want) is left asleep.
      if (!first || first.until === Number.POSITIVE_INFINITY) break
      this.#sleepers.delete(first)
      this.#now = Math.max(this.#now, first.until)
      first.wake()
    }
    this.#isPumping = false
  }
}
