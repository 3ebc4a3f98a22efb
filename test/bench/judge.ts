// Looks at what contestants have written.
import { createHash } from 'node:crypto'
import { createReadStream, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Cell } from './cell.ts'
import type { Contestant } from './contestants.ts'
import { expectedFile } from './inputs.ts'
import { ProcessError, runProcess } from './processes.ts'
import type { Query } from './query.ts'

interface Looked {
  readonly cell: Cell
  readonly contestant: Contestant
  readonly query: Query
  readonly input: string
  readonly output: string
}

/** An output that waits for its verdict, and whose outputs were the same. */
interface Waiting extends Looked {
  readonly cells: Cell[]
}

/** So many outputs are checked at once, one on each core; nothing is on the clock meanwhile. */
const checkedAtOnce = 2

/**
 * Looks at the first output of each contestant, and at all of one that is deterministic: it must give the same bytes each
 * time. Equal outputs are checked once. Verdicts come late, the last with `settle`.
 */
export class Judge {
  readonly #say: (text: string) => void
  /** By query and digest. */
  readonly #verdicts = new Map<string, readonly string[]>()
  readonly #waiting = new Map<string, Waiting>()
  readonly #firstDigests = new Map<Cell, string>()

  /** Hears of what is wrong. */
  constructor(say: (text: string) => void) {
    this.#say = say
  }

  /** The output is renamed when it is kept. */
  async look(looked: Looked): Promise<void> {
    const { cell, contestant, query, output } = looked
    if (contestant.isUnchecked) return
    const first = this.#firstDigests.get(cell)
    if (first !== undefined && !contestant.isDeterministic) return
    const digest = `${query.name} ${await digestOf(output)}`
    if (first === undefined) {
      cell.faults = []
      this.#firstDigests.set(cell, digest)
      await this.#check(digest, looked)
    } else if (first !== digest) this.#blame(cell, ['other bytes than in the first run'])
  }

  async #check(digest: string, looked: Looked): Promise<void> {
    const verdict = this.#verdicts.get(digest)
    const waiting = this.#waiting.get(digest)
    if (verdict !== undefined) this.#blame(looked.cell, verdict)
    else if (waiting !== undefined) waiting.cells.push(looked.cell)
    else {
      const output = `${looked.output}.waits`
      renameSync(looked.output, output)
      this.#waiting.set(digest, { ...looked, output, cells: [looked.cell] })
      if (this.#waiting.size === checkedAtOnce) await this.settle()
    }
  }

  /** Gives the verdicts that are missing. */
  async settle(): Promise<void> {
    await Promise.all([...this.#waiting].map(([digest, waiting]) => this.#decide(digest, waiting)))
    this.#waiting.clear()
  }

  async #decide(digest: string, { query, input, output, cells }: Waiting): Promise<void> {
    try {
      const verdict = await verdictOf(query, input, output)
      this.#verdicts.set(digest, verdict)
      for (const cell of cells) this.#blame(cell, verdict)
    } catch (error) {
      if (!(error instanceof ProcessError)) throw error
      for (const cell of cells) cell.failure = `its output could not be checked: ${error.message}`
    }
    rmSync(output)
  }

  #blame(cell: Cell, faults: readonly string[]): void {
    if (faults.length === 0) return
    cell.faults = [...cell.faults!, ...faults]
    this.#say(`${cell.query}  ${cell.contestant}: WRONG: ${faults.join('; ')}`)
  }
}

export async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}

/** The faults of an output; found in a process of its own, so that its memory does not stay. */
export async function verdictOf(query: Query, input: string, output: string): Promise<string[]> {
  const script = join(import.meta.dirname, 'verify.ts')
  const command = [process.execPath, script, query.name, await expectedFile(query, input), output]
  try {
    return JSON.parse(await runProcess(command)) as string[]
  } catch (error) {
    if (error instanceof ProcessError && error.output.startsWith('[')) return JSON.parse(error.output) as string[]
    throw error
  }
}
