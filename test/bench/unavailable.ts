/** A contestant cannot run here; `message` says why. It is left out, and the reason is told. */
export class Unavailable extends Error {
  readonly code = 'CONTESTANT_UNAVAILABLE'

  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options)
    this.name = 'Unavailable'
  }
}
