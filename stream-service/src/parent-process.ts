// The line between the service and a process that started it, such as `millrace dev`: the parent hears of panes and the
// ledger, and can ask for a drain. A service without a parent that listens has none of it.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Emission } from './engine/emission.ts'
import type { Ledger } from './engine/ledger.ts'

export type ToParent =
  | { readonly kind: 'ready'; readonly port: number }
  /** Some of the lines of one firing, and how many there were. */
  | { readonly kind: 'panes'; readonly query: string; readonly lines: readonly string[]; readonly count: number }
  | { readonly kind: 'refused'; readonly reason: string; readonly count: number }
  | { readonly kind: 'ledger'; readonly ledger: Ledger }

export interface ToService {
  readonly kind: 'drain'
}

/** A person reads these; the whole goes to the sinks. */
const linesPerMessage = 1_000

/** Resolves once everything that a process which has exited sent before its end has been received. */
export async function lastMessages(child: ChildProcess): Promise<void> {
  if (child.connected) await once(child, 'disconnect')
}

export interface ParentProcess {
  sendReady(port: number): void
  sendEmissions(emissions: readonly Emission[]): void
  /** Resolves when the ledger is on its way. */
  sendLedger(ledger: Ledger): Promise<void>
  onDrain(drain: () => void): void
  /** The parent is gone, in whatever way. */
  onLost(stop: () => void): void
  close(): void
}

export function parentProcess(): ParentProcess | undefined {
  if (process.send === undefined) return undefined
  const send = (message: ToParent) => {
    if (process.connected) process.send?.(message)
  }
  return {
    sendReady: (port) => send({ kind: 'ready', port }),
    sendEmissions(emissions) {
      for (const emission of emissions) {
        if (emission.kind === 'panes') {
          const { query, lines } = emission
          send({ kind: 'panes', query, lines: lines.slice(0, linesPerMessage), count: lines.length })
        } else {
          send({ kind: 'refused', reason: emission.reason, count: 1 })
        }
      }
    },
    sendLedger: (ledger) =>
      new Promise((resolve) => {
        const message: ToParent = { kind: 'ledger', ledger }
        if (process.send === undefined || !process.connected) resolve()
        else process.send(message, () => resolve())
      }),
    onDrain(drain) {
      process.on('message', (message: ToService) => {
        if (message.kind === 'drain') drain()
      })
    },
    onLost(stop) {
      process.on('disconnect', stop)
    },
    close() {
      if (process.connected) process.disconnect()
    },
  }
}
