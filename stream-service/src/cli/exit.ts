// How a command ends: 0 done, 1 failed, 2 bad usage. A command throws one of these and the program prints the message.

export class CommandError extends Error {
  readonly exitCode: 1 | 2

  constructor(exitCode: 1 | 2, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CommandError'
    this.exitCode = exitCode
  }
}

/** What the user asked for makes no sense, or names something that is not there. */
export function badUsage(message: string): CommandError {
  return new CommandError(2, message)
}
