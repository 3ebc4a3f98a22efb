// Compiles the inner part of the field scanner from AssemblyScript, and writes the module that holds it: a TypeScript file,
// so that neither Node nor the bundler has to find a binary. It is committed; run this after a change in its source.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import asc from 'assemblyscript/asc'

const root = path.resolve(import.meta.dirname, '..')
const source = 'stream-service/src/records/wasm/index.ts'

export const scanModulePath = path.join(root, 'stream-service/src/records/scan-module.ts')

/** The text of the module, compiled from the source as it is. */
export async function buildScanModule(): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'wasm-'))
  try {
    const binary = path.join(dir, 'scan.wasm')
    const options = '-O3 --converge --noAssert --runtime stub --enable simd --enable relaxed-simd --initialMemory 32'
    const { error, stderr } = await asc.main([source, '--baseDir', root, '--outFile', binary, ...options.split(' ')])
    if (error !== null) throw new Error(`${source} does not compile:\n${stderr.toString()}`, { cause: error })
    return moduleText(await readFile(binary))
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

function moduleText(binary: Buffer): string {
  return [
    '// Written by `npm run build:wasm` from the source in `wasm/`: a WebAssembly module in base64.',
    '// biome-ignore format: one long string',
    `export const scanModule = '${binary.toString('base64')}'`,
    '',
  ].join('\n')
}

if (import.meta.main) {
  const text = await buildScanModule()
  await writeFile(scanModulePath, text)
  console.log(`${path.relative(root, scanModulePath)}  ${text.length} bytes`)
}
