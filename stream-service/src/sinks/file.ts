// A sink that appends lines to one file. The file holds whole lines at all times that matter: a torn last line, left by a
// crash or a full disk, is cut off before anything is written behind it.
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MillraceError } from '@millrace/shared/errors'
import type { OutputLine, Receipt, Sink } from './sink.ts'

export interface FileSinkOptions {
  /** Created with its folders when missing, continued otherwise. One process writes it at a time. */
  readonly path: string
  /**
   * When lines are forced to the disk itself. `close` (default): once, at the end; after a crash of the machine (not of
   * the process) accepted lines may be missing. `publish`: before each receipt, at the price of a disk flush.
   */
  readonly fsync?: 'close' | 'publish'
  /** Told when opening cut a torn last line off. */
  onTornLine?(bytes: number): void
}

/** Opens the file and cuts a torn last line off. Rejects with a `MillraceError` `not-writable` when it cannot be written. */
export async function openFileSink(options: FileSinkOptions): Promise<Sink> {
  const { path } = options
  try {
    await mkdir(dirname(path), { recursive: true })
    const file = await open(path, 'a+')
    const stat = await file.stat()
    const end = stat.isFile() ? await endOfLastLine(file, stat.size) : 0
    if (end < stat.size && stat.isFile()) {
      await file.truncate(end)
      options.onTornLine?.(stat.size - end)
    }
    return new FileSink(file, options, stat.isFile() ? end : undefined)
  } catch (error) {
    throw new MillraceError(
      'not-writable',
      `Could not open ${path} for writing: ${describe(error)}. Check that its folder exists and that you may write there.`,
      { cause: error },
    )
  }
}

class FileSink implements Sink {
  readonly #file: FileHandle
  readonly #options: FileSinkOptions
  /** The bytes of whole lines in the file; undefined where there is nothing to cut, as in a pipe. */
  #size: number | undefined
  #isTorn = false
  #isClosed = false

  constructor(file: FileHandle, options: FileSinkOptions, size: number | undefined) {
    this.#file = file
    this.#options = options
    this.#size = size
  }

  async publish(lines: readonly OutputLine[], signal: AbortSignal): Promise<readonly Receipt[]> {
    signal.throwIfAborted()
    if (lines.length === 0) return []
    const bytes = Buffer.from(lines.map(({ text }) => `${text}\n`).join(''))
    try {
      await this.#mend()
      this.#isTorn = true
      for (let at = 0; at < bytes.length; ) at += (await this.#file.write(bytes, at)).bytesWritten
      if (this.#options.fsync === 'publish') await this.#file.sync()
      this.#isTorn = false
      if (this.#size !== undefined) this.#size += bytes.length
    } catch (error) {
      const { path } = this.#options
      const message = `Could not write ${lines.length} lines to ${path}: ${describe(error)}. None of them was kept.`
      // Cut at once, so that whoever reads the file meanwhile sees whole lines; if that fails too, before the next write.
      await this.#mend().catch(() => {})
      throw new MillraceError('write-failed', message, { cause: error })
    }
    return lines.map(() => ({ status: 'accepted' }))
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    try {
      // Pipes and terminals have nothing to force to a disk.
      if (this.#size !== undefined) await this.#file.sync()
    } finally {
      await this.#file.close()
    }
  }

  /** Cuts off what a failed write left behind. */
  async #mend(): Promise<void> {
    if (!this.#isTorn) return
    if (this.#size !== undefined) await this.#file.truncate(this.#size)
    this.#isTorn = false
  }
}

/** The place after the last line break, looking from the end. */
async function endOfLastLine(file: FileHandle, size: number): Promise<number> {
  const chunk = Buffer.alloc(64 * 1024)
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - chunk.length)
    const { bytesRead } = await file.read(chunk, 0, end - start, start)
    const at = chunk.subarray(0, bytesRead).lastIndexOf(0x0a)
    if (at >= 0) return start + at + 1
    end = start
  }
  return 0
}

function describe(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const known: Record<string, string> = {
    EACCES: 'permission is denied',
    EPERM: 'permission is denied',
    EISDIR: 'it is a folder',
    ENOTDIR: 'a part of the path is a file, not a folder',
    EEXIST: 'a part of the path is a file, not a folder',
    ENOENT: 'the folder does not exist',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    EDQUOT: 'the disk quota is used up',
    EMFILE: 'too many files are open',
    ENFILE: 'too many files are open',
  }
  const text = known[code]
  return text ? `${text} (${code})` : error instanceof Error ? error.message : String(error)
}
