// Starts the processes of the benchmark, each in a group of its own, so that all they started ends with them.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

const timeoutMs = 15 * 60_000
const keptCharacters = 2_000
const running = new Set<ChildProcess>()
const overdue = new WeakSet<ChildProcess>()

/** A process ended badly; `message` has its last words. */
export class ProcessError extends Error {
  readonly code = 'PROCESS_FAILED'
  readonly output: string

  constructor(message: string, output: string) {
    super(message)
    this.name = 'ProcessError'
    this.output = output
  }
}

/** Runs a process to its end and returns what it wrote to standard output. */
export async function runProcess(
  command: readonly string[],
  options: { readonly env?: Record<string, string>; readonly input?: Readable } = {},
): Promise<string> {
  const child = spawnProcess(command, {
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  })
  let output = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  // Should the process end before its input does, its exit code says what happened.
  if (options.input !== undefined) pipeline(options.input, child.stdin!).catch(() => {})
  await endOf(child, () => output)
  return output
}

/** Starts a process whose output is read while it runs. */
export function startProcess(command: readonly string[]): Readable {
  return spawnProcess(command, { stdio: ['ignore', 'pipe', 'inherit'] }).stdout!
}

/** Starts a process that `killAll` ends, and that is ended when it takes far too long. */
export function spawnProcess([command, ...args]: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(command!, args, { ...options, detached: true })
  running.add(child)
  const timer = setTimeout(() => {
    overdue.add(child)
    kill(child)
  }, timeoutMs)
  timer.unref()
  child.on('exit', () => {
    clearTimeout(timer)
    running.delete(child)
  })
  return child
}

/**
 * Resolves when a process has ended with 0 and closed its outputs. Rejects with a ProcessError that has the end of what it
 * wrote to standard error, or of `output` where that is nothing. To be called before the process can have written anything.
 */
export async function endOf(child: ChildProcess, output: () => string = () => ''): Promise<void> {
  let errors = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-keptCharacters)
  })
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.on('error', reject).on('close', (...end) => resolve(end))
  })
  if (code === 0) return
  const end = overdue.has(child) ? `took longer than ${timeoutMs / 1_000} s` : `ended with ${signal ?? code}`
  throw new ProcessError(`${end}: ${errors.trim() || output().trim().slice(-keptCharacters)}`, output())
}

export function killAll(): void {
  for (const child of running) kill(child)
}

function kill({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
