// The service under `dev`: a process of its own, watched. When it dies it is started again and goes on from its snapshot,
// as a container platform would do it.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Ledger } from '../engine/ledger.ts'
import { lastMessages, type ToParent, type ToService } from '../parent-process.ts'
import { CommandError } from './exit.ts'

export interface DevServiceOptions {
  readonly env: Readonly<Record<string, string>>
  onPanes(query: string, lines: readonly string[], count: number): void
  onRefused(reason: string, count: number): void
  /** The process died and a new one is being started. */
  onRestart(how: string): void
}

/** Deaths within this time in a row are a fault that a new start does not mend. */
const restartsAtMost = 20

export class DevService {
  readonly #options: DevServiceOptions
  #child: ChildProcess | undefined
  #isDraining = false
  #restarts = 0
  #port = 0
  #ledger: Ledger | undefined
  readonly #over = Promise.withResolvers<Ledger>()

  constructor(options: DevServiceOptions) {
    this.#options = options
    // Whoever starts or drains the service hears of its end.
    this.#over.promise.catch(() => {})
  }

  get port(): number {
    return this.#port
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Resolves when the service reads; rejects with a CommandError when it cannot start. */
  async start(): Promise<void> {
    const child = fork(fileURLToPath(new URL('../main.ts', import.meta.url)), {
      env: { ...process.env, ...this.#options.env },
      // A group of its own: Ctrl-C in the terminal is for the parent, which then drains the service.
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#child = child
    const ready = Promise.withResolvers<void>()
    child.on('message', (message: ToParent) => {
      switch (message.kind) {
        case 'ready':
          this.#port = message.port
          if (this.#isDraining) this.#send({ kind: 'drain' })
          ready.resolve()
          break
        case 'panes':
          this.#options.onPanes(message.query, message.lines, message.count)
          break
        case 'refused':
          this.#options.onRefused(message.reason, message.count)
          break
        case 'ledger':
          this.#ledger = message.ledger
      }
    })
    child.on('exit', async (code, signal) => {
      this.#child = undefined
      await lastMessages(child)
      if (code === 0 && this.#ledger !== undefined) {
        this.#over.resolve(this.#ledger)
        return
      }
      // It says itself, on standard error, why it cannot go on.
      const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`
      const failure = new CommandError(code === 2 ? 2 : 1, `the service ${how}`)
      if (signal === null || this.#restarts++ >= restartsAtMost) {
        ready.reject(failure)
        this.#over.reject(failure)
        return
      }
      this.#options.onRestart(how)
      this.start().then(ready.resolve, ready.reject)
    })
    await ready.promise
  }

  /** Rejects when the service has failed for good. */
  get failed(): Promise<never> {
    return this.#over.promise.then(() => new Promise<never>(() => {}))
  }

  /** Lets the service read to the end of the stream and close all windows; resolves with the ledger once it has exited. */
  async drain(): Promise<Ledger> {
    this.#isDraining = true
    this.#send({ kind: 'drain' })
    return await this.#over.promise
  }

  #send(message: ToService): void {
    if (this.#child?.connected) this.#child.send(message)
  }

  /** Ends the process at once, if there is one. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    child.removeAllListeners('exit')
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}
