import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { buildWasmModule, wasmModules } from './build-wasm.ts'

test.each(wasmModules)('the committed $name is what its source compiles to', async (module) => {
  const committed = await readFile(module.path, 'utf8')
  expect(committed === (await buildWasmModule(module)), 'run `npm run build:wasm`').toBe(true)
})
