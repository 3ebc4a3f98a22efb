// `npm run check`: format and lint, types, unused files and dependencies, licences. All are run; any failure fails.

import { licenceFaults } from './licences.mjs'
import { root, runNode } from './node24.mjs'

const bin = (path) => `${root}node_modules/${path}`
const checks = [
  ['format and lint', () => runNode([bin('@biomejs/biome/bin/biome'), 'check', root])],
  ['types', () => runNode([bin('typescript/bin/tsc'), '-p', root])],
  ['unused files, exports and dependencies', () => runNode([bin('knip/bin/knip.js')])],
  [
    'licences',
    async () => {
      const faults = licenceFaults()
      for (const fault of faults) process.stderr.write(`${fault}\n`)
      return faults.length === 0 ? 0 : 1
    },
  ],
]
for (const [name, check] of checks) {
  const code = await check()
  process.stdout.write(`${code === 0 ? 'ok  ' : 'FAIL'} ${name}\n`)
  if (code !== 0) process.exitCode = 1
}
