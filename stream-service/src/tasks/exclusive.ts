// Lets one at a time do something that takes a while, in the order in which they came.

export class Exclusive {
  #last: Promise<unknown> = Promise.resolve()

  run<Result>(use: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(use)
    // Whoever waits for this turn hears of its failure; those behind it have their own.
    this.#last = turn.catch(() => {})
    return turn
  }
}
