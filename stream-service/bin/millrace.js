#!/usr/bin/env node
// Starts the command line on Node 24, whatever Node started this file: the sources are TypeScript, which only a newer Node
// runs as it is, and the project brings its own as the npm package `node`.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath } from 'node:url'

const [major, minor] = process.versions.node.split('.').map(Number)

if (major > 24 || (major === 24 && minor >= 12)) {
  // Keeps the compiled sources, which halves the time to start.
  module.enableCompileCache?.()
  await import('../src/cli/millrace.ts')
} else {
  const node24 = fileURLToPath(new URL('../../node_modules/node/bin/node', import.meta.url))
  if (!existsSync(node24)) {
    process.stderr.write(
      `millrace: needs Node 24.12 or newer, this is ${process.versions.node}; run 'npm install' in the project first\n`,
    )
    process.exit(2)
  }
  const child = spawn(node24, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' })
  // Ctrl-C reaches the child by itself; a SIGTERM reaches only this process.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143)
  })
}
