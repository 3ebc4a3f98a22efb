// Credits bound the work in flight: who wants to begin a piece takes a credit and gives it back when the piece is
// finished. With none left, `take` waits, and that waiting is what slows a source down to the speed of its slowest sink.

export class CreditGate {
  #free: number
  readonly #credits: number
  readonly #waiting: Array<() => void> = []
  #onHome: Array<() => void> = []

  constructor(credits: number) {
    if (!Number.isInteger(credits) || credits < 1) throw new RangeError(`credits must be at least 1, not ${credits}`)
    this.#free = credits
    this.#credits = credits
  }

  /** Resolves when all credits are free: nothing that took one is unfinished. */
  home(): Promise<void> {
    if (this.#free === this.#credits) return Promise.resolve()
    return new Promise((resolve) => this.#onHome.push(resolve))
  }

  /** Takes a credit, waiting until one is free. Rejects with the signal's reason when it aborts first. */
  take(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason)
    if (this.#free > 0) {
      this.#free--
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const grant = () => {
        signal.removeEventListener('abort', refuse)
        resolve()
      }
      const refuse = () => {
        const at = this.#waiting.indexOf(grant)
        if (at >= 0) this.#waiting.splice(at, 1)
        reject(signal.reason)
      }
      this.#waiting.push(grant)
      signal.addEventListener('abort', refuse, { once: true })
    })
  }

  /** Gives one credit back; the one who has waited longest gets it. */
  give(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#free++
    if (this.#free < this.#credits) return
    const waiting = this.#onHome
    this.#onHome = []
    for (const resolve of waiting) resolve()
  }
}
