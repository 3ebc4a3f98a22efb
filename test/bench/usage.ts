// What a process has used so far. CPU time is user and system time of all its threads, garbage collection and compiler
// included.
import { readFileSync } from 'node:fs'

/** What a contestant prints as its last line, as JSON. */
export interface Usage {
  readonly records: number
  readonly wallMs: number
  readonly cpuMs: number
  readonly peakRssMb: number
}

/** Of a whole process, whatever it read. */
export type ProcessUsage = Omit<Usage, 'records'>

export function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

/**
 * The most memory the process held at once, in MiB. On Linux from the process's own mark, because `maxRSS` of a process
 * begins with what its parent held when it was started.
 */
export function peakRssMb(): number {
  try {
    const mark = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
    if (mark) return Number(mark[1]) / 1_024
  } catch {
    // Not on Linux.
  }
  return process.resourceUsage().maxRSS / 1_024
}
