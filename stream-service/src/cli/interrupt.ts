// Ctrl-C and SIGTERM, for commands that run until they are told to stop: the first ends the work in an orderly way, the
// second ends the process at once.

export interface Interrupt {
  /** Aborts at the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal
  /** Gives the signals back; call it when the command is over. */
  release(): void
}

export function onInterrupt(): Interrupt {
  const controller = new AbortController()
  const interrupt = (signal: NodeJS.Signals) => {
    // 128 + the signal's number, as shells report it.
    if (controller.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143)
    controller.abort(new Error(`stopped by ${signal}`))
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  return {
    signal: controller.signal,
    release: () => {
      process.off('SIGINT', interrupt)
      process.off('SIGTERM', interrupt)
    },
  }
}
