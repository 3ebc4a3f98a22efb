// What the benchmark keeps between runs, in .cache/bench: workloads, expected results, and what contestants need. All of it
// is made again when it is gone.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const cacheFolder = fileURLToPath(new URL('../../.cache/bench', import.meta.url))

/** A short hash of sources, as a part of the names of what is made with them: other sources make another thing. */
export function hashOf(files: readonly string[]): string {
  const hash = createHash('sha256')
  for (const file of files) hash.update(readFileSync(join(import.meta.dirname, file)))
  return hash.digest('hex').slice(0, 8)
}

/** What this run writes and does not keep. */
export const workFolder = join(cacheFolder, `work-${process.pid}`)

/** Takes away what this run has left, and others that were killed. */
export function removeWork(): void {
  if (!existsSync(cacheFolder)) return
  for (const name of readdirSync(cacheFolder)) {
    const pid = Number(/^work-(\d+)$/.exec(name)?.[1] ?? Number.NaN)
    if (pid === process.pid || (pid > 0 && !isRunning(pid)))
      rmSync(join(cacheFolder, name), { recursive: true, force: true })
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Makes a file or folder in the cache unless it is there. It gets its name once it is complete, so there is never half of it. */
export async function makeOnce(path: string, make: (temporary: string) => Promise<void> | void): Promise<void> {
  if (existsSync(path)) return
  mkdirSync(workFolder, { recursive: true })
  const temporary = join(workFolder, basename(path))
  await make(temporary)
  // Another run may have been faster.
  if (!existsSync(path)) renameSync(temporary, path)
}

/** Installs one npm package, with what it needs, into a folder of its own. */
export function installNpmPackage(name: string, version: string, folder: string): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies: { [name]: version } }))
  const npm = process.env.npm_execpath
  const [command, ...before] = npm ? [process.execPath, npm] : ['npm']
  const flags = ['--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error']
  execFileSync(command!, [...before, 'install', '--prefix', folder, ...flags], {
    cwd: folder,
    stdio: ['ignore', 2, 'inherit'],
  })
}
