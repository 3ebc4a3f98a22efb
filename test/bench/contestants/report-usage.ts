// Loaded into a process with `--import`: as it ends, it tells on file descriptor 3 what it has used since it was started.
import { writeSync } from 'node:fs'
import { cpuMs, peakRssMb } from '../usage.ts'

process.on('exit', () => {
  writeSync(3, JSON.stringify({ wallMs: performance.now(), cpuMs: cpuMs(), peakRssMb: peakRssMb() }))
})
