// Compiles the inner parts of the field scanner and of the reader of the KCL's records from AssemblyScript, and writes the
// modules that hold them: TypeScript files, so that neither Node nor the bundler has to find a binary. They are committed; run
// this after a change in their sources.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import asc from 'assemblyscript/asc'

const root = path.resolve(import.meta.dirname, '..')

interface WasmModule {
  readonly source: string
  readonly path: string
  readonly name: string
}

export const wasmModules: readonly WasmModule[] = [
  {
    source: 'stream-service/src/records/wasm/index.ts',
    path: path.join(root, 'stream-service/src/records/scan-module.ts'),
    name: 'scanModule',
  },
  {
    source: 'stream-service/src/sources/kcl/wasm/index.ts',
    path: path.join(root, 'stream-service/src/sources/kcl/records-module.ts'),
    name: 'recordsModule',
  },
]

/** The text of a module, compiled from its source as it is. */
export async function buildWasmModule({ source, name }: WasmModule): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'wasm-'))
  try {
    const binary = path.join(dir, 'scan.wasm')
    const options = '-O3 --converge --noAssert --runtime stub --enable simd --enable relaxed-simd --initialMemory 32'
    const { error, stderr } = await asc.main([source, '--baseDir', root, '--outFile', binary, ...options.split(' ')])
    if (error !== null) throw new Error(`${source} does not compile:\n${stderr.toString()}`, { cause: error })
    return moduleText(name, await readFile(binary))
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

function moduleText(name: string, binary: Buffer): string {
  return [
    '// Written by `npm run build:wasm` from the source in `wasm/`: a WebAssembly module in base64.',
    '// biome-ignore format: one long string',
    `export const ${name} = '${binary.toString('base64')}'`,
    '',
  ].join('\n')
}

if (import.meta.main) {
  for (const module of wasmModules) {
    const text = await buildWasmModule(module)
    await writeFile(module.path, text)
    console.log(`${path.relative(root, module.path)}  ${text.length} bytes`)
  }
}
