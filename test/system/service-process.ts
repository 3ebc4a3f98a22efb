// The service as a process of its own, against an embedded Kinesis in the test's process, for tests that kill it.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Ledger } from '../../stream-service/src/engine/ledger.ts'
import { lastMessages, type ToParent } from '../../stream-service/src/parent-process.ts'

export interface ServiceProcessOptions {
  readonly endpoint: string
  readonly stream: string
  /** Where it keeps its state and puts its output. */
  readonly folder: string
  readonly queries: readonly object[]
  /** More of its environment. */
  readonly env?: Readonly<Record<string, string>>
}

export class ServiceProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown[]>
  /** Where its HTTP API listens. */
  port = 0
  readonly panesFired: { count: number } = { count: 0 }
  /** The ledger the process sent before it ended. */
  ledger: Ledger | undefined
  #onPanes: () => void = () => {}
  readonly #log: LogLine[] = []
  #onLog: () => void = () => {}

  private constructor(child: ChildProcess) {
    this.#child = child
    // 'close' rather than 'exit', so that all it logged is here by then.
    this.#exited = once(child, 'close')
    child.on('message', (message: ToParent) => {
      if (message.kind === 'ready') this.port = message.port
      if (message.kind === 'ledger') this.ledger = message.ledger
      if (message.kind === 'panes') {
        this.panesFired.count += message.count
        this.#onPanes()
      }
    })
    createInterface({ input: child.stderr! }).on('line', (text) => {
      const line = logLine(text)
      // Tests that look for lower levels need not show them; whoever sets LOG_LEVEL wants to see.
      if (line === undefined || line.level >= errorLevel || process.env.LOG_LEVEL) process.stderr.write(`${text}\n`)
      if (line !== undefined) this.#log.push(line)
      this.#onLog()
    })
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** Starts the service and resolves when it reads. */
  static async start({ endpoint, stream, folder, queries, env = {} }: ServiceProcessOptions): Promise<ServiceProcess> {
    const queriesFolder = join(folder, 'queries')
    await mkdir(queriesFolder, { recursive: true })
    for (const [i, query] of queries.entries()) await writeFile(join(queriesFolder, `${i}.json`), JSON.stringify(query))
    const child = fork(fileURLToPath(new URL('../../stream-service/src/main.ts', import.meta.url)), {
      env: {
        PATH: process.env.PATH,
        MILLRACE_STREAM: stream,
        MILLRACE_STATE_DIR: join(folder, 'state'),
        MILLRACE_OUTPUT_DIR: folder,
        MILLRACE_QUERIES_DIR: queriesFolder,
        MILLRACE_HTTP_HOST: '127.0.0.1',
        MILLRACE_HTTP_PORT: '0',
        MILLRACE_POLL_INTERVAL_MS: '50',
        MILLRACE_SNAPSHOT_INTERVAL_MS: '100',
        AWS_ENDPOINT_URL: endpoint,
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
        LOG_LEVEL: process.env.LOG_LEVEL ?? 'error',
        ...env,
      },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    const service = new ServiceProcess(child)
    await new Promise<void>((resolve, reject) => {
      child.on('message', (message: ToParent) => message.kind === 'ready' && resolve())
      child.on('exit', (code) => reject(new Error(`the service ended with ${code} before it was ready`)))
    })
    return service
  }

  /** Resolves when at least so many panes have fired in this process. */
  async fired(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onPanes = () => {
      if (this.panesFired.count >= count) resolve()
    }
    this.#onPanes()
    await this.#unlessItEnds(promise)
  }

  /** Resolves when it has logged a message, which its LOG_LEVEL must allow. */
  async logged(message: string): Promise<LogLine> {
    const { promise, resolve } = Promise.withResolvers<LogLine>()
    this.#onLog = () => {
      const line = this.#log.find(({ msg }) => msg.includes(message))
      if (line !== undefined) resolve(line)
    }
    this.#onLog()
    return this.#unlessItEnds(promise)
  }

  /** What a process that has ended does not do any more nobody should wait for. */
  #unlessItEnds<T>(promise: Promise<T>): Promise<T> {
    const ended = this.#exited.then(([code, signal]): never => {
      throw new Error(`the service ended with ${code ?? signal}`)
    })
    return Promise.race([promise, ended])
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Resolves when it has ended by itself, or was ended. */
  async kill(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal)
    const [code] = (await this.#exited) as [number | null]
    await lastMessages(this.#child)
    return code
  }

  /** Ends it if it has not ended. */
  async end(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.kill('SIGKILL')
  }

  /** Lets it read to the end and close all windows; resolves with the ledger when it has exited with 0. */
  async drain(): Promise<Ledger> {
    this.#child.send({ kind: 'drain' })
    const [code] = (await this.#exited) as [number | null]
    await lastMessages(this.#child)
    if (code !== 0 || this.ledger === undefined) throw new Error(`the service ended with ${code}`)
    return this.ledger
  }
}

/** A line of its log, as pino writes it. */
export interface LogLine {
  readonly level: number
  readonly msg: string
  readonly [field: string]: unknown
}

const errorLevel = 50

/** Undefined for what is no line of the log, such as a warning of Node's. */
function logLine(text: string): LogLine | undefined {
  try {
    return JSON.parse(text) as LogLine
  } catch {
    return undefined
  }
}

export interface PaneLine {
  readonly id: string
  readonly query: string
  readonly pane: { readonly index: number }
  readonly values: Readonly<Record<string, unknown>>
  readonly supersedes?: readonly string[]
}

/** What a reader of files of panes ends up with; throws when one id and revision has two contents. */
export async function finalPanesOf(...paths: readonly string[]): Promise<PaneLine[]> {
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8')))
  return finalPanes(texts.join(''))
}

/** What a reader of lines of panes ends up with; throws when one id and revision has two contents. */
export function finalPanes(text: string): PaneLine[] {
  const panes = new Map<string, PaneLine>()
  const seen = new Map<string, string>()
  const superseded = new Set<string>()
  for (const line of text.split('\n').filter((line) => line !== '')) {
    const pane = JSON.parse(line) as PaneLine
    const revision = `${pane.id} ${pane.pane.index}`
    if ((seen.get(revision) ?? line) !== line)
      throw new Error(`two contents for ${revision}:\n${seen.get(revision)}\n${line}`)
    seen.set(revision, line)
    if ((panes.get(pane.id)?.pane.index ?? -1) <= pane.pane.index) panes.set(pane.id, pane)
    for (const id of pane.supersedes ?? []) superseded.add(id)
  }
  for (const id of superseded) panes.delete(id)
  return [...panes.values()]
}
