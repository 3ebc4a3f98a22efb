// Retrying, for calls that fail as a whole and for batch calls that take some entries and refuse others. The rule for
// batches: only the failed entries go again, after a jittered wait, and nothing of a key overtakes what failed before it.
import { setTimeout as delay } from 'node:timers/promises'

/** Time and chance, passed in so that tests own them. */
export interface Timing {
  /** Milliseconds on a clock that never jumps; only differences mean something. */
  now(): number
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** A number in [0, 1). */
  random(): number
}

export const systemTiming: Timing = { now: () => performance.now(), sleep, random: Math.random }

export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  try {
    await delay(ms, undefined, signal ? { signal } : {})
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  }
}

export interface Backoff {
  readonly baseMs: number
  readonly capMs: number
}

export const defaultBackoff: Backoff = { baseMs: 100, capMs: 10_000 }

/**
 * The wait before another attempt, with full jitter: a random share of `min(capMs, baseMs * 2^failures)`, where
 * `failures` is how many attempts failed before this one's predecessor (0 after the first failure).
 * Example: `baseMs` 100, `failures` 3, `random` 0.5 gives 400.
 * Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (Brooker, 2015).
 */
export function backoffDelayMs(failures: number, { baseMs, capMs }: Backoff, random: () => number): number {
  return Math.floor(random() * Math.min(capMs, baseMs * 2 ** Math.min(failures, 32)))
}

export interface RetryCallOptions {
  /** A reason when a failure is for a moment only; any other failure rejects at once. */
  retryReason(error: unknown): string | undefined
  /** Time for all attempts, in milliseconds; checked between them. The last failure rejects. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  readonly backoff?: Backoff
  readonly timing?: Timing
  readonly onRetry?: ((retry: { readonly reason: string; readonly delayMs: number }) => void) | undefined
}

/** Makes a call that fails or succeeds as a whole, again after a jittered wait as long as its failures pass. */
export async function retryCall<Value>(call: () => Promise<Value>, options: RetryCallOptions): Promise<Value> {
  const { timing = systemTiming, backoff = defaultBackoff, signal } = options
  const deadline = timing.now() + options.timeoutMs
  for (let failures = 0; ; failures++) {
    try {
      return await call()
    } catch (error) {
      const reason = options.retryReason(error)
      const delayMs = backoffDelayMs(failures, backoff, timing.random)
      if (reason === undefined || signal?.aborted || timing.now() + delayMs >= deadline) throw error
      options.onRetry?.({ reason, delayMs })
      await timing.sleep(delayMs, signal)
    }
  }
}

/** What the service said of one entry in one attempt. */
export type EntryOutcome<Value> =
  | { readonly status: 'accepted'; readonly value: Value }
  | { readonly status: 'retry'; readonly reason: string }
  | { readonly status: 'refused'; readonly reason: string }

/**
 * What became of one entry in the end. `abandoned`: not known to be accepted when attempts, time or patience (the
 * signal) ran out; when its last attempt got no answer, the service may have it nevertheless.
 */
export type EntryResult<Value> =
  | { readonly status: 'accepted'; readonly value: Value }
  | { readonly status: 'refused'; readonly reason: string }
  | { readonly status: 'abandoned'; readonly reason: string; readonly attempts: number }

export interface RetryEntriesOptions<Entry, Value> {
  readonly entries: readonly Entry[]
  /** Entries of one key keep their order. */
  keyOf(entry: Entry): string
  /** One call to the service: an outcome for each entry, in order. */
  send(entries: readonly Entry[]): Promise<ReadonlyArray<EntryOutcome<Value>>>
  /** A reason when a failure of the whole call concerns all its entries for a moment only; any other failure rejects. */
  retryReason(error: unknown): string | undefined
  /** What one call takes. An entry that `travelsAlone` gets a call of its own. */
  readonly limits: CallLimits<Entry>
  /** Attempts for each entry. Default: without end. */
  readonly maxAttempts?: number
  /** Time for everything, in milliseconds. Checked between calls; a call that has begun is not cut off. */
  readonly timeoutMs?: number
  /** Ends the waiting and the retrying; what is left is `abandoned`. */
  readonly signal?: AbortSignal | undefined
  readonly backoff?: Backoff
  readonly timing?: Timing
  readonly onRetry?: ((retry: Retry) => void) | undefined
}

export interface CallLimits<Entry> {
  readonly entries: number
  readonly bytes: number
  bytesOf(entry: Entry): number
  travelsAlone?(entry: Entry): boolean
}

export interface Retry {
  readonly entries: number
  readonly reason: string
  readonly delayMs: number
  /** The error of the call, when it failed as a whole. */
  readonly callError: unknown
}

/**
 * Sends entries in calls within `limits` and sends those again that failed, until each is accepted, refused or abandoned.
 * Resolves with one result per entry, in input order.
 *
 * Order within a key: entries that failed together go again together, in order, and an entry that was not sent yet waits
 * until none before it is failing. What the service accepted in the same call as a failed predecessor has overtaken it:
 * a batch call gives no order within itself.
 */
export async function retryEntries<Entry, Value>(
  options: RetryEntriesOptions<Entry, Value>,
): Promise<Array<EntryResult<Value>>> {
  const { entries, keyOf, signal, timing = systemTiming, backoff = defaultBackoff } = options
  const maxAttempts = options.maxAttempts ?? Number.POSITIVE_INFINITY
  const deadline = timing.now() + (options.timeoutMs ?? Number.POSITIVE_INFINITY)
  const results = new Array<EntryResult<Value> | undefined>(entries.length)
  const queue = new EntryQueue(entries, keyOf, options.limits)
  const attempts = new Uint32Array(entries.length)
  let callError: unknown

  while (queue.hasMore()) {
    const stopped = signal?.aborted ? 'aborted' : timing.now() >= deadline ? 'timeout' : undefined
    if (stopped) {
      for (const index of queue.drain()) results[index] = abandoned(stopped, attempts[index])
      break
    }
    const batch = queue.next()
    const outcomes = await sendBatch(batch.map((index) => entries[index] as Entry))
    const failed: number[] = []
    let reason = ''
    let failures = 0
    for (const [at, index] of batch.entries()) {
      const outcome = outcomes[at] as EntryOutcome<Value>
      const attempt = (attempts[index] ?? 0) + 1
      attempts[index] = attempt
      if (outcome.status !== 'retry') results[index] = outcome
      else if (attempt >= maxAttempts) results[index] = abandoned(outcome.reason, attempt)
      else {
        failed.push(index)
        reason ||= outcome.reason
        failures = Math.max(failures, attempt - 1)
      }
    }
    queue.failed(failed)
    if (failed.length > 0 && !signal?.aborted) {
      await wait(failed.length, reason, backoffDelayMs(failures, backoff, timing.random))
    }
  }
  return results as Array<EntryResult<Value>>

  async function sendBatch(batch: Entry[]): Promise<ReadonlyArray<EntryOutcome<Value>>> {
    try {
      const outcomes = await options.send(batch)
      if (outcomes.length !== batch.length) {
        throw new Error(
          `expected ${batch.length} outcomes of a call with ${batch.length} entries, got ${outcomes.length}`,
        )
      }
      return outcomes
    } catch (error) {
      const reason = signal?.aborted ? 'aborted' : options.retryReason(error)
      if (reason === undefined) throw error
      callError = error
      return batch.map(() => ({ status: 'retry', reason }))
    }
  }

  async function wait(count: number, reason: string, delayMs: number): Promise<void> {
    options.onRetry?.({ entries: count, reason, delayMs, callError })
    callError = undefined
    try {
      await timing.sleep(Math.max(0, Math.min(delayMs, deadline - timing.now())), signal)
    } catch (error) {
      // The loop sees the aborted signal and settles what is left.
      if (!signal?.aborted) throw error
    }
  }
}

function abandoned(reason: string, attempts = 0) {
  return { status: 'abandoned', reason, attempts } as const
}

/**
 * The entries not settled yet, as indices, in three groups that each stay in input order:
 *
 *     failing: sent, will be sent again      held: not sent, behind a failing one of its key      cursor: the untouched rest
 */
class EntryQueue<Entry> {
  readonly #entries: readonly Entry[]
  readonly #keyOf: (entry: Entry) => string
  readonly #limits: CallLimits<Entry>
  #failing: number[] = []
  #held: number[] = []
  #cursor = 0

  constructor(entries: readonly Entry[], keyOf: (entry: Entry) => string, limits: CallLimits<Entry>) {
    this.#entries = entries
    this.#keyOf = keyOf
    this.#limits = limits
  }

  hasMore(): boolean {
    return this.#failing.length > 0 || this.#held.length > 0 || this.#cursor < this.#entries.length
  }

  /** The next call: everything failing (it came from one call, so it fits one), filled up with what may follow. */
  next(): number[] {
    const blocked = new Set(this.#failing.map((index) => this.#key(index)))
    const call = new Call(this.#limits)
    for (const index of this.#failing) call.add(this.#entries[index] as Entry, index)
    this.#failing = []

    const stillHeld: number[] = []
    for (const index of this.#held) {
      const key = this.#key(index)
      if (blocked.has(key) || !call.add(this.#entries[index] as Entry, index)) stillHeld.push(index)
    }
    this.#held = stillHeld
    // The look ahead is bounded: behind one failing key, millions of entries of that key may follow.
    while (this.#cursor < this.#entries.length && this.#held.length < 10 * this.#limits.entries) {
      const key = this.#key(this.#cursor)
      if (blocked.has(key)) this.#held.push(this.#cursor)
      else if (!call.add(this.#entries[this.#cursor] as Entry, this.#cursor)) break
      this.#cursor++
    }
    return call.indices
  }

  failed(indices: number[]): void {
    this.#failing = indices
  }

  /** Takes everything out. */
  drain(): number[] {
    const rest = [...this.#failing, ...this.#held]
    for (; this.#cursor < this.#entries.length; this.#cursor++) rest.push(this.#cursor)
    this.#failing = []
    this.#held = []
    return rest
  }

  #key(index: number): string {
    return this.#keyOf(this.#entries[index] as Entry)
  }
}

class Call<Entry> {
  readonly indices: number[] = []
  readonly #limits: CallLimits<Entry>
  #bytes = 0
  #isClosed = false

  constructor(limits: CallLimits<Entry>) {
    this.#limits = limits
  }

  /** Whether the entry went in. The first always does, however big: splitting it is not ours to decide. */
  add(entry: Entry, index: number): boolean {
    const isFirst = this.indices.length === 0
    const bytes = this.#limits.bytesOf(entry)
    const isAlone = this.#limits.travelsAlone?.(entry) ?? false
    if (this.#isClosed) return false
    if (
      !isFirst &&
      (isAlone || this.indices.length >= this.#limits.entries || this.#bytes + bytes > this.#limits.bytes)
    ) {
      this.#isClosed = true
      return false
    }
    this.indices.push(index)
    this.#bytes += bytes
    this.#isClosed = isAlone
    return true
  }
}
