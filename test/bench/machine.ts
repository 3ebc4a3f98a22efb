// The machine that a measurement ran on, as far as it matters for the figures.
import { availableParallelism, loadavg } from 'node:os'

export interface Machine {
  readonly node: string
  readonly cores: number
  /** Processes that wanted to run over the last minute, before the measurement began. */
  readonly loadBefore: number
}

export function lookAtMachine(): Machine {
  return { node: process.version, cores: availableParallelism(), loadBefore: loadavg()[0]! }
}

export function isBusy({ cores, loadBefore }: Machine): boolean {
  return loadBefore > cores / 2
}

export function describeMachine({ node, cores, loadBefore }: Machine): string {
  return `Node ${node.slice(1)}, ${cores} cores, load ${loadBefore.toFixed(1)} before`
}
