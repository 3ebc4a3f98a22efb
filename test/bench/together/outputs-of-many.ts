// Looks at outputs that hold the panes of several queries: each query's panes are sorted out and checked as if it had run
// alone. So a query has to answer the same, to the byte, whatever else runs beside it, and every time.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { workFolder } from '../cache.ts'
import { digestOf, verdictOf } from '../judge.ts'
import { forEachLine, LineWriter } from '../lines.ts'
import { queryNamed } from '../queries.ts'

export class OutputsOfMany {
  readonly #input: string
  /** By query, of its first output. */
  readonly #digests = new Map<string, string>()
  readonly #panes = new Map<string, number>()
  /** By name. */
  readonly #failures = new Map<string, Set<string>>()

  constructor(input: string) {
    this.#input = input
  }

  get failures(): readonly string[] {
    return [...this.#failures.values()].flatMap((failures) => [...failures])
  }

  isRight(name: string): boolean {
    return !this.#failures.has(name)
  }

  /** How many lines the last output of that name had. */
  panesOf(name: string): number {
    return this.#panes.get(name)!
  }

  async look(name: string, queries: readonly string[], output: string): Promise<void> {
    const files = new Map(queries.map((query) => [query, join(workFolder, `${query}.together.ndjson`)]))
    const writers = new Map([...files].map(([query, file]) => [query, new LineWriter(file)]))
    this.#panes.set(
      name,
      forEachLine(output, (line) => {
        const { query } = JSON.parse(line) as { query: string }
        const writer = writers.get(query)
        if (writer === undefined) this.#fail(name, `panes of ${query}`)
        else writer.write(line)
      }),
    )
    for (const writer of writers.values()) writer.close()
    for (const [query, file] of files) {
      await this.#check(name, query, file)
      rmSync(file)
    }
  }

  async #check(name: string, query: string, file: string): Promise<void> {
    const digest = await digestOf(file)
    const first = this.#digests.get(query)
    if (first === digest) return
    if (first !== undefined) {
      this.#fail(name, `${query} has other bytes than the first time`)
      return
    }
    this.#digests.set(query, digest)
    for (const fault of await verdictOf(queryNamed(query), this.#input, file)) this.#fail(name, `${query} has ${fault}`)
  }

  #fail(name: string, fault: string): void {
    const failures = this.#failures.get(name) ?? new Set()
    this.#failures.set(name, failures.add(`${name} is wrong: ${fault}`))
  }
}
