// The KCL's daemon as a child of the service: started, watched, started again when it ends, and never left behind. It is
// killed rather than asked wherever nothing is lost by it, because what it would do instead takes long: after the death of
// one child it drains all others first, and after SIGTERM it lingers for its whole grace.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { MillraceError } from '@millrace/shared/errors'
import type { Timing } from '@millrace/shared/retry'
import type { SourceLogger } from '../shard-reader.ts'
import { daemonClass, type JvmSettings, jvmArguments, logbackConfiguration } from './daemon-settings.ts'

export interface DaemonOptions {
  readonly jvm: JvmSettings
  /** Where the files for the daemon are put. */
  readonly folder: string
  /** Survives the service, so that its next start finds a daemon that was left behind. */
  readonly pidFile: string
  readonly properties: string
  readonly env: NodeJS.ProcessEnv
  readonly timing: Timing
  readonly logger: SourceLogger
  /** The daemon cannot be started at all. */
  onFailure(error: Error): void
}

/** What setpriv ends with, as a shell does, when the program is not there. */
const noProgram = 127
const shortestBackoffMs = 500
const longestBackoffMs = 15_000
/** A daemon that ran so long was well; its end is not counted with the ones before. */
const wellAfterMs = 60_000

export class Daemon {
  readonly #options: DaemonOptions
  #child: ChildProcess | undefined
  #startedAt = 0
  #failures = 0
  #restartsAtOnce = false
  readonly #stop = new AbortController()
  #isTerminating = false
  #gone: Promise<void> = Promise.resolve()

  constructor(options: DaemonOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { folder, properties, pidFile, logger, jvm } = this.#options
    requireJars(jvm.jarsFolder)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'kcl.properties'), properties)
    writeFileSync(join(folder, 'logback.xml'), logbackConfiguration)
    const left = await killLeftBehind(pidFile, this.#options.timing)
    if (left !== undefined) logger.warn({ pid: left }, 'a KCL daemon that an earlier service had left was killed')
    this.#spawn()
  }

  /** Something is broken that only a new daemon mends. It is killed, and the next one starts at once. */
  restart(): void {
    if (this.#stop.signal.aborted || this.#isTerminating || this.#child === undefined) return
    this.#restartsAtOnce = true
    this.#child.kill('SIGKILL')
  }

  /** Asks it to let its shards go; each is asked for its shutdown. It is not started again. */
  terminate(): void {
    this.#isTerminating = true
    this.#child?.kill('SIGTERM')
  }

  /** Ends it now; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#stop.abort()
    this.#child?.kill('SIGKILL')
    await this.#gone
    rmSync(this.#options.pidFile, { force: true })
  }

  #spawn(): void {
    const { jvm, folder, env, pidFile, logger } = this.#options
    const files = [join(folder, 'kcl.properties'), join(folder, 'logback.xml')]
    const [command, args] = dyingWithParent(jvm.java, [...jvmArguments(jvm), ...files])
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    this.#startedAt = this.#options.timing.now()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#gone = promise
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (child.pid !== undefined) return
      this.#child = undefined
      resolve()
      this.#options.onFailure(
        cannotStart(jvm.java, error.code === 'ENOENT' ? 'there is no such program' : error.message),
      )
    })
    child.once('exit', (code, signal) => {
      this.#child = undefined
      resolve()
      if (code === noProgram) this.#options.onFailure(cannotStart(jvm.java, 'there is no such program'))
      else if (!this.#stop.signal.aborted && !this.#isTerminating) void this.#startAgain(code, signal)
    })
    if (child.pid !== undefined) writeFileSync(pidFile, `${child.pid}\n`)
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.#log(line, logger))
    }
  }

  async #startAgain(code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    const { timing, logger } = this.#options
    const ranMs = timing.now() - this.#startedAt
    if (ranMs > wellAfterMs) this.#failures = 0
    const isAtOnce = this.#restartsAtOnce && this.#failures < 3
    this.#restartsAtOnce = false
    const delayMs = isAtOnce ? 0 : Math.min(longestBackoffMs, shortestBackoffMs * 2 ** this.#failures)
    this.#failures++
    logger.warn({ code, signal, ranMs: Math.round(ranMs), delayMs }, 'the KCL daemon has ended; it is started again')
    try {
      if (delayMs > 0) await timing.sleep(delayMs, this.#stop.signal)
    } catch {
      return
    }
    if (!this.#isTerminating && !this.#stop.signal.aborted) this.#spawn()
  }

  /** While it stops, it complains of what is meant to be: its shards are gone, its calls are cut. */
  #log(line: string, logger: SourceLogger): void {
    const isStopping = this.#isTerminating || this.#stop.signal.aborted
    if (isStopping || line.startsWith('INFO ')) logger.info({ daemon: line }, 'the KCL daemon says')
    else logger.warn({ daemon: line }, 'the KCL daemon says')
  }
}

/** Linux ends a child when its parent dies, if it is asked to. Elsewhere the next start finds what was left. */
function dyingWithParent(command: string, args: string[]): [command: string, args: string[]] {
  try {
    execFileSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { stdio: 'ignore' })
  } catch {
    return [command, args]
  }
  return ['setpriv', ['--pdeathsig', 'KILL', '--', command, ...args]]
}

/** Kills the process of the pid file when it is a KCL daemon, and waits until it is gone. Answers with its id. */
async function killLeftBehind(pidFile: string, timing: Timing): Promise<number | undefined> {
  const pid = Number(read(pidFile))
  if (!Number.isInteger(pid) || pid <= 1 || !isDaemon(pid)) return undefined
  process.kill(pid, 'SIGKILL')
  while (isDaemon(pid)) await timing.sleep(20)
  return pid
}

/** An id may belong to another process by now. */
function isDaemon(pid: number): boolean {
  try {
    const line = execFileSync('ps', ['-o', 'stat=,args=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return line.includes(daemonClass) && !line.trimStart().startsWith('Z')
  } catch {
    // `ps` is not part of every image; Linux tells it in a file, which is empty for a process that has ended.
    return (read(`/proc/${pid}/cmdline`) ?? '').includes(daemonClass)
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function cannotStart(java: string, found: string): MillraceError {
  return new MillraceError(
    'no-java',
    `Could not start the KCL daemon with '${java}': ${found}. Install a Java runtime of version 17 or newer, or name one with MILLRACE_KCL_JAVA.`,
  )
}

function requireJars(folder: string): void {
  const names = existsSync(folder) ? readdirSync(folder) : []
  if (names.some((name) => name.startsWith('amazon-kinesis-client-multilang'))) return
  throw new MillraceError(
    'no-kcl-jars',
    `Could not start the KCL daemon: the folder ${folder} does not hold its jars. Run \`npm run kcl:jars\`, or name their folder with MILLRACE_KCL_JARS.`,
  )
}
