// Merges on another thread. What it is told to do it does in order, while this thread goes on; what comes out comes back later.
import { PanesEmission } from '../engine/emission.ts'
import { checkUnchanged } from '../engine/query-changed.ts'
import type { CompiledQuery } from '../queries/compiled-query.ts'
import type { MergeInput, MergeRunner, MergeRunners, MergeStart, MergeStep } from '../tasks/merge-runner.ts'
import type { ThreadCalls } from './messages.ts'
import type { ThreadLink } from './thread-link.ts'

/** Steps that a thread may be behind. */
const mostPending = 32

export class ThreadMergeRunners implements MergeRunners {
  readonly #links: readonly ThreadLink[]
  readonly #queries: readonly CompiledQuery[]
  readonly #onFailure: (error: unknown) => void

  constructor(links: readonly ThreadLink[], queries: readonly CompiledQuery[], onFailure: (error: unknown) => void) {
    this.#links = links
    this.#queries = queries
    this.#onFailure = onFailure
  }

  open(start: MergeStart, onStep: (step: MergeStep) => void): MergeRunner {
    checkUnchanged(this.#queries, start.saved?.queries)
    return new ThreadMergeRunner(this.#links[start.partition % this.#links.length]!, start, onStep, this.#onFailure)
  }
}

class ThreadMergeRunner implements MergeRunner {
  readonly #link: ThreadLink
  readonly #merges: number
  readonly #onStep: (step: MergeStep) => void
  readonly #onFailure: (error: unknown) => void
  #pending = 0
  /** Resolvers of those who wait for room. */
  #waiting: (() => void)[] = []

  constructor(
    link: ThreadLink,
    start: MergeStart,
    onStep: (step: MergeStep) => void,
    onFailure: (error: unknown) => void,
  ) {
    this.#link = link
    this.#merges = link.newName()
    this.#onStep = onStep
    this.#onFailure = onFailure
    link.post('openMerges', { merges: this.#merges, ...start }, () => {}, onFailure)
  }

  step(input: MergeInput): void {
    this.#pending++
    this.#link.post('stepMerges', { merges: this.#merges, input }, (step) => this.#took(step), this.#onFailure)
  }

  #took(step: MergeStep): void {
    this.#pending--
    this.#onStep({ ...step, emissions: received(step) })
    if (this.#pending < mostPending) for (const resolve of this.#waiting.splice(0)) resolve()
  }

  async room(): Promise<void> {
    while (this.#pending >= mostPending) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  save(onSaved: Parameters<MergeRunner['save']>[0]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const take = ({ saved, look }: ThreadCalls['saveMerges']['answers']) => {
      onSaved(saved, look)
      resolve()
    }
    this.#link.post('saveMerges', { merges: this.#merges }, take, reject)
    return promise
  }

  close(): void {
    const ignore = () => {}
    this.#link.post('closeMerges', { merges: this.#merges }, ignore, ignore)
  }
}

/** Classes do not travel. */
function received({ emissions }: MergeStep): MergeStep['emissions'] {
  return emissions.map((emission) => {
    if (emission.kind !== 'panes') return emission
    const { query, settled, bytes, count } = emission
    return new PanesEmission(query, settled, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), count)
  })
}
