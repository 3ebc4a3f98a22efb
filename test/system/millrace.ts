// The command line as a user meets it: a process of its own over files in a folder of its own. Nothing here knows how the
// program works inside; what comes back is what it wrote, with its JSON read.
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../../stream-service/bin/millrace.js', import.meta.url))

/** A query in its JSON form. It is left open, because tests write wrong ones too. */
export type Query = Record<string, unknown>

/** A line of input: an object stands for its JSON, text for itself. */
export type Line = string | object

export interface Pane {
  readonly id: string
  readonly query: string
  readonly key: Record<string, unknown>
  readonly window: { readonly start: number; readonly end: number }
  readonly pane: {
    readonly index: number
    readonly timing: string
    readonly final: boolean
    readonly closedBy?: string
  }
  readonly values: Record<string, unknown>
  readonly supersedes?: readonly string[]
}

/** A line of `--late` or `--rejected`. */
interface Refused {
  readonly query: string
  readonly shard: string
  readonly position: string
  readonly reason: string
  readonly detail: string
  readonly record?: string
  readonly recordBase64?: string
}

export interface Books {
  readonly read: number
  readonly aggregated: number
  readonly filtered: number
  readonly late: number
  readonly rejected: number
  readonly heavyDone: number
  readonly pending: number
  readonly lateWindows: number
}

interface Ledger {
  readonly queries: Record<string, { readonly lanes: Record<string, Books>; readonly total: Books }>
}

export interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Replayed extends Run {
  readonly panes: readonly Pane[]
  readonly ledger: Ledger
  readonly late: readonly Refused[]
  readonly rejected: readonly Refused[]
}

export interface Given {
  readonly query: Query | readonly Query[]
  readonly input: string | Uint8Array | readonly Line[]
  /** More flags, `--scenario` say. */
  readonly flags?: readonly string[]
  readonly env?: Record<string, string>
  /** How the input comes: as a file (what is left out says) or through standard input. */
  readonly through?: 'file' | 'stdin'
}

/** A query over field `ts` with windows of 10 ms that counts into `n`; `parts` replace its properties. */
export function aQuery(parts: Query = {}): Query {
  return {
    name: 'q',
    time: { field: 'ts', unit: 'ms', outOfOrderness: '0ms' },
    window: { type: 'tumbling', size: '10ms' },
    aggregates: { n: { fn: 'count' } },
    ...parts,
  }
}

/** The books of a lane that read as many records as the parts add up to. */
export function books(parts: Partial<Books>): Books {
  return {
    read: 0,
    aggregated: 0,
    filtered: 0,
    late: 0,
    rejected: 0,
    heavyDone: 0,
    pending: 0,
    lateWindows: 0,
    ...parts,
  }
}

/** A pane in a line a person can check: `q/-/0-10 on-time 0 final {"n":2}`. */
function tell(pane: Pane): string {
  const { index, timing, final, closedBy } = pane.pane
  const marks = [final ? ' final' : '', closedBy === undefined ? '' : ` closed by ${closedBy}`].join('')
  const replaced = pane.supersedes === undefined ? '' : ` supersedes ${pane.supersedes.join(', ')}`
  return `${pane.id} ${timing} ${index}${marks} ${JSON.stringify(pane.values)}${replaced}`
}

/** The panes of one query, told. */
export function told(run: Replayed, query = 'q'): string[] {
  return run.panes.filter((pane) => pane.query === query).map(tell)
}

/** What stands in the end, `0-10` to values: of each id the highest revision, without those that another one supersedes. */
export function standing(run: Replayed, query = 'q'): Record<string, Record<string, unknown>> {
  const latest = new Map<string, Pane>()
  const superseded = new Set<string>()
  for (const pane of run.panes) {
    if (pane.query !== query) continue
    for (const id of pane.supersedes ?? []) superseded.add(id)
    if (pane.pane.index >= (latest.get(pane.id)?.pane.index ?? 0)) latest.set(pane.id, pane)
  }
  return Object.fromEntries(
    [...latest.values()]
      .filter(({ id }) => !superseded.has(id))
      .map(({ id, values }) => [id.slice(id.lastIndexOf('/') + 1), values]),
  )
}

export function bytesOf(input: string | Uint8Array | readonly Line[]): Uint8Array {
  if (input instanceof Uint8Array) return input
  const text = typeof input === 'string' ? input : input.map(textOf).join('')
  return Buffer.from(text)
}

function textOf(line: Line): string {
  return `${typeof line === 'string' ? line : JSON.stringify(line)}\n`
}

/** Does something in a new folder, and takes the folder away again. */
export async function inFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export interface Circumstances {
  readonly folder: string
  readonly stdin?: Uint8Array
  readonly env?: Record<string, string>
  /** The reader of standard output goes away after its first piece, as `head` does. */
  readonly hangsUp?: boolean
}

/** Runs `millrace` with these arguments in this folder. */
export function millrace(args: readonly string[], { folder, stdin, env, hangsUp }: Circumstances): Promise<Run> {
  const child = spawn(process.execPath, [bin, ...args], { cwd: folder, env: { ...process.env, ...env } })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => {
    stdout.push(chunk)
    if (hangsUp) child.stdout.destroy()
  })
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  // A program that refuses its arguments does not read its input to the end.
  child.stdin.on('error', () => {})
  child.stdin.end(stdin)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() })
    })
  })
}

/** Replays an input and reads all four outputs: panes, ledger, late and rejected records. The program must succeed. */
export function replay({ query, input, flags = [], env, through = 'file' }: Given): Promise<Replayed> {
  return inFolder(async (folder) => {
    const args = [
      'replay',
      '--ledger',
      'ledger.json',
      '--late',
      'late.ndjson',
      '--rejected',
      'rejected.ndjson',
      ...flags,
    ]
    for (const [number, one] of (Array.isArray(query) ? query : [query]).entries()) {
      await writeFile(join(folder, `query-${number}.json`), JSON.stringify(one))
      args.push('--query', `query-${number}.json`)
    }
    const bytes = bytesOf(input)
    if (through === 'file') await writeFile(join(folder, 'input.ndjson'), bytes)
    args.push('--input', through === 'file' ? 'input.ndjson' : '-')

    const run = await millrace(args, {
      folder,
      ...(through === 'stdin' && { stdin: bytes }),
      ...(env !== undefined && { env }),
    })
    if (run.code !== 0) throw new Error(`millrace ${args.join(' ')} ended with ${run.code}:\n${run.stderr}`)
    return {
      ...run,
      panes: linesOf<Pane>(run.stdout),
      ledger: JSON.parse(await readFile(join(folder, 'ledger.json'), 'utf8')) as Ledger,
      late: linesOf<Refused>(await readFile(join(folder, 'late.ndjson'), 'utf8')),
      rejected: linesOf<Refused>(await readFile(join(folder, 'rejected.ndjson'), 'utf8')),
    }
  })
}

/** The values of NDJSON, each line of which must end in a line feed. */
function linesOf<Value>(text: string): Value[] {
  if (text === '') return []
  if (!text.endsWith('\n')) throw new Error(`no line feed at the end of: ${text.slice(-200)}`)
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line) as Value)
}
