// A worker of `worker.ts`, and what it told.
import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { kclJars } from './jars.ts'
import type { WorkerMessage } from './worker.ts'

export interface KclEnvironment {
  readonly stream: string
  readonly application: string
  readonly kinesis: string
  readonly dynamoDb: string
  readonly folder: string
}

/** The environment of a process that reads with the KCL. */
export function kclEnv({ application, kinesis, dynamoDb }: KclEnvironment, workerId: string): Record<string, string> {
  return {
    MILLRACE_SOURCE: 'kcl',
    MILLRACE_KCL_APPLICATION: application,
    MILLRACE_KCL_WORKER_ID: workerId,
    MILLRACE_KCL_JARS: kclJars,
    // Machines that run tests are busy with other things too.
    MILLRACE_KCL_HANDOVER_MS: '10000',
    AWS_ENDPOINT_URL_KINESIS: kinesis,
    AWS_ENDPOINT_URL_DYNAMODB: dynamoDb,
  }
}

export class WorkerProcess {
  readonly messages: WorkerMessage[] = []
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown[]>
  #onMessage: Array<() => void> = []

  constructor(environment: KclEnvironment, workerId: string, env: Readonly<Record<string, string>> = {}) {
    const state = join(environment.folder, workerId)
    this.#child = fork(fileURLToPath(new URL('./worker.ts', import.meta.url)), {
      env: {
        PATH: process.env.PATH,
        LOG_LEVEL: process.env.LOG_LEVEL ?? 'error',
        MILLRACE_STREAM: environment.stream,
        MILLRACE_STATE_DIR: state,
        MILLRACE_OUTPUT_DIR: state,
        MILLRACE_POLL_INTERVAL_MS: '100',
        ...kclEnv(environment, workerId),
        ...env,
      },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#exited = once(this.#child, 'exit')
    this.#child.on('message', (message: WorkerMessage) => {
      this.messages.push(message)
      for (const notify of this.#onMessage.splice(0)) notify()
    })
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** Waits until what it told is enough. */
  async until(isEnough: (worker: WorkerProcess) => boolean): Promise<void> {
    while (!isEnough(this)) {
      await Promise.race([
        new Promise<void>((resolve) => this.#onMessage.push(resolve)),
        this.#exited.then(([code, signal]) => {
          throw new Error(`the worker has ended with ${code ?? signal}`)
        }),
      ])
    }
  }

  /** What it got of a shard, in the order in which it came. */
  textsOf(shardId: string): string[] {
    return this.messages.flatMap((message) =>
      message.kind === 'records' && message.shardId === shardId ? message.texts : [],
    )
  }

  get texts(): string[] {
    return this.messages.flatMap((message) => (message.kind === 'records' ? message.texts : []))
  }

  /** Whether each session gave its records in the order of their serial numbers, none twice. */
  sessionsInOrder(): boolean {
    const last = new Map<string, number>()
    for (const message of this.messages) {
      if (message.kind === 'session') last.delete(message.shardId)
      if (message.kind !== 'records') continue
      for (const text of message.texts) {
        const { n } = JSON.parse(text) as { n: number }
        if (n <= (last.get(message.shardId) ?? -1)) return false
        last.set(message.shardId, n)
      }
    }
    return true
  }

  count(kind: WorkerMessage['kind'], shardId?: string): number {
    return this.messages.filter((message) => message.kind === kind && (shardId ?? message.shardId) === message.shardId)
      .length
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<unknown> {
    this.#child.kill(signal)
    const [code] = await this.#exited
    return code
  }

  /** The relays of its daemon: processes whose parent's parent it is. */
  relays(): number[] {
    return childrenOf(this.pid).flatMap(childrenOf)
  }
}

export function childrenOf(pid: number): number[] {
  try {
    return execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map(Number)
  } catch {
    return []
  }
}
