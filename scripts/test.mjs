// `npm test`: sets everything up, runs all tests, and says loudly which did not run and why. Arguments go to Vitest.
// Without a Docker engine the integration tests cannot run, and without Java and Maven those of the KCL; in CI that is a
// failure.
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { whyNoDocker } from './docker.mjs'
import { whyNoKcl } from './kcl-jars.mjs'
import { install, root, runNode } from './node24.mjs'

await install()
const noDocker = await whyNoDocker()
const noKcl = whyNoKcl()
const projects = [
  ...['unit', 'system'],
  ...(noKcl === undefined ? ['kcl'] : []),
  ...(noDocker === undefined ? ['integration'] : []),
]
const report = `${root}.cache/vitest.json`
mkdirSync(`${root}.cache`, { recursive: true })
rmSync(report, { force: true })
const code = await runNode([
  `${root}node_modules/vitest/vitest.mjs`,
  'run',
  ...projects.flatMap((project) => ['--project', project]),
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
  ...process.argv.slice(2),
])

if (noDocker !== undefined) {
  tellNotRun('test/integration', `no Docker engine answers (${noDocker})`, 'Start Docker')
}
if (noKcl !== undefined) {
  tellNotRun('test/kcl', `the KCL's jars cannot be had (${noKcl})`, 'Install Java 17 and Maven')
}
const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0, testResults = [] } = readReport()
// Why a test is skipped stands in its name or beside it: file rights that root does not feel, known faults of an emulator.
for (const { assertionResults = [] } of testResults) {
  for (const { status, fullName } of assertionResults) {
    if (status !== 'passed' && status !== 'failed') process.stdout.write(`SKIPPED ${fullName}\n`)
  }
}
const missing = process.env.CI ? [noDocker, noKcl].filter((reason) => reason !== undefined).length : 0
if (missing > 0) process.stdout.write('In CI, tests that cannot run are a failure.\n')
// A run that ends badly without a failed test (a suite that does not load, an unhandled rejection) is a failure all the same.
const failed = numFailedTests + missing + (code !== 0 && numFailedTests === 0 ? 1 : 0)
const skipped = numPendingTests > 0 ? `, ${numPendingTests} skipped` : ''
process.stdout.write(`${numPassedTests} passed, ${failed} failed${skipped}\n`)
process.exitCode = failed > 0 || numPassedTests === 0 ? 1 : 0

function tellNotRun(folder, reason, cure) {
  process.stdout.write(`\nNOT RUN, because ${reason}:\n`)
  const files = readdirSync(`${root}${folder}`).filter((name) => name.endsWith('.test.ts'))
  for (const file of files) process.stdout.write(`  ${folder}/${file}\n`)
  process.stdout.write(`${cure} and run npm test again to run them.\n\n`)
}

function readReport() {
  try {
    return JSON.parse(readFileSync(report, 'utf8'))
  } catch {
    return {}
  }
}
