import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { buildScanModule, scanModulePath } from './build-wasm.ts'

test('the committed scan module is what its source compiles to', async () => {
  const committed = await readFile(scanModulePath, 'utf8')
  expect(committed === (await buildScanModule()), 'run `npm run build:wasm`').toBe(true)
})
