// A Node program of the project as a process of its own that tells what it has used: when it is asked, and as it ends. What
// it writes to standard error is read along, to see how far it has come.

import type { ChildProcess } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { endOf, ProcessError, spawnProcess } from './processes.ts'
import type { ProcessUsage } from './usage.ts'

const reporter = new URL('contestants/report-usage.ts', import.meta.url).href
const keptCharacters = 100_000

export interface ReportedProcessOptions {
  /** A file to run, and its arguments. */
  readonly command: readonly string[]
  /** All of its environment; this process's own when left out. */
  readonly env?: NodeJS.ProcessEnv
}

export class ReportedProcess {
  readonly #child: ChildProcess
  readonly #events = new EventEmitter()
  #errors = ''
  #lastUsage: ProcessUsage | undefined
  /** What it has used in all, once it has ended with 0. Rejects with a ProcessError otherwise. */
  readonly ended: Promise<ProcessUsage>

  constructor({ command, env = process.env }: ReportedProcessOptions) {
    this.#child = spawnProcess([process.execPath, '--import', reporter, ...command], {
      stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
      env,
    })
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-keptCharacters)
      this.#events.emit('errors')
    })
    createInterface({ input: this.#child.stdio[3] as Readable }).on('line', (line) => {
      this.#lastUsage = JSON.parse(line) as ProcessUsage
      this.#events.emit('usage', this.#lastUsage)
    })
    this.ended = endOf(this.#child).then(() => this.#lastUsage!)
    // Whoever waits for anything of this process hears of its end.
    this.ended.catch(() => {})
    // A process that ends before its input does says why by its exit code.
    this.input.on('error', () => {})
  }

  get input(): Writable {
    return this.#child.stdin!
  }

  /** What it has used up to now. It answers when it comes to rest, between two pieces of work. */
  async usage(): Promise<ProcessUsage> {
    const answered = once(this.#events, 'usage') as Promise<[ProcessUsage]>
    this.#child.kill('SIGUSR2')
    const [usage] = await Promise.race([answered, this.ended.then((last): [ProcessUsage] => [last])])
    return usage
  }

  /** Resolves when it has written something that matches to standard error. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#errors)
      if (match !== null) return match
      const isOver = await Promise.race([once(this.#events, 'errors').then(() => false), this.ended.then(() => true)])
      if (isOver && !pattern.test(this.#errors))
        throw new ProcessError(`it ended without a word that matches ${pattern}: ${this.#errors}`, '')
    }
  }

  /** Asks it to stop; `ended` says when it has. */
  stop(): void {
    this.#child.kill('SIGTERM')
  }
}
