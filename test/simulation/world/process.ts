// One life of a task: from a start to its end by itself, by SIGTERM or by a kill. All it does to the world are numbered
// operations, and a kill strikes at one of them. What a dead process waits for never comes.
//
//   call ──latency──> effect in the world ──latency──> answer to the process
//                     ▲ kill before / after             ▲ a paused process gets it when it goes on
import type { Timing } from '@millrace/shared/retry'
import { Chance, hashText } from './chance.ts'
import type { Scheduler } from './scheduler.ts'

export interface Kill {
  /** The number of the operation, from 1. */
  readonly at: number
  /** Whether that operation still takes effect. */
  readonly when: 'before' | 'after'
}

export interface OperationOptions {
  readonly signal?: AbortSignal | undefined
  /** Bounds of each of the two latencies; default 1 to 20. */
  readonly latencyMs?: readonly [number, number]
}

/** What of an operation is left to chance. */
const slow = { probability: 0.04, ms: [200, 1_500] } as const

export class Process {
  readonly task: string
  /** Task and the number of its life. */
  readonly name: string
  readonly scheduler: Scheduler
  readonly #seed: number
  readonly #onDeath: (process: Process) => void
  isAlive = true
  operations = 0
  kill: Kill | undefined
  #pausedUntil = 0

  constructor({
    task,
    life,
    seed,
    scheduler,
    onDeath,
  }: {
    readonly task: string
    readonly life: number
    readonly seed: number
    readonly scheduler: Scheduler
    readonly onDeath: (process: Process) => void
  }) {
    this.task = task
    this.name = `${task}.${life}`
    this.scheduler = scheduler
    this.#seed = Math.imul(hashText(this.name), seed | 1) ^ seed
    this.#onDeath = onDeath
  }

  /** An operation on the world; `effect` happens at one moment of it. */
  operate<Result>(
    what: string,
    effect: () => Result | Promise<Result>,
    { signal, latencyMs = [1, 20] }: OperationOptions = {},
  ): Promise<Result> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    const number = ++this.operations
    const chance = this.chance(number)
    const latency = () =>
      chance.happens(slow.probability) ? chance.between(...slow.ms) : chance.between(latencyMs[0], latencyMs[1])
    const toEffect = latency()
    const toAnswer = latency()
    const takesEffectWhenDead = chance.happens(0.5)
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    const refuse = () => reject(signal?.reason)
    signal?.addEventListener('abort', refuse, { once: true })
    this.scheduler.after(toEffect, async () => {
      // A request that is on its way outlives who sent it.
      if (!this.isAlive && (!takesEffectWhenDead || this.kill?.at === number)) return
      if (this.#strikes(number, 'before')) return
      this.scheduler.note(`${this.name} #${number} ${what}`)
      let answer: () => void
      try {
        const result = await effect()
        answer = () => resolve(result)
      } catch (error) {
        answer = () => reject(error)
      }
      if (this.#strikes(number, 'after')) return
      this.#answerAfter(toAnswer, () => {
        signal?.removeEventListener('abort', refuse)
        answer()
      })
    })
    return promise
  }

  #strikes(number: number, when: Kill['when']): boolean {
    if (!this.isAlive || this.kill === undefined || this.kill.at > number || this.kill.when !== when) return false
    this.die('killed')
    return true
  }

  #answerAfter(ms: number, answer: () => void): void {
    this.scheduler.after(ms, () => {
      if (!this.isAlive) return
      const pausedMs = this.#pausedUntil - this.scheduler.now
      if (pausedMs > 0) this.#answerAfter(pausedMs + this.chance(-1 - this.scheduler.happened).between(0, 5), answer)
      else answer()
    })
  }

  /** The process stops for a while, as under SIGSTOP or a long collection of garbage. */
  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.scheduler.now + ms)
  }

  resume(): void {
    this.#pausedUntil = 0
  }

  get isPaused(): boolean {
    return this.#pausedUntil > this.scheduler.now
  }

  die(how: string): void {
    if (!this.isAlive) return
    this.isAlive = false
    this.scheduler.note(`${this.name} ${how}`)
    this.#onDeath(this)
  }

  /** Chance for one purpose of this process. */
  chance(purpose: number): Chance {
    return new Chance(this.#seed, purpose)
  }

  readonly timing: Timing = {
    now: () => this.scheduler.now,
    random: () => this.chance(1e6 + this.operations).next(),
    sleep: (ms, signal) => this.#sleep(ms, signal),
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    const number = ++this.operations
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const refuse = () => reject(signal?.reason)
    signal?.addEventListener('abort', refuse, { once: true })
    if (ms === Number.POSITIVE_INFINITY) return promise
    this.#answerAfter(ms, () => {
      if (this.#strikes(number, 'before') || this.#strikes(number, 'after')) return
      if (signal?.aborted) return
      signal?.removeEventListener('abort', refuse)
      resolve()
    })
    return promise
  }
}
