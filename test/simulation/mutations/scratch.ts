// A copy of the sources in which a mutation can be made.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Mutation } from './list.ts'

const root = join(import.meta.dirname, '../../..')
const copied = [
  'package.json',
  'stream-service/package.json',
  'stream-service/src',
  'test/package.json',
  'test/simulation',
  'test/properties/oracle.ts',
]

/** Makes the copy, hands out its folder, and removes it. */
export async function inScratchCopy<Result>(
  mutation: Mutation,
  use: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-mutation-'))
  try {
    for (const path of copied) {
      mkdirSync(join(folder, path, '..'), { recursive: true })
      cpSync(join(root, path), join(folder, path), { recursive: true })
    }
    for (const modules of ['node_modules', 'stream-service/node_modules', 'test/node_modules']) {
      if (existsSync(join(root, modules))) symlinkSync(join(root, modules), join(folder, modules))
    }
    const path = join(folder, mutation.file)
    writeFileSync(path, mutated(readFileSync(path, 'utf8'), mutation))
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @throws when a text to be changed is not there exactly once: the mutation has to be written anew. */
export function mutated(source: string, { name, file, changes }: Mutation): string {
  let text = source
  for (const { find, replace } of changes) {
    const parts = text.split(find)
    if (parts.length !== 2) throw new Error(`mutation '${name}': ${parts.length - 1} times in ${file}:\n${find}`)
    text = parts.join(replace)
  }
  return text
}

export function sourceOf({ file }: Mutation): string {
  return readFileSync(join(root, file), 'utf8')
}
