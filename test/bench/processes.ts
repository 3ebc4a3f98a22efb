// Starts the processes of the benchmark, each in a group of its own, so that all they started ends with them.
import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

const timeoutMs = 15 * 60_000
const keptErrorCharacters = 2_000
const running = new Set<ChildProcess>()

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
  [command, ...args]: readonly string[],
  options: { readonly env?: Record<string, string>; readonly input?: Readable } = {},
): Promise<string> {
  const child = spawn(command!, args, {
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    detached: true,
  })
  running.add(child)
  let isTooSlow = false
  const timer = setTimeout(() => {
    isTooSlow = true
    kill(child)
  }, timeoutMs)
  let output = ''
  let errors = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-keptErrorCharacters)
  })
  // Should the process end before its input does, its exit code says what happened.
  if (options.input !== undefined) pipeline(options.input, child.stdin!).catch(() => {})
  try {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.on('error', reject).on('close', (...end) => resolve(end))
    })
    if (code === 0) return output
    const end = isTooSlow ? `took longer than ${timeoutMs / 1_000} s` : `ended with ${signal ?? code}`
    throw new ProcessError(`${end}: ${errors.trim() || output.trim().slice(-keptErrorCharacters)}`, output)
  } finally {
    clearTimeout(timer)
    running.delete(child)
  }
}

/** Starts a process whose output is read while it runs. */
export function startProcess([command, ...args]: readonly string[]): Readable {
  const child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  running.add(child)
  child.on('exit', () => running.delete(child))
  return child.stdout!
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
