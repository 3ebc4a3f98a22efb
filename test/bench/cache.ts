// What the benchmark keeps between runs, in .cache/bench: workloads, expected results, and what contestants need. All of it
// is made again when it is gone.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const cacheFolder = fileURLToPath(new URL('../../.cache/bench', import.meta.url))

/** A short hash of sources, as a part of the names of what is made with them: other sources make another thing. */
export function hashOf(files: readonly string[]): string {
  const hash = createHash('sha256')
  for (const file of files) hash.update(readFileSync(join(import.meta.dirname, file)))
  return hash.digest('hex').slice(0, 8)
}

/** Makes a file or folder unless it is there. It gets its name once it is complete, so a run that was stopped leaves no half of it. */
export async function makeOnce(path: string, make: (temporary: string) => Promise<void> | void): Promise<void> {
  if (existsSync(path)) return
  const temporary = `${path}.${process.pid}`
  mkdirSync(dirname(path), { recursive: true })
  try {
    await make(temporary)
    // Another run may have been faster.
    if (!existsSync(path)) renameSync(temporary, path)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
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
