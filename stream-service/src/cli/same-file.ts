// Whether two paths that a user names are one file, however they are written: an output that is also the input would empty it
// before it is read, and two outputs in one file would write over each other.
import { statSync } from 'node:fs'
import { resolve } from 'node:path'

/** A flag and the path it was given. */
export interface NamedPath {
  readonly flag: string
  readonly path: string
}

/** The first of `paths` that names the file of `path` too. Standard streams, pipes and devices may be shared. */
export function sameFile({ path }: NamedPath, paths: readonly NamedPath[]): NamedPath | undefined {
  const identity = identityOf(path)
  return identity === undefined ? undefined : paths.find((other) => identityOf(other.path) === identity)
}

/** What two paths to one file have in common; undefined for what is no file. */
function identityOf(path: string): string | undefined {
  if (path === '-') return undefined
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return resolve(path)
  return stats.isFile() ? `${stats.dev}:${stats.ino}` : undefined
}
