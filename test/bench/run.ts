// `npm run bench`: what windowed queries cost, in six modes. docs/performance.md says what is measured and how; --help lists
// the modes and their options.
import { mkdirSync } from 'node:fs'
import { removeWork, workFolder } from './cache.ts'
import { compare } from './comparison.ts'
import type { Found } from './findings.ts'
import { help } from './help.ts'
import { measureLatency } from './latency/latency.ts'
import { describeMachine, isBusy, lookAtMachine } from './machine.ts'
import { measureMemory } from './memory/memory.ts'
import { type BenchOptions, parseOptions, UsageError } from './options.ts'
import { killAll, ProcessError } from './processes.ts'
import { measureSnapshots } from './snapshots/snapshots.ts'
import { measureThreads } from './threads/threads.ts'
import { measureTogether } from './together/together.ts'

async function main(argv: readonly string[]): Promise<number> {
  let options: BenchOptions | undefined
  try {
    options = parseOptions(argv)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`bench: ${error.message}\n(run with --help for all options)\n`)
    return 2
  }
  if (options === undefined) {
    process.stdout.write(help)
    return 0
  }
  process.on('SIGINT', () => stop(130))
  process.on('SIGTERM', () => stop(143))
  removeWork()
  mkdirSync(workFolder, { recursive: true })
  try {
    return await bench(options)
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error
    process.stderr.write(`bench: ${error.message}\n`)
    return 1
  } finally {
    killAll()
    removeWork()
  }
}

function stop(code: number): void {
  killAll()
  removeWork()
  process.exit(code)
}

async function bench(options: BenchOptions): Promise<number> {
  const machine = lookAtMachine()
  if (isBusy(machine)) say(`the machine is busy (${describeMachine(machine)}): expect high and uneven figures`)
  const startedAt = performance.now()
  const { text, data, failures } = await measured(options)
  const seconds = Math.round((performance.now() - startedAt) / 1_000)
  const output = options.json
    ? JSON.stringify({ machine: { ...machine, seconds }, failures, ...data }, null, 2)
    : [...text, `${describeMachine(machine)}, ${seconds} s`, ...failures].join('\n')
  process.stdout.write(`${output}\n`)
  return failures.length > 0 ? 1 : 0
}

function measured(options: BenchOptions): Promise<Found> {
  switch (options.mode) {
    case 'comparison':
      return compare(options, say)
    case 'memory':
      return measureMemory(options, say)
    case 'together':
      return measureTogether(options, say)
    case 'threads':
      return measureThreads(options, say)
    case 'latency':
      return measureLatency(options, say)
    case 'snapshots':
      return measureSnapshots(options, say)
  }
}

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

process.exitCode = await main(process.argv.slice(2))
