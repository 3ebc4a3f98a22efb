// Opens what a user names as input: a file or standard input ('-'), gzipped or not (told by its first bytes, not by its
// name), as a stream of byte blocks.
import { closeSync, openSync, readSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { createGunzip } from 'node:zlib'

/** The input cannot be read; `message` names it and says why. */
export class InputError extends Error {
  readonly code = 'INPUT_UNREADABLE'

  constructor(name: string, cause: unknown) {
    super(`${name}: ${explain(cause as NodeJS.ErrnoException)}`, { cause })
    this.name = 'InputError'
  }
}

const blockBytes = 1 << 19
const blocksPerTurn = 8

/**
 * The blocks of an input, in order, unzipped. A byte order mark at the very start is left out. The bytes of a block are
 * overwritten once the next one is asked for.
 * @throws InputError when the input does not exist, cannot be read, or is a damaged gzip file.
 */
export async function* readBlocks(path: string): AsyncGenerator<Buffer> {
  const name = path === '-' ? 'standard input' : path
  try {
    const blocks: AsyncIterator<Buffer> = path === '-' ? process.stdin[Symbol.asyncIterator]() : fileBlocks(path)
    const first = await blocks.next()
    if (first.done) return
    const rest = joined(first.value, blocks)
    yield* withoutByteOrderMark(isGzip(first.value) ? unzipped(rest) : rest)
  } catch (error) {
    throw error instanceof InputError ? error : new InputError(name, error)
  }
}

/**
 * One buffer serves all blocks: a new one for each costs about as much as reading it. Reading waits for the disk, where the
 * system has not read ahead: that costs less than to be told later. Others get their turn between blocks, now and then.
 */
async function* fileBlocks(path: string): AsyncGenerator<Buffer> {
  const file = openSync(path, 'r')
  const buffer = Buffer.allocUnsafeSlow(blockBytes)
  try {
    for (let turn = 1; ; turn++) {
      const bytesRead = readSync(file, buffer, 0, blockBytes, null)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
      if (turn % blocksPerTurn === 0) await setImmediate()
    }
  } finally {
    closeSync(file)
  }
}

function isGzip(block: Buffer): boolean {
  return block[0] === 0x1f && block[1] === 0x8b
}

async function* joined(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield first
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value
  } finally {
    await rest.return?.()
  }
}

async function* unzipped(blocks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: blockBytes })
  const fed = (async () => {
    try {
      for await (const block of blocks) {
        // What is written is read later.
        if (!gunzip.write(Buffer.from(block))) await new Promise((resolve) => gunzip.once('drain', resolve))
      }
      gunzip.end()
    } catch (error) {
      gunzip.destroy(error as Error)
    }
  })()
  try {
    yield* gunzip as AsyncIterable<Buffer>
    await fed
  } finally {
    gunzip.destroy()
  }
}

async function* withoutByteOrderMark(blocks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let start: Buffer | undefined = Buffer.alloc(0)
  for await (const block of blocks) {
    if (start === undefined) {
      yield block
      continue
    }
    start = Buffer.concat([start, block])
    if (start.length < 3) continue
    yield start[0] === 0xef && start[1] === 0xbb && start[2] === 0xbf ? start.subarray(3) : start
    start = undefined
  }
  if (start !== undefined && start.length > 0) yield start
}

function explain(cause: NodeJS.ErrnoException): string {
  switch (cause.code) {
    case 'ENOENT':
      return 'there is no such file'
    case 'EISDIR':
      return 'is a folder, not a file'
    case 'EACCES':
      return 'may not be read (permission denied)'
    case 'Z_DATA_ERROR':
    case 'Z_BUF_ERROR':
      return `is a damaged gzip file (${cause.message})`
    default:
      return cause.message
  }
}
