// Loaded into a process with `--import`: on SIGUSR2, and as it ends, the process tells on file descriptor 3 what it has used
// since it was started, as a line of JSON.
import { writeSync } from 'node:fs'
import { cpuMs, type ProcessUsage, peakRssMb } from '../usage.ts'

function report(): void {
  const usage: ProcessUsage = { wallMs: performance.now(), cpuMs: cpuMs(), peakRssMb: peakRssMb() }
  writeSync(3, `${JSON.stringify(usage)}\n`)
}

process.on('SIGUSR2', report)
process.on('exit', report)
